// Tests of what the speed of the host's link is taken to be, on recorded trees of the kernel's files.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { linkSpeedMbit } from './link-speed.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

type Interface = {
  readonly speed?: string;
  readonly operstate?: string;
  readonly isPhysical?: boolean;
};

const HEADER =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const defaultRoute = (name: string, metric: number) =>
  `${name}\t00000000\t0102000A\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0`;
const localRoute = (name: string) =>
  `${name}\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0`;

/** The speed that a host with these interfaces and routes is taken to have. */
function speedWith(interfaces: Readonly<Record<string, Interface>>, routes: readonly string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'parley-link-'));
  folders.push(folder);
  const classFolder = path.join(folder, 'net');
  mkdirSync(classFolder);
  for (const [name, { speed, operstate = 'up', isPhysical = false }] of Object.entries(
    interfaces,
  )) {
    mkdirSync(path.join(classFolder, name));
    writeFileSync(path.join(classFolder, name, 'operstate'), `${operstate}\n`);
    if (speed !== undefined) writeFileSync(path.join(classFolder, name, 'speed'), `${speed}\n`);
    if (isPhysical) mkdirSync(path.join(classFolder, name, 'device'));
  }
  writeFileSync(path.join(folder, 'route'), `${[HEADER, ...routes].join('\n')}\n`);
  return linkSpeedMbit({ interfaces: classFolder, routes: path.join(folder, 'route') });
}

const lo = { operstate: 'unknown' };
const eth0 = { speed: '1000', isPhysical: true };
const eth1 = { speed: '25000', isPhysical: true };

test('the link of the default route counts, not a faster one beside it', () => {
  expect(speedWith({ lo, eth0, eth1 }, [localRoute('eth1'), defaultRoute('eth0', 0)])).toBe(1000);
});

test('of two default routes the one with the lower metric counts', () => {
  const routes = [defaultRoute('eth0', 200), defaultRoute('eth1', 100)];
  expect(speedWith({ lo, eth0, eth1 }, routes)).toBe(25_000);
});

test('a bond that carries the default route counts with its own speed', () => {
  const bond0 = { speed: '20000' };
  expect(speedWith({ lo, bond0, eth0 }, [defaultRoute('bond0', 0)])).toBe(20_000);
});

test('behind a bridge that tells no speed the fastest physical link that is up counts', () => {
  const down = { speed: '100000', operstate: 'down', isPhysical: true };
  const interfaces = { lo, br0: { speed: '-1' }, eth0, eth1, eth2: down };
  expect(speedWith(interfaces, [defaultRoute('br0', 0)])).toBe(25_000);
});

test('virtual interfaces that nothing is routed over by default do not count', () => {
  const veth1 = { speed: '10000' };
  expect(speedWith({ lo, veth1, eth0 }, [])).toBe(1000);
  expect(speedWith({ lo, veth1 }, [])).toBeUndefined();
});

test.each([
  ['is -1', { speed: '-1', isPhysical: true }],
  ['cannot be read', { isPhysical: true }],
  ['is 0', { speed: '0', isPhysical: true }],
  ['is no number', { speed: 'fast', isPhysical: true }],
  ['is that of a link that is down', { speed: '1000', operstate: 'down', isPhysical: true }],
])('nobody tells the speed of a host whose only one %s', (_, only) => {
  expect(speedWith({ lo, eth0: only }, [defaultRoute('eth0', 0)])).toBeUndefined();
});

test('the loopback has no speed, whatever it shows', () => {
  expect(speedWith({ lo: { speed: '10000', isPhysical: true } }, [])).toBeUndefined();
});

test('a host without these files tells no speed', () => {
  expect(linkSpeedMbit({ interfaces: '/nowhere/net', routes: '/nowhere/route' })).toBeUndefined();
});

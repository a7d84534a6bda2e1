// Private networks of tasks, made by the kernel's own means in a network namespace that stands for a host: only root can make
// either.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseNetworkRange } from '@parley/isolation/network-range';
import { type TaskNetwork, TaskNetworks } from '@parley/isolation/task-networks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRoot } from './each-launcher.ts';

const PORT = 31_007;
const ECHO = `require('net').createServer((socket) => socket.end('from ' + socket.remoteAddress)).listen(${PORT}, '0.0.0.0', () => console.log('listening'))`;
const SINK = `require('net').createServer((socket) => socket.resume()).listen(${PORT}, '0.0.0.0', () => console.log('listening'))`;

let host: ChildProcess;
let enterCommand: readonly string[];
let networks: TaskNetworks;
const servers: ChildProcess[] = [];

beforeAll(async () => {
  const script = 'mount -t tmpfs none /run && ip link set lo up && echo made && exec sleep 1000';
  const words = ['--net', '--mount', '--', 'sh', '-c', script];
  host = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (host.stdout === null) throw new Error('no output');
  await once(host.stdout, 'data');
  enterCommand = ['nsenter', '--target', String(host.pid), '--net', '--mount', '--'];
  // An uplink with a neighbour behind it, as a host has.
  inHost('ip netns add neighbour');
  inHost('ip link add uplink type veth peer name eth0 netns neighbour');
  inHost('ip address add 192.0.2.1/24 dev uplink && ip link set uplink up');
  inHost('ip -n neighbour address add 192.0.2.2/24 dev eth0 && ip -n neighbour link set eth0 up');
  networks = await open();
});

afterAll(() => {
  for (const server of [...servers, host]) server.kill('SIGKILL');
});

function open(range = '10.88.0.0/29'): Promise<TaskNetworks> {
  const parsed = parseNetworkRange(range);
  if (parsed === undefined) throw new Error(range);
  return TaskNetworks.open({ range: parsed, enterCommand });
}

function inHost(script: string): string {
  const [program = '', ...words] = [...enterCommand, 'sh', '-c', script];
  return execFileSync(program, words, { encoding: 'utf8', timeout: 20_000 });
}

function tryInHost(script: string): boolean {
  try {
    inHost(`{ ${script}; } > /dev/null 2>&1`);
    return true;
  } catch {
    return false;
  }
}

/** What runs as a task of the network would. */
const inTask = ({ namespacePath }: TaskNetwork, script: string): string =>
  `nsenter --net=${namespacePath} -- ${script}`;

async function made(
  unit: string,
  changes: { egressKbit?: number; ports?: number[] } = {},
): Promise<TaskNetwork> {
  const { egressKbit, ports = [] } = changes;
  const outcome = await networks.make({ unit, egressKbit, ports });
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.network;
}

const node = (script: string): string => `${process.execPath} -e "${script}"`;
const ask = (address: string): string =>
  node(
    `require('net').connect(${PORT}, '${address}').on('data', (data) => console.log(String(data))).on('error', () => process.exit(1)).setTimeout(1500, () => process.exit(1))`,
  );

const serve = (network: TaskNetwork): Promise<ChildProcess> => started(inTask(network, node(ECHO)));
const besideHost = (script: string): Promise<ChildProcess> =>
  started(`ip netns exec neighbour ${node(script)}`);

/** Resolves when it has said something. */
async function started(command: string): Promise<ChildProcess> {
  const [program = '', ...words] = enterCommand;
  const server = spawn(program, [...words, 'sh', '-c', `exec ${command}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(server);
  await once(server.stdout, 'data');
  return server;
}

describe.runIf(isRoot)('a task with a private network', () => {
  it('has an address of its own, a loopback of its own, and no link of the host', async () => {
    const network = await made('own');
    const links = inHost(inTask(network, 'ip -brief address'));
    expect(links.trim().split('\n')).toHaveLength(2);
    expect(links).toContain(`${network.address}/31`);
    expect(links).toContain('127.0.0.1/8');
    await networks.remove('own');
  });

  it('reaches what its host reaches, under the address of the host', async () => {
    const network = await made('outward');
    const neighbour = await besideHost(ECHO);
    const answer = inHost(inTask(network, ask('192.0.2.2')));
    expect(answer.trim()).toBe('from 192.0.2.1');
    neighbour.kill('SIGKILL');
    await networks.remove('outward');
  });

  it('is reached by the ports that it has, from its host and from elsewhere, and not by its address', async () => {
    const network = await made('server', { ports: [PORT] });
    const server = await serve(network);
    expect(tryInHost(ask('192.0.2.1'))).toBe(true);
    expect(inHost(`ip netns exec neighbour ${ask('192.0.2.1')}`).trim()).toBe('from 192.0.2.2');
    inHost('ip -n neighbour route add 10.88.0.0/29 via 192.0.2.1');
    expect(tryInHost(`ip netns exec neighbour ${ask(network.address)}`)).toBe(false);
    server.kill('SIGKILL');
    await networks.remove('server');
    expect(tryInHost(ask('192.0.2.1'))).toBe(false);
    expect(inHost('nft list ruleset')).not.toContain(`${PORT} :`);
  });

  it('is reached by another task through the ports of the host, and not directly', async () => {
    const [network, other] = [await made('server', { ports: [PORT] }), await made('client')];
    const server = await serve(network);
    expect(tryInHost(inTask(other, ask('192.0.2.1')))).toBe(true);
    expect(tryInHost(inTask(other, ask(network.address)))).toBe(false);
    server.kill('SIGKILL');
    await networks.remove('server');
    await networks.remove('client');
  });

  it('sends no faster than it may, while one beside it does', async () => {
    const [slow, fast] = [await made('slow', { egressKbit: 8000 }), await made('fast')];
    const send = node(
      `const socket = require('net').connect(${PORT}, '192.0.2.2'); const until = Date.now() + 1500; const block = Buffer.alloc(65536); const more = () => { while (Date.now() < until) if (!socket.write(block)) return socket.once('drain', more); socket.destroy(); }; more()`,
    );
    const sent: number[] = [];
    for (const network of [slow, fast]) {
      const server = await besideHost(SINK);
      const before = bytesOf(network);
      inHost(inTask(network, send));
      sent.push(bytesOf(network) - before);
      server.kill('SIGKILL');
      await once(server, 'close');
    }
    const [ofSlow = 0, ofFast = 0] = sent;
    // A megabyte a second for what the queue holds and a second and a half.
    expect(ofSlow).toBeLessThan(3_000_000);
    expect(ofSlow).toBeGreaterThan(500_000);
    expect(ofFast).toBeGreaterThan(5 * ofSlow);
    await networks.remove('slow');
    await networks.remove('fast');
  });

  it('cannot have one when every address is in use, and has one when another has ended', async () => {
    const units = ['a', 'b', 'c', 'd'];
    for (const unit of units) await made(unit);
    const refused = await networks.make({ unit: 'e', egressKbit: undefined, ports: [] });
    expect(refused).toEqual({
      ok: false,
      message: expect.stringContaining('all 4 addresses of 10.88.0.0/29 are in use'),
    });
    await networks.remove('b');
    expect((await made('e')).address).toBe('10.88.0.3');
    for (const unit of [...units, 'e']) await networks.remove(unit);
  });

  it('keeps it while its agent starts again; what was made by halves goes', async () => {
    const network = await made('kept', { ports: [PORT] });
    const server = await serve(network);
    inHost('ip netns add parl0a580002; ip netns add parl0a580004');
    inHost('ip link add parl0a580004 type veth peer name eth0 netns parl0a580004');
    const again = await open();
    expect([...again.units()]).toEqual(['kept']);
    expect(again.of('kept')).toEqual(network);
    expect(tryInHost(ask('192.0.2.1'))).toBe(true);
    expect(inHost('ip netns list; ip link')).not.toMatch(/parl0a58000[24]/);
    server.kill('SIGKILL');
    await again.close();
    expect(inHost('ip netns list').trim().split(' ')[0]).toBe('neighbour');
    expect(inHost('nft list ruleset').trim()).toBe('');
  });
});

/** That the task has sent. */
function bytesOf(network: TaskNetwork): number {
  const shown = inHost(inTask(network, 'cat /proc/net/dev'));
  return Number(/eth0: *(?:\d+ +){8}(\d+)/.exec(shown)?.[1]);
}

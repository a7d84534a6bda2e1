// Tests what of its host an agent gives to a task that asks: what its operator allows, by what it is without links, and no way
// out of it.
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readHostAccess } from './host-access-options.ts';
import { grantedDevices, grantedVolumes, isSecret } from './host-grants.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-grants-'));
  for (const directory of ['data/sets/one', 'data/shared', 'other']) {
    mkdirSync(path.join(root, directory), { recursive: true });
  }
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (place: string): string => path.join(root, place);
const refused = (text: string) => ({
  ok: false,
  failure: { code: 'notPermitted', message: expect.stringContaining(text) },
});

function volume(place: string, { readOnly = false, allowed = 'data', only = false } = {}) {
  const asked = [{ hostPath: at(place), path: 'in', readOnly }];
  return grantedVolumes(asked, [{ path: at(allowed), readOnly: only }]);
}

test('a directory is given where it or one above it is allowed', async () => {
  for (const place of ['data', 'data/sets/one']) {
    expect(await volume(place)).toMatchObject({ ok: true, value: [{ from: at(place) }] });
  }
  expect(await volume('other')).toEqual(refused(`--host-volumes ${at('other')}`));
  expect(await volume('data-of-others')).toEqual(refused('--host-volumes'));
});

test('what is allowed to read only is given to who says so', async () => {
  expect(await volume('data', { only: true })).toEqual(refused('"readOnly": true'));
  expect(await volume('data', { only: true, readOnly: true })).toMatchObject({ ok: true });
});

test('a link counts as what it leads to', async () => {
  symlinkSync(at('other'), at('data/out'));
  symlinkSync(at('data/sets'), at('in'));
  expect(await volume('data/out')).toEqual(refused('to no task'));
  expect(await volume('in/one')).toMatchObject({
    ok: true,
    value: [{ from: at('data/sets/one') }],
  });
});

test('a directory is not given where somebody else could put a link in its place meanwhile', async () => {
  chmodSync(at('data/sets'), 0o777);
  expect(await volume('data/sets')).toMatchObject({ ok: true });
  expect(await volume('data/sets/one')).toEqual(refused(`by who writes to ${at('data/sets')}`));
  expect(await volume('data/sets/one', { allowed: 'data/sets/one' })).toMatchObject({ ok: true });
});

test.runIf(process.getuid?.() === 0)(
  'nor where one on the way belongs to somebody else',
  async () => {
    chownSync(at('data/sets'), 65_534, 65_534);
    expect(await volume('data/sets/one')).toEqual(refused('by who writes to'));
  },
);

test('a file is no volume', async () => {
  writeFileSync(at('data/file'), '');
  expect(await volume('data/file')).toEqual(refused('is no directory'));
});

test('a device is given where it, or a directory of devices, is allowed; those of everybody are no wish', async () => {
  const names = ['/dev/null', '/dev/stdin'];
  expect(await grantedDevices(['/dev/null', '/dev/urandom'], [])).toEqual({ ok: true, value: [] });
  expect(await grantedDevices(['/dev/nothing-there'], [])).toEqual(refused('there is no device'));
  expect(await grantedDevices(['/dev/tty0', ...names], [])).toEqual(
    refused('--task-devices /dev/tty0'),
  );
  for (const allowed of ['/dev/tty0', '/dev']) {
    expect(await grantedDevices(['/dev/tty0'], [allowed])).toEqual({
      ok: true,
      value: ['/dev/tty0'],
    });
  }
  expect(await grantedDevices(['/dev/shm'], ['/dev'])).toEqual(refused('is no device'));
});

test('what may be asked for is said by paths, and where to read only', () => {
  expect(readHostAccess({})).toEqual({ ok: true, value: { devices: [], volumes: [] } });
  const told = { 'task-devices': ['/dev/kvm'], 'host-volumes': ['/srv/data', '/srv/sets:ro'] };
  expect(readHostAccess(told)).toEqual({
    ok: true,
    value: {
      devices: ['/dev/kvm'],
      volumes: [
        { path: '/srv/data', readOnly: false },
        { path: '/srv/sets', readOnly: true },
      ],
    },
  });
  for (const wrong of [
    { 'task-devices': ['/etc/passwd'] },
    { 'task-devices': ['/dev/../etc'] },
    { 'host-volumes': ['srv:ro'] },
  ]) {
    expect(readHostAccess(wrong)).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  }
});

test('what is hidden from tasks is in nothing that they are given, unless it is allowed by itself', async () => {
  const secrets = { workDirectory: at('other'), hidden: [at('data/sets')] };
  const isIt = async (place: string, allowed = 'data'): Promise<boolean> => {
    const granted = await volume(place, { allowed });
    const [one] = granted.ok ? granted.value : [];
    if (one === undefined) throw new Error(`${place} is not given`);
    return isSecret(one, secrets);
  };
  for (const place of ['data', 'data/sets', 'data/sets/one']) expect(await isIt(place)).toBe(true);
  expect(await isIt('data/shared')).toBe(false);
  expect(await isIt('data/sets/one', 'data/sets/one')).toBe(false);
  expect(await isIt('other', 'other')).toBe(true);
});

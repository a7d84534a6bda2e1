// What is told before anything starts on a host, or under a choice, that cannot confine tasks as asked.
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FrameworkRef } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfinement } from './confinement-options.ts';
import { prepareConfinement } from './confinement-setup.ts';
import { FrameworkUsers } from './framework-users.ts';
import { findTaskUsers } from './task-users.ts';

let workDirectory: string;
beforeEach(async () => {
  workDirectory = await mkdtemp(path.join(tmpdir(), 'parley-confinement-'));
});
afterEach(() => rm(workDirectory, { recursive: true }));

// No program is found there.
const isolation = {
  kind: 'system-systemd',
  rootPath: '/',
  enterCommand: ['/usr/bin/env', 'PATH=/var/empty'],
} as const;

function prepared(
  confine: string | undefined,
  kind: 'system-systemd' | 'process' = 'system-systemd',
  more: { 'task-users'?: string } = {},
) {
  const choice = readConfinement({ confine, ...more });
  if (!choice.ok) throw new Error(choice.failure.message);
  const how = { ...isolation, kind };
  return prepareConfinement({
    choice: choice.value,
    isolation: how,
    workDirectory,
    secretFiles: [],
  });
}

test('without what confines, nothing is started, and the package that is missing is named', async () => {
  const refused = await prepared('default');
  if (refused.ok) throw new Error('it was not refused');
  expect(refused.failure.code).toBe('notPermitted');
  expect(refused.failure.message).toContain('apt-get install bubblewrap');
  expect(refused.failure.message).toContain('--confine none');
});

test('a file that tasks may not see is hidden with its directory, since another file may be put in its place', async () => {
  await chmod(workDirectory, 0o755);
  const secrets = path.join(workDirectory, 'secrets');
  await mkdir(secrets);
  await writeFile(path.join(secrets, 'agent.json'), '');
  const choice = readConfinement({ confine: 'default' });
  if (!choice.ok) throw new Error(choice.failure.message);
  await mkdir(path.join(workDirectory, 'work'));
  const made = await prepareConfinement({
    choice: choice.value,
    isolation: { kind: 'system-systemd', enterCommand: [], rootPath: '/' },
    workDirectory: path.join(workDirectory, 'work'),
    secretFiles: [path.join(secrets, 'agent.json')],
  });
  if (!made.ok) throw new Error(made.failure.message);
  const framework = FrameworkRef.parse({ principal: 'team', frameworkId: 'a' });
  const confined = made.value.of(framework, undefined, []);
  const places = confined.ok ? confined.value.confinement?.places : [];
  expect(places).toContainEqual({ path: secrets, is: 'hiddenDirectory' });
});

test('what tasks are to see they see where they have directories of their own, too', async () => {
  await chmod(workDirectory, 0o755);
  const tools = path.join(workDirectory, 'tools');
  for (const name of ['tools', 'work']) await mkdir(path.join(workDirectory, name));
  const choice = readConfinement({ confine: 'default', 'confine-show': [tools] });
  if (!choice.ok) throw new Error(choice.failure.message);
  const made = await prepareConfinement({
    choice: choice.value,
    isolation: { kind: 'system-systemd', enterCommand: [], rootPath: '/' },
    workDirectory: path.join(workDirectory, 'work'),
    secretFiles: [],
  });
  if (!made.ok) throw new Error(made.failure.message);
  const framework = FrameworkRef.parse({ principal: 'team', frameworkId: 'a' });
  const confined = made.value.of(framework, undefined, []);
  const places = confined.ok ? confined.value.confinement?.places : [];
  expect(places).toContainEqual({ path: tools, is: 'readOnly' });
});

test('who asks for no confinement, or for plain processes and nothing more, needs none of it', async () => {
  expect(await prepared('none')).toMatchObject({ ok: true });
  expect(await prepared(undefined, 'process')).toMatchObject({ ok: true });
  expect(await prepared('default', 'process')).toMatchObject({ ok: false });
  expect(await prepared(undefined)).toMatchObject({ ok: false });
});

test('tasks name users only where the agent is root and confines them', async () => {
  for (const [confine, kind] of [
    ['none', 'system-systemd'],
    [undefined, 'process'],
  ] as const) {
    const refused = await prepared(confine, kind, { 'task-users': 'nobody' });
    if (refused.ok) throw new Error('it was not refused');
    expect(refused.failure.message).toContain('--task-users needs');
  }
});

test.each(['0', 'a,', 'a,-r', 'a b', 'none,a/b'])('%j does not name users', (users) => {
  const choice = readConfinement({ confine: 'default', 'task-users': users });
  expect(choice).toMatchObject({ ok: false, failure: { code: 'malformed' } });
});

test('a user that tasks may name is one of this host, and none that a framework may be given', async () => {
  const range = { first: 100_000, last: 200_000 };
  const nobody = await findTaskUsers(['nobody'], range, []);
  const owner = { userId: 65_534, groupId: expect.any(Number) };
  expect(nobody.ok && nobody.value.get('nobody')).toEqual(owner);
  for (const [name, from] of [
    ['parley-no-such-user', range.first],
    ['nobody', 65_534],
  ] as const) {
    const found = await findTaskUsers([name], { ...range, first: from }, []);
    expect(found).toMatchObject({ ok: false, failure: { code: 'notPermitted' } });
  }
});

test.each(['0-5', '5-4', '1-4294967295', 'all', '-1-5'])('%s is no range of users', (range) => {
  expect(readConfinement({ confine: 'default', 'user-range': range })).toMatchObject({
    ok: false,
    failure: { code: 'malformed' },
  });
});

test('each framework has a user of its own, after a restart the same; the last one that is free ends it', () => {
  const range = { first: 1000, last: 1002 };
  const names = ['a', 'b', 'c'] as const;
  const framework = (frameworkId: string) => FrameworkRef.parse({ principal: 'team', frameworkId });
  const given = (): unknown[] => {
    const users = FrameworkUsers.open(workDirectory, range);
    if (!users.ok) throw new Error(users.failure.message);
    return names.map((name) => users.value.ownerOf(framework(name)));
  };
  const before = given();
  expect(new Set(before.map((one) => JSON.stringify(one))).size).toBe(3);
  expect(given()).toEqual(before);
  const users = FrameworkUsers.open(workDirectory, range);
  expect(users.ok && users.value.ownerOf(framework('d'))).toMatchObject({ ok: false });
});

test.runIf(process.getuid?.() === 0)(
  'as root, who can mount a small disk: an agent that has confined tasks before does so on a disk without room',
  async () => {
    await chmod(workDirectory, 0o755);
    const disk = path.join(workDirectory, 'work');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=8', 'tmpfs', disk]);
    try {
      expect(await confinedIn(disk)).toMatchObject({ ok: true });
      fill(disk);
      expect(await confinedIn(disk)).toMatchObject({ ok: true });
    } finally {
      execFileSync('umount', ['--lazy', disk]);
    }
  },
);

function confinedIn(directory: string): ReturnType<typeof prepareConfinement> {
  const choice = readConfinement({ confine: 'default' });
  if (!choice.ok) throw new Error(choice.failure.message);
  return prepareConfinement({
    choice: choice.value,
    isolation: { kind: 'system-systemd', enterCommand: [], rootPath: '/' },
    workDirectory: directory,
    secretFiles: [],
  });
}

/** Every byte and every file that it has room for. */
function fill(directory: string): void {
  const isFull = (write: () => void): boolean => {
    try {
      write();
      return false;
    } catch {
      return true;
    }
  };
  for (const size of [4096, 1]) {
    while (!isFull(() => appendFileSync(path.join(directory, 'filler'), Buffer.alloc(size))));
  }
  for (let count = 0; !isFull(() => appendFileSync(path.join(directory, `file${count}`), '')); ) {
    count += 1;
  }
}

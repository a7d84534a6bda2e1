// Tests of the directories of volumes and groups on a real disk.
import {
  access,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ExecutorId, RoleName, TaskRef, VolumeId } from '@parley/protocol/ids';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GroupDirectories } from './group-directories.ts';
import { roleDirectory, VolumeStore } from './volume-store.ts';

let base = '';
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'parley-volumes-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const role = RoleName.parse('a/b');
const volume = VolumeId.parse('v1');
const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function provided(store: VolumeStore, of: RoleName = role): Promise<string> {
  const outcome = await store.provide(of, volume);
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}

describe('volumes', () => {
  test('a volume is made when first used, and is the same directory ever after', async () => {
    const directory = await provided(new VolumeStore(base));
    await writeFile(path.join(directory, 'file'), 'kept');
    const again = await provided(new VolumeStore(base));
    expect(await readFile(path.join(again, 'file'), 'utf8')).toBe('kept');
  });

  test('a volume of the same id in another role is another volume', async () => {
    const store = new VolumeStore(base);
    const directories = await Promise.all(
      ['a/b', 'a', 'b', '*', 'a.b'].map((name) => provided(store, RoleName.parse(name))),
    );
    expect(new Set(directories).size).toBe(5);
  });

  test('no two roles share a directory, and none leads out of its place', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}$/);
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(name, name, (one, other) => {
        const [first, second] = [one, other].map((each) => roleDirectory(RoleName.parse(each)));
        expect(first === second).toBe(one === other);
        expect(path.join('/x', first ?? '')).toBe(`/x/${first}`);
        expect(path.dirname(path.join('/x', first ?? ''))).toBe('/x');
      }),
    );
  });

  test('destroying deletes everything in it and nothing that a link in it leads to', async () => {
    const store = new VolumeStore(base);
    const directory = await provided(store);
    await mkdir(path.join(directory, 'deep/deeper'), { recursive: true });
    for (let index = 0; index < 300; index += 1) {
      await writeFile(path.join(directory, 'deep', `f${index}`), '');
    }
    await writeFile(path.join(base, 'outside'), 'mine');
    await symlink(path.join(base, 'outside'), path.join(directory, 'link'));
    await symlink(base, path.join(directory, 'deep/deeper/up'));
    expect(await store.destroy(role, volume)).toEqual({ ok: true, value: undefined });
    expect(await exists(directory)).toBe(false);
    expect(await readFile(path.join(base, 'outside'), 'utf8')).toBe('mine');
    expect(await readdir(path.join(base, 'destroyed-volumes'))).toEqual([]);
  });

  test('destroying one that is not there is a success', async () => {
    const store = new VolumeStore(base);
    expect((await store.destroy(role, volume)).ok).toBe(true);
    await provided(store);
    expect((await store.destroy(role, volume)).ok).toBe(true);
    expect((await store.destroy(role, volume)).ok).toBe(true);
  });

  test('one that is asked for while it is destroyed is a new and empty one', async () => {
    const store = new VolumeStore(base);
    await writeFile(path.join(await provided(store), 'old'), '');
    const [, directory] = await Promise.all([store.destroy(role, volume), provided(store)]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('what a process did not live to delete is deleted by the next one', async () => {
    await mkdir(path.join(base, 'destroyed-volumes/3/deep'), { recursive: true });
    await new VolumeStore(base).clearTrash();
    expect(await exists(path.join(base, 'destroyed-volumes'))).toBe(false);
  });
});

describe('directories of groups', () => {
  const pod = ExecutorId.parse('pod');
  const refOf = (taskId: string): TaskRef =>
    TaskRef.parse({ principal: 'team', frameworkId: 'fw', taskId });

  test('the shared directory lives until the last task of the group leaves', async () => {
    const groups = new GroupDirectories(base);
    const shared = await groups.join(refOf('a'), pod);
    expect(await groups.join(refOf('b'), pod)).toBe(shared);
    await writeFile(path.join(shared, 'word'), 'hello');
    await groups.leave(refOf('a'));
    expect(await readFile(path.join(shared, 'word'), 'utf8')).toBe('hello');
    await groups.leave(refOf('b'));
    expect(await exists(path.dirname(shared))).toBe(false);
  });

  test('the next process knows who is in a group, and lets those go that have no sandbox', async () => {
    const before = new GroupDirectories(base);
    const shared = await before.join(refOf('a'), pod);
    await before.join(refOf('b'), pod);
    const groups = new GroupDirectories(base);
    await groups.adopt(async ({ taskId }) => taskId === 'a');
    expect(await exists(shared)).toBe(true);
    await groups.leave(refOf('a'));
    expect(await exists(shared)).toBe(false);
  });

  test('a task that is in no group leaves none', async () => {
    const groups = new GroupDirectories(base);
    const shared = await groups.join(refOf('a'), pod);
    await groups.leave(refOf('x'));
    expect(await exists(shared)).toBe(true);
  });
});

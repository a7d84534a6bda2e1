// Tests of the checkpoint files on a real disk.
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from '@parley/protocol/codec';
import { ExecutorId, RoleName, TaskId, TaskRef } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CheckpointStore } from './checkpoint-store.ts';
import type { TaskRecord } from './task-record.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'parley-checkpoints-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function aRecord(taskId: string, changes: Partial<TaskRecord> = {}): TaskRecord {
  return {
    version: 2,
    task: TaskRef.parse({ principal: 'team', frameworkId: 'fw', taskId }),
    description: TaskDescription.parse({
      taskId,
      resources: { scalars: { cpus: 100 } },
      command: { argv: ['sh', '-c', 'true'], environment: { A: 'ä' } },
    }),
    state: 'staging',
    lastSequence: 0,
    updates: [],
    ...changes,
  };
}

const taskFile = (taskId: string): string =>
  path.join(directory, 'tasks', `team.fw.${taskId}.task`);

test('what was written is read again by the next process', async () => {
  const store = new CheckpointStore(directory);
  expect(await store.readAll()).toEqual({ records: [], damaged: [] });
  const [one, two] = [aRecord('t1'), aRecord('t2', { kill: { reason: 'operator', graceMs: 5 } })];
  expect(await store.write(one)).toEqual({ ok: true, value: undefined });
  await store.write(two);
  const { records, damaged } = await new CheckpointStore(directory).readAll();
  expect(records.toSorted((a, b) => (a.task.taskId < b.task.taskId ? -1 : 1))).toEqual([one, two]);
  expect(damaged).toEqual([]);
});

test('writes and removals of one task happen in the order of asking', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  const writes = [1, 2, 3, 4, 5].map((lastSequence) =>
    store.write(aRecord('t1', { lastSequence })),
  );
  const removal = store.remove(aRecord('t2').task);
  await Promise.all([...writes, removal]);
  expect((await store.readAll()).records.map(({ lastSequence }) => lastSequence)).toEqual([5]);
  await Promise.all([store.write(aRecord('t1')), store.remove(aRecord('t1').task)]);
  expect((await store.readAll()).records).toEqual([]);
});

test('a torn file is set aside with its reason, and the others are read', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  await store.write(aRecord('t1'));
  await store.write(aRecord('t2'));
  await truncate(taskFile('t1'), 20);
  const { records, damaged } = await new CheckpointStore(directory).readAll();
  expect(records.map(({ task }) => task.taskId)).toEqual(['t2']);
  expect(damaged).toHaveLength(1);
  expect(damaged[0]?.file).toBe(taskFile('t1'));
  expect(damaged[0]?.why).not.toBe('');
  expect(await readFile(damaged[0]?.movedTo ?? '')).toHaveLength(20);
  expect((await new CheckpointStore(directory).readAll()).damaged).toEqual([]);
});

test('an empty file, rubbish, a directory and a record under another name are set aside', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  await store.write(aRecord('t1'));
  await writeFile(taskFile('empty'), '');
  await writeFile(taskFile('rubbish'), 'rubbish');
  await writeFile(taskFile('other'), await readFile(taskFile('t1')));
  await mkdir(taskFile('directory'));
  const { records, damaged } = await store.readAll();
  expect(records).toHaveLength(1);
  expect(damaged.map(({ file }) => file).toSorted()).toEqual(
    ['directory', 'empty', 'other', 'rubbish'].map(taskFile),
  );
});

test('a write that was not finished leaves the record before it', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  await store.write(aRecord('t1', { lastSequence: 3 }));
  await writeFile(`${taskFile('t1')}.partial`, 'half');
  expect((await store.readAll()).records.map(({ lastSequence }) => lastSequence)).toEqual([3]);
  expect(await readdir(path.join(directory, 'tasks'))).toEqual(['team.fw.t1.task']);
});

test('a record that cannot be written is a failure and leaves the one before it', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  await store.write(aRecord('t1', { lastSequence: 1 }));
  // A directory in the way of the partial file: an error of the file system that root gets too.
  await mkdir(`${taskFile('t1')}.partial`);
  const outcome = await store.write(aRecord('t1', { lastSequence: 2 }));
  expect(outcome).toMatchObject({ ok: false, failure: { code: 'internalError' } });
  await rm(`${taskFile('t1')}.partial`, { recursive: true });
  expect((await store.readAll()).records.map(({ lastSequence }) => lastSequence)).toEqual([1]);
});

test('a full disk is a failure of its own, and the record is written once there is room again', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  // /dev/full answers every write with ENOSPC.
  await symlink('/dev/full', `${taskFile('t1')}.partial`);
  const outcome = await store.write(aRecord('t1'));
  expect(outcome).toMatchObject({ ok: false, failure: { code: 'diskFull' } });
  expect((await store.readAll()).records).toEqual([]);
  expect((await store.write(aRecord('t1'))).ok).toBe(true);
  expect((await store.readAll()).records).toHaveLength(1);
});

test('a record of the first version is read, and written as one of this version', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  const { version, ...first } = aRecord('t1', { kill: { reason: 'framework', graceMs: 5 } });
  await writeFile(taskFile('t1'), encode({ ...first, version: 1 }));
  const { records, damaged } = await store.readAll();
  expect(damaged).toEqual([]);
  expect(records).toEqual([{ ...first, version }]);
});

test('everything that a record holds of checks and groups is read again', async () => {
  const store = new CheckpointStore(directory);
  await store.readAll();
  const record = aRecord('t1', {
    role: RoleName.parse('a/b'),
    group: { executorId: ExecutorId.parse('pod'), taskIds: [TaskId.parse('t1')] },
    kill: { reason: 'unhealthy', graceMs: 5, message: 'why' },
    runningSinceMs: 1_700_000_000_000,
    checks: { healthy: false, failures: 2, result: { kind: 'http', statusCode: 500 } },
  });
  await store.write(record);
  expect((await store.readAll()).records).toEqual([record]);
});

// Tests of how long directories of tasks that are over stay, on a real disk.
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSandbox } from '@parley/isolation/sandbox';
import { AgentId, ClusterName, TaskRef, taskKey } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SandboxRetention, type SandboxRetentionOptions } from './sandbox-retention.ts';

let workDirectory = '';
beforeEach(async () => {
  workDirectory = await mkdtemp(path.join(tmpdir(), 'parley-retention-'));
});
afterEach(() => rm(workDirectory, { recursive: true, force: true }));

const cluster = ClusterName.parse('prod');
const agentId = AgentId.parse('agent-1');
const refOf = (taskId: string): TaskRef =>
  TaskRef.parse({ principal: 'team', frameworkId: 'fw', taskId });

async function makeSandbox(taskId: string, ageSeconds: number): Promise<void> {
  const made = await createSandbox(workDirectory, { cluster, agentId, ...refOf(taskId) });
  if (!made.ok) throw new Error(made.failure.message);
  const time = 1_700_000_000 - ageSeconds;
  await utimes(made.directories.sandboxDirectory, time, time);
}

const sandboxes = async (): Promise<string[]> =>
  (await readdir(path.join(workDirectory, 'sandboxes', 'team', 'fw'))).toSorted();

const onRemoved = async (): Promise<void> => undefined;
const onFailure = (_: TaskRef, message: string): void => {
  throw new Error(message);
};

const isTask =
  (taskId: string) =>
  (task: string): boolean =>
    task === taskKey(refOf(taskId));

function retentionOf(changes: Partial<SandboxRetentionOptions> = {}): SandboxRetention {
  const isLive = (): boolean => false;
  return new SandboxRetention({
    cluster,
    agentId,
    workDirectory,
    isLive,
    onFailure,
    onRemoved,
    ...changes,
  });
}

test('the newest are kept, whatever an earlier process left counts, and known tasks are spared', async () => {
  await makeSandbox('oldest', 40);
  await makeSandbox('live', 50);
  await makeSandbox('older', 30);
  await makeSandbox('old', 20);
  const retention = retentionOf({ isLive: isTask('live'), limit: 2 });
  await retention.adopt();
  // The agent is ready before it removes anything.
  expect(await sandboxes()).toEqual(['live', 'old', 'older', 'oldest']);
  await retention.trim();
  expect(await sandboxes()).toEqual(['live', 'old', 'older']);
  await makeSandbox('new', 0);
  await retention.keep(refOf('new'));
  expect(await sandboxes()).toEqual(['live', 'new', 'old']);
});

test('with nothing there nothing is done', async () => {
  const retention = retentionOf();
  await retention.adopt();
  await retention.keep(refOf('never-made'));
  expect(await readdir(workDirectory)).toEqual([]);
});

test('a task of an id that ran before keeps its sandbox while it runs, and is then as young as its own end', async () => {
  let runsAgain = false;
  let nowMs = 1000;
  const retention = retentionOf({
    isLive: (task) => runsAgain && isTask('again')(task),
    wallTimeMs: () => nowMs,
  });
  for (const taskId of ['again', 'other']) {
    await makeSandbox(taskId, 0);
    await retention.keep(refOf(taskId));
  }
  runsAgain = true;
  nowMs = 2000;
  // Told late that the first run is over: the second one has begun meanwhile.
  await retention.keep(refOf('again'));
  await retention.removeOldest();
  await retention.removeOldest();
  expect(await sandboxes()).toEqual(['again']);
  expect(retention.oldestMs).toBeUndefined();
  runsAgain = false;
  nowMs = 3000;
  await retention.keep(refOf('again'));
  expect(retention.oldestMs).toBe(3000);
});

test('the oldest entry of an id that runs again is passed over, and the next oldest goes', async () => {
  let runsAgain = false;
  const retention = retentionOf({ isLive: (task) => runsAgain && isTask('again')(task) });
  for (const taskId of ['again', 'other']) {
    await makeSandbox(taskId, 0);
    await retention.keep(refOf(taskId));
  }
  runsAgain = true;
  await retention.removeOldest();
  expect(await sandboxes()).toEqual(['again']);
});

test('an id may run again once what is removed of its earlier run is gone', async () => {
  await makeSandbox('again', 0);
  const retention = retentionOf();
  await retention.keep(refOf('again'));
  const removing = retention.removeOldest();
  await retention.settled(refOf('again'));
  expect(await sandboxes()).toEqual([]);
  await removing;
});

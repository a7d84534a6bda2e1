// Tests of how long directories of tasks that are over stay, on a real disk.
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSandbox } from '@parley/isolation/sandbox';
import { AgentId, TaskRef, taskKey } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SandboxRetention } from './sandbox-retention.ts';

let workDirectory = '';
beforeEach(async () => {
  workDirectory = await mkdtemp(path.join(tmpdir(), 'parley-retention-'));
});
afterEach(() => rm(workDirectory, { recursive: true, force: true }));

const agentId = AgentId.parse('agent-1');
const refOf = (taskId: string): TaskRef =>
  TaskRef.parse({ principal: 'team', frameworkId: 'fw', taskId });

async function makeSandbox(taskId: string, ageSeconds: number): Promise<void> {
  const made = await createSandbox(workDirectory, { agentId, ...refOf(taskId) });
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

test('the newest are kept, whatever an earlier process left counts, and known tasks are spared', async () => {
  await makeSandbox('oldest', 40);
  await makeSandbox('live', 50);
  await makeSandbox('older', 30);
  await makeSandbox('old', 20);
  const retention = new SandboxRetention({
    agentId,
    workDirectory,
    onFailure,
    onRemoved,
    limit: 2,
  });
  await retention.adopt((task) => task === taskKey(refOf('live')));
  // The agent is ready before it removes anything.
  expect(await sandboxes()).toEqual(['live', 'old', 'older', 'oldest']);
  await retention.trim();
  expect(await sandboxes()).toEqual(['live', 'old', 'older']);
  await makeSandbox('new', 0);
  await retention.keep(refOf('new'));
  expect(await sandboxes()).toEqual(['live', 'new', 'old']);
});

test('with nothing there nothing is done', async () => {
  const retention = new SandboxRetention({ agentId, workDirectory, onFailure, onRemoved });
  await retention.adopt(() => false);
  await retention.keep(refOf('never-made'));
  expect(await readdir(workDirectory)).toEqual([]);
});

import { AgentId, TaskRef } from '@parley/protocol/ids';
import { UnitsUsage } from '@parley/protocol/usage';
import { expect, test } from 'vitest';
import { UsageBoard } from './usage-board.ts';

const a1 = AgentId.parse('a1');
const task = TaskRef.parse({ principal: 'alice', frameworkId: 'web', taskId: 't' });
const sample = UnitsUsage.parse({
  ...{ wallTimeMs: 1, intervalMs: 1000, part: 0, parts: 1, endedCpuUs: 0 },
  units: [{ task, cpuUs: 250_000, cpuTotalUs: 900_000, memoryBytes: 4096 }],
});

function aBoard() {
  let nowMs = 0;
  const leases: number[] = [];
  let tell: ((agentId: AgentId, part: UnitsUsage) => void) | undefined;
  const link = {
    onUnitsUsage: (hear: (agentId: AgentId, part: UnitsUsage) => void) => {
      tell = hear;
    },
    watchUsage: (leaseMs: number) => void leases.push(leaseMs),
  };
  return {
    board: new UsageBoard(link, () => nowMs),
    leases,
    tell: () => tell?.(a1, sample),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('asking of a task makes agents tell of tasks, and what was told is the answer', () => {
  const { board, leases, tell } = aBoard();
  expect(board.usageOf(task)).toBeUndefined();
  tell();
  expect(board.usageOf(task)).toStrictEqual({
    cpuMillis: 250,
    cpuTotalUs: 900_000,
    memoryBytes: 4096,
  });
  expect(leases.length).toBe(2);
});

test('what was told long ago is no answer', () => {
  const { board, tell, pass } = aBoard();
  board.usageOf(task);
  tell();
  pass(30_000);
  expect(board.usageOf(task)).toBeUndefined();
});

test('whoever looks at an agent that has told nothing waits for its first word, and no longer than that', async () => {
  const { board, tell } = aBoard();
  const looked = board.measuredOn(a1, 60_000);
  tell();
  const measured = await looked;
  expect(measured({ task })).toMatchObject({ wallTimeMs: 1, usage: { memoryBytes: 4096 } });
  const other = TaskRef.parse({ ...task, taskId: 'u' });
  expect((await board.measuredOn(a1, 60_000))({ task: other })).toBeUndefined();
});

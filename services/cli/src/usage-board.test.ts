// What `parley top` makes of the parts that agents publish.
import { AgentId, ExecutorRef, TaskRef } from '@parley/protocol/ids';
import type { UnitsUsage, UnitUsage } from '@parley/protocol/usage';
import { expect, it } from 'vitest';
import { UsageBoard } from './usage-board.ts';
import { usagePage } from './usage-table.ts';

const a1 = AgentId.parse('a1');
const a2 = AgentId.parse('a2');
const MIB = 1024 * 1024;

const taskOf = (name: string): TaskRef => {
  const [principal, frameworkId, taskId] = name.split('/');
  return TaskRef.parse({ principal, frameworkId, taskId });
};
const unit = (name: string, changes: Partial<UnitUsage> = {}): UnitUsage => ({
  task: taskOf(name),
  cpuUs: 0,
  cpuTotalUs: 0,
  memoryBytes: 0,
  ...changes,
});
const sample = (units: UnitUsage[], changes: Partial<UnitsUsage> = {}): UnitsUsage => ({
  wallTimeMs: 1,
  intervalMs: 2000,
  part: 0,
  parts: 1,
  endedCpuUs: 0,
  units,
  ...changes,
});
const all = { sort: 'cpu' } as const;

it('what uses most stands first, and equal ones by name', () => {
  const board = new UsageBoard();
  const units = [
    unit('p/f/b', { cpuUs: 10_000, memoryBytes: 3, pids: 1, ioReadBytes: 1, ioWriteBytes: 5 }),
    unit('p/f/a', { cpuUs: 10_000, memoryBytes: 1, pids: 2, ioReadBytes: 4 }),
    unit('p/f/c', { cpuUs: 90_000, memoryBytes: 2, pids: 3 }),
  ];
  board.add(a1, sample(units), 0);
  const namesBy = (sort: 'cpu' | 'memory' | 'io' | 'pids') =>
    board.view([a1], { sort }, 0).rows.map(({ name }) => name.at(-1));
  expect(namesBy('cpu')).toEqual(['c', 'a', 'b']);
  expect(namesBy('memory')).toEqual(['b', 'c', 'a']);
  expect(namesBy('io')).toEqual(['b', 'a', 'c']);
  expect(namesBy('pids')).toEqual(['c', 'a', 'b']);
});

it('an agent and a framework can be picked, by its id alone or with its principal', () => {
  const board = new UsageBoard();
  board.add(a1, sample([unit('p/f/a'), unit('q/f/b'), unit('p/g/c')]), 0);
  board.add(a2, sample([unit('p/f/d')]), 0);
  const picked = (selection: { agent?: string; framework?: string }) =>
    board.view([a1, a2], { ...all, ...selection }, 0).rows.map(({ name }) => name);
  expect(picked({ agent: 'a2' })).toEqual(['p/f/d']);
  expect(picked({ framework: 'f' })).toEqual(['p/f/a', 'p/f/d', 'q/f/b']);
  expect(picked({ framework: 'q/f' })).toEqual(['q/f/b']);
});

it('a sample counts once all its parts are there, in whatever order', () => {
  const board = new UsageBoard();
  board.add(a1, sample([unit('p/f/b')], { part: 1, parts: 2 }), 0);
  expect(board.view([a1], all, 0)).toMatchObject({ rows: [], missing: ['a1'] });
  board.add(a1, sample([unit('p/f/b')], { part: 1, parts: 2 }), 0);
  expect(board.view([a1], all, 0).missing).toEqual(['a1']);
  board.add(a1, sample([unit('p/f/a')], { part: 0, parts: 2 }), 0);
  expect(board.view([a1], all, 0).rows).toHaveLength(2);
  // Of the next sample one part is lost: the older whole one stays.
  board.add(a1, sample([unit('p/f/x')], { part: 0, parts: 2, wallTimeMs: 2 }), 1);
  board.add(a1, sample([unit('p/f/y')], { part: 1, parts: 2, wallTimeMs: 3 }), 2);
  expect(board.view([a1], all, 2).rows.map(({ name }) => name)).toEqual(['p/f/a', 'p/f/b']);
});

it("the units' CPU time, and that of those that ended, is the agent's", () => {
  const board = new UsageBoard();
  const units = [
    unit('p/f/a', { cpuUs: 1_000_000, memoryBytes: MIB }),
    unit('p/f/b', { cpuUs: 500_000, memoryBytes: MIB }),
  ];
  board.add(a1, sample(units, { endedCpuUs: 500_000 }), 0);
  const { agents, rows } = board.view([a1], all, 0);
  expect(agents).toMatchObject([
    { agentId: 'a1', units: 2, cpuMillis: 1000, memoryBytes: 2 * MIB },
  ]);
  expect(rows.map(({ cpuMillis }) => cpuMillis)).toEqual([500, 250]);
});

it('an agent that has told nothing, or nothing lately, is missing', () => {
  const board = new UsageBoard();
  board.add(a1, sample([]), 0);
  expect(board.view([a1, a2], all, 1000).missing).toEqual(['a2']);
  expect(board.view([a1, a2], all, 60_000)).toMatchObject({ agents: [], missing: ['a1', 'a2'] });
  expect(board.view([a1, a2], { ...all, agent: 'a1' }, 1000).missing).toEqual([]);
});

it('a page shows what is counted, a dash for what is not, and says who is missing', () => {
  const board = new UsageBoard();
  const executor = ExecutorRef.parse({ principal: 'p', frameworkId: 'f', executorId: 'e' });
  const network = { inBytes: 3072, inPackets: 1, outBytes: 5, outPackets: 2 };
  const known = { memoryPeakBytes: 3 * MIB, pids: 7, throttledUs: 2_500_000, ioReadBytes: 100 };
  const units = [
    unit('p/f/a', { ...known, cpuUs: 1_000_000, memoryBytes: MIB, ioWriteBytes: 2048, network }),
    { ...unit('p/f/b'), task: undefined, executor },
  ];
  board.add(a1, sample(units), 0);
  const lines = usagePage(board.view([a1, a2], all, 0), 10).split('\n');
  expect(lines.find((line) => line.startsWith('p/f/a'))?.split(/ {2,}/)).toEqual([
    'p/f/a',
    'a1',
    '0.50',
    '0.0 s',
    '2.5 s',
    '1.0 MiB',
    '3.0 MiB',
    '100 B',
    '2.0 KiB',
    '3.0 KiB',
    '5 B',
    '7',
  ]);
  expect(lines.find((line) => line.startsWith('p/f/e (executor)'))?.split(/ {2,}/)).toEqual([
    'p/f/e (executor)',
    'a1',
    '0.00',
    '0.0 s',
    '-',
    '0 B',
    '-',
    '-',
    '-',
    '-',
    '-',
    '-',
  ]);
  expect(
    lines
      .find((line) => line.startsWith('a1'))
      ?.split(/ {2,}/)
      .slice(-4),
  ).toEqual(['100 B', '2.0 KiB', '3.0 KiB', '5 B']);
  expect(lines.some((line) => line.startsWith('a2 tells nothing'))).toBe(true);
  expect(usagePage(board.view([a1], all, 0), 1)).toContain('1 more\n');
});

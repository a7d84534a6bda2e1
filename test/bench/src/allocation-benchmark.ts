// Owns which cases of the allocator are measured, in which order. Facts and proposals stay in this process; the same cases
// were measured with Mesos's hierarchical allocator. How each is played is in the files of the folder `allocation`.
import { measureFilteredLarge, measureFilteredSmall } from './allocation/filtered-cases.ts';
import { measureIntervals } from './allocation/interval-cases.ts';
import { measureMemory } from './allocation/memory-case.ts';
import { measureMix } from './allocation/mixed-frameworks.ts';
import { measureQuota } from './allocation/quota-cases.ts';
import {
  fullRounds,
  measureFreedElevenPercent,
  measureFreedOnePercent,
  measureFull,
  measureFullWithPorts,
  measureIdle,
  measureJoin,
  measureRecover,
  planOf,
} from './allocation/round-cases.ts';
import { measureGive, measureTakes } from './allocation/sorter-cases.ts';
import { type Benchmark, median, type Result, rounded } from './measurement.ts';

type Case = {
  readonly what: string;
  readonly measure: () => Result[] | Promise<Result[]>;
};

const CASES: readonly Case[] = [
  { what: 'memory of 50,000 agents, 200 frameworks', measure: measureMemory },
  {
    what: 'decisions a second',
    measure: () => [
      ...measureDecisions({ agents: 1000, frameworks: 50, rounds: 25, mesos: 91_600 }),
      ...measureDecisions({ agents: 5000, frameworks: 200, rounds: 11, mesos: 45_100 }),
    ],
  },
  {
    what: 'full rounds, 10,000 agents',
    measure: () => measureFull('full.10000x200', planOf(10_000, 200)),
  },
  {
    what: 'full rounds, 50,000 agents',
    measure: () => measureFull('full.50000x200', planOf(50_000, 200)),
  },
  { what: 'full rounds with ports', measure: measureFullWithPorts },
  { what: 'idle rounds', measure: measureIdle },
  { what: '1 % freed', measure: measureFreedOnePercent },
  { what: '11 % freed', measure: measureFreedElevenPercent },
  { what: 'everything declined, 1,000 agents', measure: measureFilteredSmall },
  { what: 'everything declined, 5,000 agents', measure: measureFilteredLarge },
  { what: '3,000 roles with quota', measure: measureQuota },
  { what: 'choices among clients', measure: () => [...measureTakes(), ...measureGive()] },
  { what: 'offers given back', measure: measureRecover },
  { what: '200 frameworks join', measure: measureJoin },
  { what: 'intervals', measure: measureIntervals },
  { what: 'a mix of frameworks', measure: measureMix },
];

export const allocationBenchmark: Benchmark = {
  name: 'allocation',
  summary: 'rounds, choices and memory of the allocator, beside those of Mesos',
  run: async (say, only) => {
    const results: Result[] = [];
    for (const { what, measure } of CASES.filter((one) => one.what.includes(only))) {
      say(what);
      results.push(...(await measure()));
    }
    return results;
  },
};

/** `mesos`: best median of its own time for a full cycle, one thread, as offers a second. */
function measureDecisions(one: {
  readonly agents: number;
  readonly frameworks: number;
  readonly rounds: number;
  readonly mesos: number;
}): Result[] {
  const { agents, frameworks, rounds, mesos } = one;
  const { deciding, hearing } = fullRounds(planOf(agents, frameworks), rounds);
  const perSecond = (times: readonly number[]): number =>
    rounded(median(times.map((timeMs) => (agents / timeMs) * 1000)));
  const whole = deciding.map((decidingMs, round) => decidingMs + (hearing[round] ?? 0));
  const size = `${agents}x${frameworks}`;
  const unit = 'decisions/s';
  return [
    {
      name: `allocation.decisions.${size}`,
      value: perSecond(deciding),
      unit,
      aim: mesos,
      reference: { value: mesos, of: 'Mesos' },
    },
    {
      name: `allocation.rounds.${size}`,
      value: perSecond(whole),
      unit,
      aim: null,
      reference: null,
    },
  ];
}

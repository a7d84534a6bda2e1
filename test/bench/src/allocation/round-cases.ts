// Owns the rounds of a cluster without quota: everything is free, nothing is, a little was given back, frameworks join.
// A round is what the allocator's ticks take once it has heard what happened; what hearing took is told beside it.
// Every round is checked by the number of proposals that come out of it.
import type { Proposal } from '@parley/protocol/allocation';
import type { Result } from '../measurement.ts';
import {
  AGENT_TOTAL,
  AGENT_TOTAL_WITH_PORTS,
  BenchMaster,
  type BenchPlan,
  oneRoleEach,
  subscription,
} from './bench-master.ts';
import { against, beside, type TargetName } from './targets.ts';

const WARM_UP_ROUNDS = 3;
export const ROUNDS = 7;
const LEAST_ROUNDS = 3;

/** Milliseconds of each measured round. */
type Times = { readonly deciding: number[]; readonly hearing: number[] };

export function measureFull(name: TargetName, plan: BenchPlan): Result[] {
  const { deciding, hearing } = fullRounds(plan, ROUNDS);
  return [against(name, deciding), beside(`${name}.hearing`, hearing, 'ms')];
}

/** All is free and offered; then it is declined without a filter, so that all is free again. */
export function fullRounds(plan: BenchPlan, rounds: number, budgetMs?: number): Times {
  const master = new BenchMaster(plan);
  const play = () => {
    const { proposals, decidingMs } = master.round();
    expectCount(proposals, plan.agents);
    const offeringMs = master.hear(master.offer(proposals));
    const decliningMs = master.hear(master.decline(proposals, 0));
    return { decidingMs, hearingMs: offeringMs + decliningMs };
  };
  return repeated(rounds, play, budgetMs);
}

export function measureIdle(): Result[] {
  const { deciding } = idleRounds(planOf(50_000, 200), ROUNDS);
  return [against('idle.50000x200', deciding)];
}

/** Everything is offered; something is heard, and the allocator looks over the whole cluster again. */
export function idleRounds(plan: BenchPlan, rounds: number): Times {
  const master = new BenchMaster(plan);
  const { proposals } = master.round();
  expectCount(proposals, plan.agents);
  master.hear(master.offer(proposals));
  const [agentId] = master.agents;
  if (agentId === undefined) throw new Error('there is an agent');
  return repeated(rounds, () => {
    const hearingMs = master.hear(master.freeFacts([agentId]));
    const { proposals: none, decidingMs } = master.fullRound();
    expectCount(none, 0);
    return { decidingMs, hearingMs };
  });
}

/** 90 % of the agents are in use and 10 % in offers nobody answers; 1 % are freed, offered, and used again. */
export function measureFreedOnePercent(): Result[] {
  const { deciding, hearing } = freedRounds(planOf(50_000, 200), 'held');
  return [against('freed1.50000x200', deciding), beside('freed1.50000x200.hearing', hearing, 'ms')];
}

/** Likewise, but the 10 % are declined, too, without a filter. */
export function measureFreedElevenPercent(): Result[] {
  const { deciding, hearing } = freedRounds(planOf(50_000, 200), 'declined');
  return [
    against('freed11.50000x200', deciding),
    beside('freed11.50000x200.hearing', hearing, 'ms'),
  ];
}

function freedRounds(plan: BenchPlan, rest: 'held' | 'declined'): Times {
  const master = new BenchMaster(plan);
  const { proposals } = master.round();
  expectCount(proposals, plan.agents);
  master.hear(master.offer(proposals));
  let held = proposals.slice(0, plan.agents / 10);
  let inUse = proposals.slice(plan.agents / 10);
  master.hear(master.accept(inUse));
  return repeated(ROUNDS, () => {
    const freed = inUse.slice(0, plan.agents / 100);
    inUse = inUse.slice(freed.length);
    const declined = rest === 'declined' ? held : [];
    let hearingMs = master.hear(master.release(freed));
    hearingMs += master.hear(master.decline(declined, 0));
    const { proposals: again, decidingMs } = master.round();
    expectCount(again, freed.length + declined.length);
    hearingMs += master.hear(master.offer(again));
    if (rest === 'declined') held = again.slice(freed.length);
    const accepted = again.slice(0, freed.length);
    hearingMs += master.hear(master.accept(accepted));
    inUse = [...inUse, ...accepted];
    return { decidingMs, hearingMs };
  });
}

/** Hearing of frameworks that subscribe, one message each, and the round that gives them every agent. */
export function measureJoin(): Result[] {
  const plan = planOf(50_000, 200);
  const master = new BenchMaster(plan, { subscribes: false });
  const joining: number[] = [];
  repeated(ROUNDS, () => {
    let hearingMs = 0;
    for (const framework of master.frameworks) {
      const cleared = { kind: 'filtersCleared', framework: framework.ref } as const;
      hearingMs += master.hear([subscription(framework), cleared]);
    }
    const { proposals, decidingMs } = master.round();
    expectCount(proposals, plan.agents);
    joining.push(hearingMs + decidingMs);
    master.hear(master.offer(proposals));
    master.hear(master.decline(proposals, 0));
    master.hear(
      master.frameworks.map(({ ref: framework }) => ({ kind: 'frameworkAway', framework })),
    );
    expectCount(master.round().proposals, 0);
    return { decidingMs, hearingMs };
  });
  return [against('join.50000x200', joining.slice(WARM_UP_ROUNDS))];
}

/** One offer's resources given back, in a message of its own; nothing is decided meanwhile. */
export function measureRecover(): Result[] {
  const plan = planOf(10_000, 200);
  const master = new BenchMaster(plan);
  const { hearing } = repeated(ROUNDS, () => {
    const { proposals, decidingMs } = master.round();
    expectCount(proposals, plan.agents);
    master.hear(master.offer(proposals));
    let hearingMs = 0;
    for (const offer of proposals) hearingMs += master.hear(master.decline([offer], 0));
    return { decidingMs, hearingMs };
  });
  const microseconds = hearing.map((one) => (one / plan.agents) * 1000);
  return [against('recover', microseconds)];
}

export const measureFullWithPorts = (): Result[] =>
  measureFull('full.50000x200.ports', { ...planOf(50_000, 200), total: AGENT_TOTAL_WITH_PORTS });

export const planOf = (agents: number, frameworks: number): BenchPlan => ({
  agents,
  total: AGENT_TOTAL,
  roles: oneRoleEach(frameworks),
});

/**
 * Without the first few, in which the code is not compiled yet. After `budgetMs` no more than the least number of rounds
 * is played that has a middle one.
 */
export function repeated(
  rounds: number,
  play: () => { readonly decidingMs: number; readonly hearingMs: number },
  budgetMs = Number.POSITIVE_INFINITY,
): Times {
  const times: Times = { deciding: [], hearing: [] };
  const beganMs = performance.now();
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    if (round >= LEAST_ROUNDS && performance.now() - beganMs > budgetMs) break;
    const { decidingMs, hearingMs } = play();
    if (round < 0) continue;
    times.deciding.push(decidingMs);
    times.hearing.push(hearingMs);
  }
  return times;
}

/** A round that offers something else than it should is no measurement. */
export function expectCount(proposals: readonly Proposal[], count: number): void {
  if (proposals.length === count) return;
  throw new Error(`a round makes ${count} proposals, not ${proposals.length}`);
}

// Owns the operations of an accept: planned in order on what is left of the offers, then carried out in order.
// Planning changes no state, so that an atomic accept is judged as a whole before anything happens.
import { type Failure, fail } from '@parley/protocol/errors';
import { type AgentId, frameworkKey, type RoleName, type TaskId } from '@parley/protocol/ids';
import type { Operation } from '@parley/protocol/offers';
import type { ClusterState } from './cluster-state.ts';
import type { OfferPool } from './offer-pool.ts';
import type { FrameworkRecord } from './records.ts';
import { carryOutChange, planChange, type ReservationChange } from './reservations.ts';
import {
  carryOutLaunch,
  type Judgement,
  judgeLaunch,
  type LaunchOperation,
  NamedInAccept,
  type RejectedTask,
  rejectTasks,
} from './task-launch.ts';
import { nameOf } from './task-validation.ts';
import type { Turn } from './turn.ts';

type Step =
  | { readonly kind: 'launch'; readonly agentId: AgentId; readonly judgement: Judgement }
  | { readonly kind: 'change'; readonly change: ReservationChange };

export type Refused = { readonly index: number; readonly failure: Failure };

export type Plan = {
  readonly steps: readonly Step[];
  /** Operations other than launches. */
  readonly refused: readonly Refused[];
  /** What does not go as asked for first, in words. */
  readonly culprit: { readonly taskId?: TaskId; readonly message: string } | undefined;
};

export type Pools = ReadonlyMap<AgentId, OfferPool>;

/** What each operation would do, in order; those that cannot be done are left out and named. */
export function planOperations(
  state: ClusterState,
  {
    framework,
    operations,
    pools,
  }: { framework: FrameworkRecord; operations: readonly Operation[]; pools: Pools },
): Plan {
  const steps: Step[] = [];
  const refused: Refused[] = [];
  const named = new NamedInAccept();
  for (const [index, operation] of operations.entries()) {
    const pool = poolOf(pools, operation.agentId);
    if (operation.kind === 'launch' || operation.kind === 'launchGroup') {
      const judgement =
        pool.found === undefined
          ? misplaced(operation, pool)
          : judgeLaunch(state, { framework, operation, pool: pool.found, named });
      steps.push({ kind: 'launch', agentId: pool.agentId, judgement });
    } else if (pool.found === undefined) {
      refused.push({ index, failure: { code: 'invalidOperation', message: pool.why } });
    } else {
      const planned = planChange(state, pool.found, operation);
      if (planned.ok) steps.push({ kind: 'change', change: planned.value });
      else refused.push({ index, failure: planned.failure });
    }
  }
  return { steps, refused, culprit: culpritOf(steps, refused) };
}

/** After the offers have ended, so that the books have room. */
export function carryOutPlan(
  turn: Turn,
  { framework, role, plan }: { framework: FrameworkRecord; role: RoleName; plan: Plan },
): TaskId[] {
  const by = frameworkKey(framework.framework);
  const launched: TaskId[] = [];
  for (const step of plan.steps) {
    if (step.kind === 'change') {
      carryOutChange(turn, step.change, by);
    } else {
      const { agentId, judgement } = step;
      launched.push(...carryOutLaunch(turn, { framework, agentId, role, judgement }));
    }
  }
  return launched;
}

/** Nothing is carried out: the culprit's task gets its own status, every other one `dropped`. */
export function dropAllTasks(
  turn: Turn,
  {
    framework,
    agentId,
    operations,
    why,
    culprits = [],
  }: {
    framework: FrameworkRecord;
    agentId: AgentId;
    operations: readonly Operation[];
    why: string;
    culprits?: readonly RejectedTask[];
  },
): void {
  const seen = new Set<TaskId>();
  for (const operation of operations) {
    if (operation.kind !== 'launch' && operation.kind !== 'launchGroup') continue;
    const rejected: RejectedTask[] = [];
    for (const task of operation.tasks) {
      const { taskId } = task;
      if (seen.has(taskId)) continue;
      seen.add(taskId);
      const own = culprits.find((one) => one.taskId === taskId);
      const failure = { code: 'invalidOffers', message: why } as const;
      const dropped = { state: 'dropped', reason: 'invalidOffers' } as const;
      rejected.push(own ?? { taskId, name: nameOf(task), failure, ...dropped });
    }
    rejectTasks(turn, { framework, agentId: operation.agentId ?? agentId, rejected });
  }
}

/** All tasks that the plan would not launch. */
export function rejectedTasks({ steps }: Plan): RejectedTask[] {
  return steps.flatMap((step) => (step.kind === 'launch' ? step.judgement.rejected : []));
}

type FoundPool =
  | { readonly found: OfferPool; readonly agentId: AgentId }
  | {
      readonly found: undefined;
      readonly agentId: AgentId;
      readonly why: string;
      readonly hadStale: boolean;
    };

function poolOf(pools: Pools, agentId: AgentId | undefined): FoundPool {
  const [first] = pools.values();
  if (first === undefined) throw new Error('an accept that is carried out has offers');
  if (agentId === undefined && pools.size === 1) return { found: first, agentId: first.agentId };
  const found = agentId === undefined ? undefined : pools.get(agentId);
  if (found !== undefined) return { found, agentId: found.agentId };
  const why =
    agentId === undefined
      ? 'agentId: needed where the offers are of several agents'
      : `agentId: no offer of ${agentId} is among those that are outstanding`;
  const hadStale = agentId !== undefined && first.hadStale;
  return { found: undefined, agentId: agentId ?? first.agentId, why, hadStale };
}

/** The tasks are for an agent of which no offer is there: one that was named may have been, and is stale. */
function misplaced(
  { tasks }: LaunchOperation,
  { why, hadStale }: Extract<FoundPool, { found: undefined }>,
): Judgement {
  const verdict = hadStale
    ? ({ state: 'dropped', reason: 'invalidOffers' } as const)
    : ({ state: 'error', reason: 'invalidTask' } as const);
  const { failure } = fail(hadStale ? 'invalidOffers' : 'invalidTask', why);
  const rejected = tasks.map((task) => {
    return { taskId: task.taskId, name: nameOf(task), failure, ...verdict };
  });
  return { launches: [], rejected };
}

function culpritOf(steps: readonly Step[], refused: readonly Refused[]): Plan['culprit'] {
  const [operation] = refused;
  if (operation !== undefined) {
    return { message: `operations.${operation.index}: ${operation.failure.message}` };
  }
  const [task] = rejectedTasks({ steps, refused, culprit: undefined });
  if (task === undefined) return undefined;
  return { taskId: task.taskId, message: `task ${task.taskId}: ${task.failure.message}` };
}

// Owns the launch of tasks out of offers, in two phases: judged in order on what is left of the offers, without a
// change of the state; then carried out. Each task of a launch stands or falls by itself, a group as a whole.
// Mesos docs, "Scheduler HTTP API", ACCEPT: LAUNCH and LAUNCH_GROUP.
import type { Failure } from '@parley/protocol/errors';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { AgentId, RoleName, TaskId, TaskRef } from '@parley/protocol/ids';
import type { Operation } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { TaskDescription, TaskReason, UnparsedTask } from '@parley/protocol/tasks';
import { normalise } from '@parley/resources/resources';
import { canonical } from './canonical-hash.ts';
import type { ClusterState } from './cluster-state.ts';
import { findExecutor, launchExecutor } from './executor-book.ts';
import { orderRejection } from './leader-updates.ts';
import { type Holding, type OfferPool, volumeRoleOf } from './offer-pool.ts';
import { orderRun, orderRunGroup } from './orders.ts';
import type { FrameworkRecord, TaskRecord } from './records.ts';
import { ruleHolds } from './rules.ts';
import { isKnownTask, launchTask } from './task-book.ts';
import { checkGroupExecutor, nameOf, parseTask } from './task-validation.ts';
import type { Turn } from './turn.ts';
import { volumeSizesIn } from './volume-orders.ts';

export type LaunchOperation = Extract<Operation, { kind: 'launch' | 'launchGroup' }>;

export type JudgedLaunch = {
  readonly description: TaskDescription;
  readonly holding: Holding;
  /** The custom executor that it is for, or the executor of its group. */
  readonly executor?: ExecutorDescription;
  /** Of an executor that is not there yet: its own, not reserved. Once per executor. */
  readonly executorHolding?: Resources;
};

type Objection = {
  readonly failure: Failure;
  /** Undefined: no update, it would end the task that has this id. */
  readonly state: 'error' | 'dropped' | undefined;
  readonly reason: TaskReason;
};

export type RejectedTask = Objection & { readonly taskId: TaskId; readonly name: string };

export type Judgement = {
  readonly launches: readonly JudgedLaunch[];
  readonly rejected: readonly RejectedTask[];
  /** Executor of the group; absent: each task is ordered by itself. */
  readonly group?: ExecutorDescription;
};

/** What earlier tasks and operations of the same accept have named: task ids, and executors by agent and id. */
export class NamedInAccept {
  readonly tasks = new Set<TaskId>();
  readonly executors = new Map<string, ExecutorDescription>();
}

type LaunchArgs = {
  readonly framework: FrameworkRecord;
  readonly operation: LaunchOperation;
  readonly pool: OfferPool;
  readonly named: NamedInAccept;
};

/** Takes what is launched from the pool, and names it. */
export function judgeLaunch(state: ClusterState, args: LaunchArgs): Judgement {
  const judge = new LaunchJudge(state, args);
  const { operation } = args;
  return operation.kind === 'launch' ? judge.each(operation) : judge.group(operation);
}

/** Books, orders, and updates of what was rejected. After the offers ended, so that the books have room. */
export function carryOutLaunch(
  turn: Turn,
  args: {
    readonly framework: FrameworkRecord;
    readonly agentId: AgentId;
    readonly role: RoleName;
    readonly judgement: Judgement;
  },
): TaskId[] {
  const { launches, rejected, group } = args.judgement;
  const { framework } = args.framework;
  const { agentId, role } = args;
  const tasks: TaskRecord[] = [];
  const groupIds = launches.map(({ description }) => description.taskId);
  for (const { description, holding, executor, executorHolding } of launches) {
    if (executor !== undefined && executorHolding !== undefined) {
      const resources = executorHolding;
      launchExecutor(turn, { framework, agentId, role, description: executor, resources });
    }
    const { taskId, name, priority } = description;
    const task = launchTask(turn, {
      task: { ...framework, taskId },
      name,
      agentId,
      role,
      ...holding,
      ...(executor !== undefined && { executorId: executor.executorId }),
      isInGroup: group !== undefined,
      ...(group?.kind === 'default' && { group: groupIds }),
      ...(priority !== 0 && { priority }),
    });
    tasks.push(task);
    if (group !== undefined) continue;
    const volumeRole = volumeRoleOf(holding) ?? role;
    const sizes = volumeSizesIn(turn.state, agentId, [holding]);
    orderRun(turn, task, { role: volumeRole, ...sizes, description });
  }
  if (group !== undefined && tasks.length > 0) {
    const holdings = launches.map(({ holding }) => holding);
    const volumeRole = holdings.map(volumeRoleOf).find((one) => one);
    const sizes = volumeSizesIn(turn.state, agentId, holdings);
    const descriptions = launches.map(({ description }) => description);
    const body = { framework, role: volumeRole ?? role, ...sizes, executor: group, descriptions };
    orderRunGroup(turn, tasks, { agentId, body });
  }
  rejectTasks(turn, { framework: args.framework, agentId, rejected });
  return launches.map(({ description }) => description.taskId);
}

/** A status update for each that says why it was not launched; none for an id that another task has. */
export function rejectTasks(
  turn: Turn,
  {
    framework,
    agentId,
    rejected,
  }: {
    readonly framework: FrameworkRecord;
    readonly agentId: AgentId;
    readonly rejected: readonly RejectedTask[];
  },
): void {
  for (const { taskId, name, failure, state, reason } of rejected) {
    const task: TaskRef = { ...framework.framework, taskId };
    if (state === undefined || isKnownTask(turn.state, task)) continue;
    orderRejection(turn, { task, agentId, name }, { state, reason, message: failure.message });
  }
}

class LaunchJudge {
  readonly #state: ClusterState;
  readonly #args: LaunchArgs;

  constructor(state: ClusterState, args: LaunchArgs) {
    this.#state = state;
    this.#args = args;
  }

  each({ tasks }: Extract<LaunchOperation, { kind: 'launch' }>): Judgement {
    const launches: JudgedLaunch[] = [];
    const rejected: RejectedTask[] = [];
    for (const task of tasks) {
      const judged = this.#task(task, undefined);
      if ('failure' in judged)
        rejected.push({ taskId: task.taskId, name: nameOf(task), ...judged });
      else launches.push(judged);
    }
    return { launches, rejected };
  }

  /** All or none: the first objection is everybody's, and whatever was taken is put back. */
  group(operation: Extract<LaunchOperation, { kind: 'launchGroup' }>): Judgement {
    const { pool } = this.#args;
    const { executor, tasks } = operation;
    const mark = pool.mark();
    const known = this.#liveExecutor(executor);
    const objection = checked(checkGroupExecutor(executor)) ?? this.#executorObjection(executor);
    if (objection !== undefined) return this.#rejectGroup(tasks, { objection });
    const launches: JudgedLaunch[] = [];
    let executorHolding: Resources | undefined;
    if (known === undefined) {
      const taken = this.#takeExecutor(executor);
      if ('failure' in taken) return this.#rejectGroup(tasks, { objection: taken });
      executorHolding = taken.resources;
    }
    for (const task of tasks) {
      const judged = this.#task(task, executor);
      if ('failure' in judged) {
        pool.rollBack(mark);
        if (known === undefined) this.#args.named.executors.delete(this.#executorKey(executor));
        return this.#rejectGroup(tasks, { objection: judged, culprit: task });
      }
      const isFirst = launches.length === 0;
      const own = isFirst && executorHolding !== undefined && { executorHolding };
      launches.push({ ...judged, executor, ...own });
    }
    const fault = groupFault(launches);
    if (fault !== undefined) {
      pool.rollBack(mark);
      if (known === undefined) this.#args.named.executors.delete(this.#executorKey(executor));
      return this.#rejectGroup(tasks, { objection: invalid(fault) });
    }
    return { launches, rejected: [], group: executor };
  }

  #task(task: UnparsedTask, group: ExecutorDescription | undefined): JudgedLaunch | Objection {
    const { pool, named, framework } = this.#args;
    const { taskId } = task;
    if (named.tasks.has(taskId) || isKnownTask(this.#state, { ...framework.framework, taskId })) {
      const message = `taskId: ${taskId} was used already; choose a new one`;
      return { ...invalid(message), state: undefined };
    }
    named.tasks.add(taskId);
    const hasLimits = ruleHolds(this.#state, 'limitsAreRead');
    const place = { agentId: pool.agentId, hasLimits, ...(group !== undefined && { group }) };
    const parsed = parseTask(task, place);
    if (!parsed.ok) return invalid(parsed.failure.message);
    const description = parsed.value;
    const { executor } = description;
    if (executor === undefined) return this.#take(description);
    const objection = this.#executorObjection(executor);
    if (objection !== undefined) return objection;
    if (this.#liveExecutor(executor) !== undefined) {
      const taken = this.#take(description);
      return 'failure' in taken ? taken : { ...taken, executor };
    }
    const mark = pool.mark();
    const holding = this.#takeExecutor(executor);
    if ('failure' in holding) return holding;
    const taken = this.#take(description);
    if (!('failure' in taken)) return { ...taken, executor, executorHolding: holding.resources };
    pool.rollBack(mark);
    named.executors.delete(this.#executorKey(executor));
    return taken;
  }

  #take(description: TaskDescription): JudgedLaunch | Objection {
    const { pool } = this.#args;
    const { resources, reservationId, volumes } = description;
    const taken = pool.tryTake({
      resources: normalise(resources),
      ...(reservationId !== undefined && { reservationId }),
      volumes: volumes.map(({ volumeId }) => volumeId),
      isRevocable: description.revocable === true,
    });
    return taken.ok ? { description, holding: taken.value } : this.#notTaken(taken.failure);
  }

  /** Beside its first task; from then on it is there for the tasks after it. */
  #takeExecutor(executor: ExecutorDescription): { resources: Resources } | Objection {
    const { pool, named } = this.#args;
    const taken = pool.tryTake({ resources: normalise(executor.resources), volumes: [] });
    if (!taken.ok) {
      const message = `executor.${taken.failure.message}`;
      return this.#notTaken({ ...taken.failure, message });
    }
    named.executors.set(this.#executorKey(executor), executor);
    return { resources: taken.value.resources };
  }

  /** Where an offer was not valid any more, that is the reason, and not the task's fault. */
  #notTaken(failure: Failure): Objection {
    if (failure.code !== 'insufficientResources') {
      return { failure, state: 'error', reason: 'invalidTask' };
    }
    return this.#args.pool.hadStale
      ? {
          failure: { ...failure, code: 'invalidOffers' },
          state: 'dropped',
          reason: 'invalidOffers',
        }
      : { failure, state: 'error', reason: 'insufficientResources' };
  }

  #executorObjection(executor: ExecutorDescription): Objection | undefined {
    const { pool, framework } = this.#args;
    const { executorId } = executor;
    const live = this.#liveExecutor(executor);
    if (live === undefined) return undefined;
    const ref = { ...framework.framework, executorId };
    if (findExecutor(this.#state, pool.agentId, ref)?.isShuttingDown) {
      const message = `executor: ${executorId} is shutting down on ${pool.agentId}`;
      const failure: Failure = { code: 'invalidTask', message };
      return { failure, state: 'dropped', reason: 'executorExited' };
    }
    if (canonical(normalForm(live)) === canonical(normalForm(executor))) return undefined;
    return invalid(`executor: ${executorId} lives on ${pool.agentId} and is described otherwise`);
  }

  #liveExecutor(executor: ExecutorDescription): ExecutorDescription | undefined {
    const { pool, framework, named } = this.#args;
    const ref = { ...framework.framework, executorId: executor.executorId };
    return (
      findExecutor(this.#state, pool.agentId, ref)?.description ??
      named.executors.get(this.#executorKey(executor))
    );
  }

  #executorKey({ executorId }: ExecutorDescription): string {
    return `${this.#args.pool.agentId}/${executorId}`;
  }

  /** Without a culprit it is the executor. A task whose id another one has gets no update. */
  #rejectGroup(
    tasks: readonly UnparsedTask[],
    { objection, culprit }: { objection: Objection; culprit?: UnparsedTask },
  ): Judgement {
    const { named, framework } = this.#args;
    const { failure } = objection;
    const reason = objection.state === 'dropped' ? objection.reason : 'invalidGroup';
    const rejected = tasks.map((task): RejectedTask => {
      const { taskId } = task;
      const isCulprit = culprit === undefined || task === culprit;
      const message = isCulprit
        ? failure.message
        : `taskId: task ${culprit.taskId} of the group is not launched: ${failure.message}`;
      const isUsed = isKnownTask(this.#state, { ...framework.framework, taskId });
      const state = isCulprit ? objection.state : (objection.state ?? 'error');
      return {
        taskId,
        name: nameOf(task),
        failure: { ...failure, message },
        state: isUsed ? undefined : state,
        reason,
      };
    });
    for (const { taskId } of tasks) named.tasks.add(taskId);
    return { launches: [], rejected };
  }
}

/** What is wrong with the tasks of a group together. When one of them is killed, all are. */
function groupFault(launches: readonly JudgedLaunch[]): string | undefined {
  const roles = launches.map(({ holding }) => volumeRoleOf(holding)).filter((one) => one);
  if (new Set(roles).size > 1) return 'volumes: those of a group are of one role';
  const revocable = launches.filter(({ holding }) => holding.revocable !== undefined);
  return revocable.length > 0 && revocable.length < launches.length
    ? 'revocable: all tasks of a group are, or none'
    : undefined;
}

const invalid = (message: string): Objection => ({
  failure: { code: 'invalidTask', message },
  state: 'error',
  reason: 'invalidTask',
});

function checked(outcome: ReturnType<typeof checkGroupExecutor>): Objection | undefined {
  return outcome.ok ? undefined : invalid(outcome.failure.message);
}

const normalForm = (executor: ExecutorDescription) => ({
  ...executor,
  resources: normalise(executor.resources),
});

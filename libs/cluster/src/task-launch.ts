// Owns the launch of tasks out of offers, in two phases: judged on what is left of the offers, then carried out.

import { type Failure, fail } from '@parley/protocol/errors';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { AgentId, RoleName, TaskId, TaskRef } from '@parley/protocol/ids';
import type { Operation } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { TaskDescription, type TaskReason, type UnparsedTask } from '@parley/protocol/tasks';
import { isEmpty, normalise } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { orderRejection } from './leader-updates.ts';
import type { Holding, OfferPool } from './offer-pool.ts';
import { orderRun } from './orders.ts';
import type { FrameworkRecord } from './records.ts';
import { isKnownTask, launchTask } from './task-book.ts';
import type { Turn } from './turn.ts';

export type LaunchOperation = Extract<Operation, { kind: 'launch' | 'launchGroup' }>;

export type JudgedLaunch = {
  readonly description: TaskDescription;
  readonly holding: Holding;
  readonly executor?: ExecutorDescription;
  readonly executorHolding?: Resources;
};

/** `state` undefined: no update, it would end the task that has this id. */
export type RejectedTask = {
  readonly taskId: TaskId;
  readonly name: string;
  readonly failure: Failure;
  readonly state: 'error' | 'dropped' | undefined;
  readonly reason: TaskReason;
};

export type Judgement = {
  readonly launches: readonly JudgedLaunch[];
  readonly rejected: readonly RejectedTask[];
  readonly group?: ExecutorDescription;
};

/** Judges the tasks of one operation in order; takes from the pool. Changes no state. `named`: ids seen earlier. */
export function judgeLaunch(
  state: ClusterState,
  {
    framework,
    operation,
    pool,
    named,
  }: {
    framework: FrameworkRecord;
    operation: LaunchOperation;
    pool: OfferPool;
    named: Set<TaskId>;
  },
): Judgement {
  const launches: JudgedLaunch[] = [];
  const rejected: RejectedTask[] = [];
  for (const unparsed of operation.tasks) {
    const { taskId } = unparsed;
    const name = nameOf(unparsed);
    const task: TaskRef = { ...framework.framework, taskId };
    const reject = (state_: RejectedTask['state'], reason: TaskReason, failure: Failure) =>
      rejected.push({ taskId, name, failure, state: state_, reason });
    const isUsed = named.has(taskId) || isKnownTask(state, task);
    named.add(taskId);
    const parsed = TaskDescription.safeParse(unparsed);
    if (isUsed) {
      const message = `taskId: ${taskId} was used already; choose a new one`;
      reject(undefined, 'invalidTask', { code: 'invalidTask', message });
    } else if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const message = `${issue?.path.join('.')}: ${issue?.message}`;
      reject('error', 'invalidTask', { code: 'invalidTask', message });
    } else if (operation.kind === 'launchGroup' || parsed.data.executor !== undefined) {
      const message = 'executor: this cluster runs commands only';
      reject('error', 'invalidTask', { code: 'invalidTask', message });
    } else if (isEmpty(parsed.data.resources)) {
      const message = 'resources: a task needs some';
      reject('error', 'invalidTask', { code: 'invalidTask', message });
    } else {
      const { reservationId, volumes } = parsed.data;
      const taken = pool.tryTake({
        resources: normalise(parsed.data.resources),
        ...(reservationId !== undefined && { reservationId }),
        volumes: volumes.map(({ volumeId }) => volumeId),
      });
      if (taken.ok) launches.push({ description: parsed.data, holding: taken.value });
      else if (pool.hadStale) reject('dropped', 'invalidOffers', taken.failure);
      else reject('error', 'insufficientResources', taken.failure);
    }
  }
  return { launches, rejected };
}

/** Carries a judgement out: books, orders, status updates. After the offers ended (so the books have room). */
export function carryOutLaunch(
  turn: Turn,
  {
    framework,
    agentId,
    role,
    judgement,
  }: {
    framework: FrameworkRecord;
    agentId: AgentId;
    role: RoleName;
    judgement: Judgement;
  },
): TaskId[] {
  for (const { description, holding } of judgement.launches) {
    const { taskId, name } = description;
    const task: TaskRef = { ...framework.framework, taskId };
    const record = launchTask(turn, { task, name, agentId, role, ...holding });
    orderRun(turn, record, description);
  }
  rejectTasks(turn, { framework, agentId, rejected: judgement.rejected });
  return judgement.launches.map(({ description }) => description.taskId);
}

/** A status update for each that says why it was not launched; none for an id that another task has. */
export function rejectTasks(
  turn: Turn,
  {
    framework,
    agentId,
    rejected,
  }: { framework: FrameworkRecord; agentId: AgentId; rejected: readonly RejectedTask[] },
): void {
  for (const { taskId, name, failure, state, reason } of rejected) {
    const task: TaskRef = { ...framework.framework, taskId };
    if (state === undefined || isKnownTask(turn.state, task)) continue;
    orderRejection(turn, { task, agentId, name }, { state, reason, message: failure.message });
  }
}

export function nameOf(task: UnparsedTask): string {
  const { name } = task as { readonly name?: unknown };
  return typeof name === 'string' ? name : '';
}

export const notTaken = (message: string) => fail('invalidOffers', message);

// Owns telling a leader that has lost its books everything that the agent has, page by page, each until answered. While
// that is under way no status updates are sent, so that what was said of a task is still true when the leader takes it
// over. What the leader does not take over, or does not know, ends.
import { OutstandingRequests } from '@parley/actor/outstanding-requests';
import type {
  TellTasksRequest,
  TellTasksResult,
  ToldExecutor,
  ToldTask,
} from '@parley/protocol/adoption';
import type { RegisterRequest } from '@parley/protocol/agents';
import { isRetryable, type Outcome } from '@parley/protocol/errors';
import { type ExecutorRef, frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { isTerminal } from '@parley/protocol/tasks';
import { add, normalise, sum, trySubtract } from '@parley/resources/resources';
import type { AgentTask } from './agent-task.ts';
import type { ExecutorRoster } from './executors/executor-roster.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { SupervisedExecutor } from './executors/supervised-executor.ts';
import type { Instant, SupervisorEffect } from './supervisor-messages.ts';
import type { SupervisorOptions } from './supervisor-options.ts';
import type { TaskTable } from './task-table.ts';

/** A description of an executor may be 32 KiB and more. */
const EXECUTORS_A_PAGE = 8;
const TASKS_A_PAGE = 256;

type Out = SupervisorEffect[];

export type ToldTasksOptions = {
  /** Random, of this process. */
  readonly session: string;
  readonly table: Pick<TaskTable, 'all' | 'get'>;
  readonly roster: Pick<ExecutorRoster, 'held' | 'describe' | 'unknownToMaster'>;
  /** To be called after anything happened to a task. */
  readonly settle: (task: AgentTask, now: Instant, out: Out) => void;
};

export class ToldTasks {
  readonly #options: ToldTasksOptions;
  readonly #requests: OutstandingRequests<TellTasksRequest>;
  #pages: TellTasksRequest[] = [];
  #open: number | undefined;

  constructor(options: ToldTasksOptions) {
    this.#options = options;
    this.#requests = new OutstandingRequests(`${options.session}-told`.slice(-64));
  }

  /** No status updates meanwhile. */
  get isUnderWay(): boolean {
    return this.#open !== undefined;
  }

  /** What there is, by name, for a register request; that is put together only where it is asked for. */
  describe(host: SupervisorOptions['host']): { body: RegisterRequest; runningTasks: number } {
    // What is not on the disk yet may still be refused, what is journalled waits for its group only: both are no tasks.
    const tasks = [...this.#options.table.all()].filter(
      (task) => task.phase !== 'accepting' && !task.isOver,
    );
    const { roster } = this.#options;
    return {
      runningTasks: tasks.filter(({ phase }) => phase === 'running' || phase === 'handed').length,
      get body(): RegisterRequest {
        const free = freeOf(host.total, tasks, roster.held());
        return {
          ...host,
          tasks: tasks.map(({ ref, state, lastSequence }) => ({ task: ref, state, lastSequence })),
          executors: roster.describe(),
          ...(free !== undefined && { free }),
          tellsTasks: true,
        };
      },
    };
  }

  /** All of it is to be told; begins anew where that is under way already. */
  begin(nowMs: number): void {
    this.end();
    const live = [...this.#options.table.all()].filter(
      ({ phase, state }) => phase !== 'accepting' && !isTerminal(state),
    );
    const executors = this.#options.roster.held().map((executor) => toldExecutor(executor, live));
    this.#pages = pagesOf(live.map(toldTask), executors);
    this.#next(nowMs);
  }

  /** A leader that knows the agent was found meanwhile. */
  end(): void {
    if (this.#open !== undefined) this.#requests.answered(this.#open);
    this.#open = undefined;
    this.#pages = [];
  }

  /** `all`: nothing is left to be told. `refused`: the leader does not know this agent (any more). */
  answered(
    counter: number,
    answer: Outcome<TellTasksResult>,
    now: Instant,
    out: Out,
  ): 'page' | 'all' | 'refused' | undefined {
    if (counter !== this.#open) return undefined;
    if (!answer.ok) return isRetryable(answer.failure.code) ? undefined : 'refused';
    this.#requests.answered(counter);
    this.#next(now.nowMs);
    this.endUnknown(answer.value, now, out);
    return this.isUnderWay ? 'page' : 'all';
  }

  /** What this agent has named and the leader knows nothing of. */
  endUnknown({ unknownTasks, unknownExecutors }: Unknown, now: Instant, out: Out): void {
    const { table, roster, settle } = this.#options;
    roster.unknownToMaster(unknownExecutors, now, out);
    for (const ref of unknownTasks) {
      const task = table.get(taskKey(ref));
      if (task === undefined) continue;
      task.stop({ reason: 'unknownToMaster' }, now, out);
      settle(task, now, out);
    }
  }

  takeDue(nowMs: number): Out {
    return this.#requests.takeDue(nowMs).map(({ counter, request, payload }) => {
      return { kind: 'tellTasks', counter, request, body: payload };
    });
  }

  nextDueMs(): number {
    return this.#requests.nextDueMs() ?? Number.POSITIVE_INFINITY;
  }

  retrySoon(nowMs: number): void {
    this.#requests.retryAll(nowMs);
  }

  #next(nowMs: number): void {
    const page = this.#pages.shift();
    this.#open = page && this.#requests.open(page, nowMs);
  }
}

type Unknown = {
  readonly unknownTasks: readonly TaskRef[];
  readonly unknownExecutors: readonly ExecutorRef[];
};

/** Executors first: tasks belong to them. */
function pagesOf(tasks: readonly ToldTask[], executors: readonly ToldExecutor[]) {
  const pages: Omit<TellTasksRequest, 'isLast'>[] = [];
  for (let start = 0; start < executors.length; start += EXECUTORS_A_PAGE) {
    pages.push({ tasks: [], executors: executors.slice(start, start + EXECUTORS_A_PAGE) });
  }
  for (let start = 0; start < tasks.length; start += TASKS_A_PAGE) {
    pages.push({ tasks: tasks.slice(start, start + TASKS_A_PAGE), executors: [] });
  }
  if (pages.length === 0) pages.push({ tasks: [], executors: [] });
  return pages.map((page, index) => ({ ...page, isLast: index === pages.length - 1 }));
}

function toldTask(task: AgentTask): ToldTask {
  const { ref, state, lastSequence, order } = task;
  const told = { task: ref, state, lastSequence };
  // Without an order there is nothing to run: it has ended, or is about to.
  if (order === undefined) return { ...told, name: '', resources: NOTHING, volumes: [] };
  const { description, role, group } = order;
  const { name, resources, revocable, reservationId, volumes, executor, priority } = description;
  const executorId = group?.executorId ?? executor?.executorId;
  const isOfOwnExecutor = task instanceof ExecutorTask;
  return {
    ...told,
    name,
    resources,
    volumes: volumes.map(({ volumeId }) => volumeId),
    ...(role !== undefined && { role }),
    ...(revocable === true && { isRevocable: true }),
    ...(reservationId !== undefined && { reservationId }),
    ...(executorId !== undefined && { executorId }),
    ...(group !== undefined && { isInGroup: true }),
    ...(group !== undefined && !isOfOwnExecutor && { group: [...group.taskIds] }),
    ...(priority !== 0 && { priority }),
  };
}

/** What the live ones of these do not hold; undefined where one came without an order, or they hold more than there is. */
function freeOf(
  total: Resources,
  tasks: readonly AgentTask[],
  executors: readonly SupervisedExecutor[],
): Resources | undefined {
  let held = sum(executors.map(({ description }) => description.resources));
  for (const { order, state } of tasks) {
    if (isTerminal(state)) continue;
    if (order === undefined) return undefined;
    const { resources, revocable } = order.description;
    // Revocable amounts are beside the total.
    held = add(held, revocable === true ? { ...resources, scalars: {} } : resources);
  }
  return trySubtract(normalise(total), held);
}

const NOTHING = { scalars: {}, ports: [], sets: {} };

/** Its tasks say for which role it is. */
function toldExecutor(
  { ref, description }: SupervisedExecutor,
  tasks: readonly AgentTask[],
): ToldExecutor {
  const { principal, frameworkId, executorId } = ref;
  const own = tasks.find(
    (task) =>
      task instanceof ExecutorTask &&
      task.executor.executorId === executorId &&
      frameworkKey(task.ref) === frameworkKey({ principal, frameworkId }),
  );
  const role = own?.order?.role;
  return { executor: ref, description, ...(role !== undefined && { role }) };
}

// Owns an agent of a test: it takes the leader's orders, lets tasks end in virtual time as the test says, and reports. No
// process is started. What an agent on a real host does beyond that (sandbox, limits, checks) is not played here.

import type { Call, Caller, Order } from '@parley/cluster/inputs';
import type { Domain } from '@parley/protocol/constraints';
import type { Failure } from '@parley/protocol/errors';
import {
  type AgentId,
  type ExecutorId,
  type ExecutorKey,
  type ExecutorRef,
  executorKey,
  type FrameworkRef,
  type TaskKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Attributes } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { AskToStopOrder } from '@parley/protocol/revocations';
import {
  isTerminal,
  type StatusUpdate,
  type TaskDescription,
  type TaskReason,
  type TaskState,
} from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { VirtualClock } from './virtual-clock.ts';

/** How a task goes: it runs until it is killed, or ends by itself after so long. */
export type TaskCourse = 'runs' | { readonly afterMs: number; readonly exitCode: number };

export type TestAgentOptions = {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly total: Resources;
  readonly domain?: Domain;
  readonly attributes: Attributes;
  readonly clock: VirtualClock;
  readonly courseOf: (description: TaskDescription) => TaskCourse;
  readonly call: (caller: Caller, call: Call) => Promise<Answer>;
  /** Writes into the principal's stream. */
  readonly write: (update: StatusUpdate) => void;
};

type HostTask = {
  readonly ref: TaskRef;
  readonly executor: ExecutorRef | undefined;
  /** Its end ends the others of its group. */
  readonly isInGroup: boolean;
  state: TaskState;
  sequence: number;
};

/** How long a killed task takes to end. */
const END_MS = 10;

export class TestAgent {
  readonly #options: TestAgentOptions;
  readonly #tasks = new Map<TaskKey, HostTask>();
  readonly #executors = new Map<ExecutorKey, ExecutorRef>();
  /** Not written, because nobody was there. */
  #unwritten: StatusUpdate[] = [];
  #isReachable = true;

  constructor(options: TestAgentOptions) {
    this.#options = options;
    void this.#register();
  }

  get agentId(): AgentId {
    return this.#options.agentId;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** Nothing from or to it arrives; its tasks go on. */
  partition(): void {
    this.#isReachable = false;
  }

  /** It is back and says what it runs. */
  heal(): void {
    this.#isReachable = true;
    const updates = this.#unwritten;
    this.#unwritten = [];
    for (const update of updates) this.#options.write(update);
    void this.#register();
  }

  /** Its process died and began anew: tasks outlive that. */
  restart(): void {
    this.partition();
    this.#options.clock.startTimer(END_MS, () => this.heal());
  }

  /** One of its executors ends by itself, and its tasks with it. */
  exitExecutor(framework: FrameworkRef, executorId: ExecutorId, exitCode = 1): void {
    this.#endExecutor({ ...framework, executorId }, { end: 'exited', exitCode });
  }

  /** The answer; undefined while it cannot be reached. */
  take(order: Order): { readonly failure?: Failure } | undefined {
    if (!this.#isReachable) return undefined;
    switch (order.kind) {
      case 'run': {
        const { framework, description } = order.body;
        this.#run(framework, description, description.executor?.executorId);
        return {};
      }
      case 'runGroup': {
        const { framework, executor, descriptions } = order.body;
        for (const one of descriptions) this.#run(framework, one, executor.executorId, true);
        return {};
      }
      case 'kill':
        this.#kill(order.body.task, killReason(order.body.reason));
        return {};
      case 'askToStop':
        this.#askToStop(order.body);
        return {};
      case 'shutdownExecutor':
        this.#endExecutor(order.body.executor, { end: 'shutDown' });
        return {};
      case 'destroyVolume':
        return {};
      default:
        return unreachable(order);
    }
  }

  async #register(): Promise<void> {
    const { agentId, hostname, total, domain, attributes, call } = this.#options;
    const tasks = [...this.#tasks.values()].map(({ ref, state, sequence }) => ({
      task: ref,
      state,
      lastSequence: sequence,
    }));
    const executors = [...this.#executors.values()];
    await call(
      { kind: 'agent', agentId },
      { verb: 'register', body: { hostname, total, domain, attributes, tasks, executors } },
    );
  }

  #run(
    framework: FrameworkRef,
    description: TaskDescription,
    executorId: ExecutorId | undefined,
    isInGroup = false,
  ): void {
    const ref = { ...framework, taskId: description.taskId };
    if (this.#tasks.has(taskKey(ref))) return;
    const executor = executorId && { ...framework, executorId };
    if (executor !== undefined && !isInGroup) this.#executors.set(executorKey(executor), executor);
    const task: HostTask = { ref, executor, isInGroup, state: 'staging', sequence: 0 };
    this.#tasks.set(taskKey(ref), task);
    const { clock, courseOf } = this.#options;
    clock.startTimer(END_MS, () => this.#report(task, 'running'));
    const course = courseOf(description);
    if (course === 'runs') return;
    clock.startTimer(END_MS + course.afterMs, () => {
      const { exitCode } = course;
      const state = exitCode === 0 ? 'finished' : 'failed';
      this.#report(task, state, { reason: 'commandExited', exitCode });
    });
  }

  #kill(ref: TaskRef, reason: TaskReason): void {
    const known = this.#tasks.get(taskKey(ref));
    // A kill that overtakes its launch ends the task here: the launch finds it ended.
    const task = known ?? {
      ref,
      executor: undefined,
      isInGroup: false,
      state: 'staging' as const,
      sequence: 0,
    };
    this.#tasks.set(taskKey(ref), task);
    this.#options.clock.startTimer(END_MS, () => this.#report(task, 'killed', { reason }));
  }

  /** Every task here does at once what it is asked. */
  #askToStop({ task, isCalledOff }: AskToStopOrder): void {
    if (isCalledOff || !this.#tasks.has(taskKey(task))) return;
    const { agentId, call } = this.#options;
    const body = { task, answer: { kind: 'stopping' } } as const;
    void call({ kind: 'agent', agentId }, { verb: 'stopAnswered', body });
    this.#kill(task, 'revoked');
  }

  #endExecutor(
    executor: ExecutorRef,
    how: { readonly end: 'exited' | 'shutDown'; readonly exitCode?: number },
  ): void {
    if (!this.#executors.delete(executorKey(executor))) return;
    const given = [...this.#tasks.values()].filter(
      (task) => task.executor !== undefined && executorKey(task.executor) === executorKey(executor),
    );
    const tasks = given.filter(({ state }) => !isTerminal(state)).map(({ ref }) => ref.taskId);
    for (const task of given) {
      if (how.end === 'exited') this.#report(task, 'failed', { reason: 'executorExited' });
      else this.#report(task, 'killed', { reason: 'killedByFramework' });
    }
    const { agentId, call } = this.#options;
    void call(
      { kind: 'agent', agentId },
      { verb: 'executorExited', body: { executor, tasks, ...how } },
    );
  }

  #report(
    task: HostTask,
    state: TaskState,
    more: Pick<StatusUpdate, 'reason' | 'exitCode'> = {},
  ): void {
    if (isTerminal(task.state)) return;
    task.state = state;
    task.sequence += 1;
    const update: StatusUpdate = {
      task: task.ref,
      agentId: this.agentId,
      source: 'agent',
      sequence: task.sequence,
      state,
      ...more,
      wallTimeMs: this.#options.clock.nowMs(),
    };
    if (this.#isReachable) this.#options.write(update);
    else this.#unwritten.push(update);
    if (isTerminal(state) && state !== 'finished') this.#endGroup(task);
  }

  /** One of a group that does not finish ends the rest. */
  #endGroup({ executor, isInGroup }: HostTask): void {
    if (!isInGroup || executor === undefined) return;
    for (const other of this.#tasks.values()) {
      if (!other.isInGroup || other.executor === undefined) continue;
      if (executorKey(other.executor) !== executorKey(executor)) continue;
      this.#report(other, 'killed', { reason: 'groupMemberEnded' });
    }
  }
}

function killReason(reason: Extract<Order, { kind: 'kill' }>['body']['reason']): TaskReason {
  switch (reason) {
    case 'framework':
      return 'killedByFramework';
    case 'operator':
      return 'killedByOperator';
    case 'agentGone':
      return 'agentGoneByOperator';
    case 'frameworkRemoved':
    case 'unknownToMaster':
      return 'frameworkRemoved';
    case 'groupMemberEnded':
    case 'revoked':
    case 'agentDraining':
      return reason;
    default:
      return unreachable(reason);
  }
}

// Owns one subscribed executor: its stream, its connection to the agent, and what of the one is what on the other.
import type {
  ExecutorCall,
  ExecutorEvent,
  ExecutorInfo,
  TaskInfo,
} from '@parley/mesos-api/message-types';
import type { ExecutorProof } from '@parley/protocol/executor-relay';
import type { ExecutorUpdate, ToExecutor } from '@parley/protocol/executors';
import type { AgentId, ExecutorRef, TaskId } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { ExecutorStatus } from './executor-call.ts';
import type { ExecutorStream } from './executor-stream.ts';
import { killEvent, mesosTask, ownTaskId } from './executor-translation.ts';
import type { ExecutorUpdates, UpdateName } from './executor-updates.ts';
import type { RelayLink } from './relay-link.ts';

export type SubscribedFacts = Omit<NonNullable<ExecutorEvent['subscribed']>, 'executor_info'>;

export type ExecutorSessionOptions = {
  readonly executor: ExecutorRef;
  /** As it showed itself when it subscribed. */
  readonly proof: ExecutorProof;
  readonly info: ExecutorInfo;
  readonly updates: ExecutorUpdates;
  readonly stream: ExecutorStream;
  readonly agentId: AgentId;
  /** Of a task that was launched before, as its framework calls it. */
  readonly nameOf: (taskId: TaskId) => string;
  /** Asked for when the agent says `subscribed`. */
  readonly facts: (about: Extract<ToExecutor, { kind: 'subscribed' }>) => SubscribedFacts;
};

/** Of the updates in one subscription, estimated; the others follow by themselves. */
const SUBSCRIPTION_BYTES = 256 * 1024;
/** As many as one subscription can name. */
const MAX_LISTED = 10_000;

export class ExecutorSession {
  readonly proof: ExecutorProof;
  readonly #options: ExecutorSessionOptions;
  /** Ids of tasks as the framework chose them, by ours: what digests stand for is told once, with the launch. */
  readonly #taskNames = new Map<string, string>();
  /** Said again though the agent has them: told when the executor has been told that it is subscribed. */
  readonly #repeated: UpdateName[] = [];
  #isSubscribed = false;
  #link: RelayLink | undefined;

  constructor(options: ExecutorSessionOptions) {
    this.#options = options;
    this.proof = options.proof;
  }

  /** Says to the agent what the executor has. Throws `Untranslatable` before anything was said. */
  begin(link: RelayLink, subscribe: NonNullable<ExecutorCall['subscribe']>): void {
    const { executor, stream } = this.#options;
    const tasks = (subscribe.unacknowledged_tasks ?? []).map(({ task_id }) => {
      const taskId = ownTaskId(task_id.value);
      this.#taskNames.set(taskId, task_id.value);
      return taskId;
    });
    const updates = (subscribe.unacknowledged_updates ?? []).map(({ status }) => status);
    const numbered = updates.flatMap((status) => this.#number(status) ?? []);
    const listed = firstOf(numbered);
    this.#link = link;
    stream.onClosed(() => link.end());
    link.say({
      kind: 'subscribe',
      executor,
      unacknowledgedTasks: tasks.slice(0, MAX_LISTED),
      unacknowledgedUpdates: listed,
    });
    for (const update of numbered.slice(listed.length)) link.say({ kind: 'update', update });
    link.begin();
  }

  /** Throws `Untranslatable`. */
  update(status: ExecutorStatus): void {
    const update = this.#number(status);
    if (update !== undefined) this.#link?.say({ kind: 'update', update });
  }

  message(data: Uint8Array): void {
    this.#link?.say({ kind: 'message', data: Uint8Array.from(data) });
  }

  /** Another connection of the executor takes its place, or there is none any more. */
  close(): void {
    this.#link?.end();
    this.#options.stream.end();
  }

  hear(message: ToExecutor): void {
    const { stream, info, facts } = this.#options;
    switch (message.kind) {
      case 'subscribed':
        stream.send({
          type: 'SUBSCRIBED',
          subscribed: { ...facts(message), executor_info: info },
        });
        this.#isSubscribed = true;
        for (const name of this.#repeated.splice(0)) this.#tellAcknowledged(name);
        return;
      case 'launch':
        stream.send({ type: 'LAUNCH', launch: { task: this.#taskOf(message.task) } });
        return;
      case 'launchGroup': {
        const tasks = message.tasks.map((task) => this.#taskOf(task));
        stream.send({ type: 'LAUNCH_GROUP', launch_group: { task_group: { tasks } } });
        return;
      }
      case 'kill':
        stream.send(killEvent(this.#nameOf(message.taskId), message.graceMs));
        return;
      case 'stopAsked':
        // Mesos knows no question: the task is told to end within the grace, as it would be after it.
        this.#link?.say({
          kind: 'stopAnswered',
          taskId: message.taskId,
          answer: { kind: 'stopping' },
        });
        stream.send(killEvent(this.#nameOf(message.taskId), message.graceMs));
        return;
      case 'stopCalledOff':
        return;
      case 'acknowledged':
        this.#acknowledge(message.sequence);
        return;
      case 'message':
        stream.send({ type: 'MESSAGE', message: { data: message.data } });
        return;
      case 'shutdown':
        stream.send({ type: 'SHUTDOWN' });
        return;
      case 'refused':
        stream.send({ type: 'ERROR', error: { message: message.message } });
        return;
      default:
        unreachable(message);
    }
  }

  #acknowledge(sequence: number): void {
    const name = this.#options.updates.acknowledged(sequence);
    if (name !== undefined) this.#tellAcknowledged(name);
  }

  #tellAcknowledged({ taskId, uuid }: UpdateName): void {
    const acknowledged = { task_id: { value: taskId }, uuid };
    if (this.#isSubscribed) this.#options.stream.send({ type: 'ACKNOWLEDGED', acknowledged });
    else this.#repeated.push({ taskId, uuid });
  }

  /** Undefined: the agent has it, which the executor is told. */
  #number(status: ExecutorStatus): ExecutorUpdate | undefined {
    const update = this.#options.updates.number(status);
    if (update === undefined && status.uuid !== undefined) {
      this.#tellAcknowledged({ taskId: status.task_id.value, uuid: status.uuid });
    }
    return update;
  }

  #taskOf(description: TaskDescription): TaskInfo {
    const { info, agentId } = this.#options;
    const task = mesosTask(description, info, agentId);
    this.#taskNames.set(description.taskId, task.task_id.value);
    return task;
  }

  #nameOf(taskId: TaskId): string {
    return this.#taskNames.get(taskId) ?? this.#options.nameOf(taskId);
  }
}

function firstOf(updates: readonly ExecutorUpdate[]): ExecutorUpdate[] {
  let bytes = 0;
  const end = updates.findIndex(({ data, message }, index) => {
    bytes += 256 + (data?.length ?? 0) + 3 * (message?.length ?? 0);
    return bytes > SUBSCRIPTION_BYTES || index >= MAX_LISTED;
  });
  return updates.slice(0, end < 0 ? updates.length : end);
}

// Owns what is said between the agent and one executor on its present connection: acknowledgements, kill orders, messages, and
// the comparison of what both have when it subscribes. What its words mean for the executor itself it does not decide.
import type { ExecutorUpdate, FromExecutor, ToExecutor } from '@parley/protocol/executors';
import { type ExecutorKey, executorKey, type TaskKey, taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { missedByExecutor } from './executor-ends.ts';
import type { ConnectionNumber, ExecutorPlace } from './executor-messages.ts';
import type { ExecutorTask } from './executor-task.ts';
import type { Turn } from './executor-turn.ts';
import { UpdateReceipts } from './update-receipts.ts';

type Subscription = Extract<FromExecutor, { kind: 'subscribe' }>;
type StopAnswerFrame = Extract<FromExecutor, { kind: 'stopAnswered' }>;

/** Of a message between a scheduler and an executor, each way. */
const MAX_MESSAGE_BYTES = 256 * 1024;
/** Each is an entry of the leader's journal. */
const MAX_ANSWERS_A_QUESTION = 16;

export class ExecutorConversation {
  readonly #place: ExecutorPlace;
  readonly #key: ExecutorKey;
  /** The tasks of the executor that have not ended; kept by the executor. */
  readonly #tasks: ReadonlyMap<TaskKey, ExecutorTask>;
  readonly #receipts = new UpdateReceipts();
  /** How many kill orders for a task were passed on over the present connection. */
  readonly #killsTold = new Map<TaskKey, number>();
  /** Likewise of questions to stop, and how many answers to the last one are taken. */
  readonly #questionsTold = new Map<TaskKey, number>();
  readonly #answersLeft = new Map<TaskKey, number>();
  #connection: ConnectionNumber | undefined;

  constructor(place: ExecutorPlace, tasks: ReadonlyMap<TaskKey, ExecutorTask>) {
    this.#place = place;
    this.#key = executorKey(place.executor);
    this.#tasks = tasks;
  }

  isOn(connection: ConnectionNumber): boolean {
    return this.#connection === connection;
  }

  /** The newest connection counts; one before it ends. */
  begin(connection: ConnectionNumber, turn: Turn): void {
    if (this.#connection !== connection) this.drop(turn);
    this.#connection = connection;
    this.#receipts.clear();
    this.#killsTold.clear();
    this.#questionsTold.clear();
    this.#answersLeft.clear();
  }

  /** False when it was not the present one. */
  closed(connection: ConnectionNumber): boolean {
    if (connection !== this.#connection) return false;
    this.#connection = undefined;
    this.#receipts.clear();
    return true;
  }

  drop(turn: Turn): void {
    if (this.#connection === undefined) return;
    turn.push({ kind: 'closeConnection', ...this.#place, connection: this.#connection });
    this.#connection = undefined;
  }

  refuse(connection: ConnectionNumber, message: string, turn: Turn): void {
    turn.report(this.#key, `a connection was refused: ${message}`);
    turn.push({ kind: 'send', ...this.#place, connection, message: { kind: 'refused', message } });
    turn.push({ kind: 'closeConnection', ...this.#place, connection });
  }

  /** Nothing, without a connection: whoever subscribes next is told what counts then. */
  send(message: ToExecutor, turn: Turn): void {
    if (this.#connection === undefined) return;
    turn.push({ kind: 'send', ...this.#place, connection: this.#connection, message });
  }

  /** What is asked of the executor about the task, where it was not told on this connection yet. */
  passOn(task: ExecutorTask, turn: Turn): void {
    this.#passKillOn(task, turn);
    this.#passQuestionOn(task, turn);
  }

  hear(message: Exclude<FromExecutor, Subscription>, turn: Turn): void {
    switch (message.kind) {
      case 'update':
        this.#hearUpdate(message.update, turn);
        return;
      case 'stopAnswered':
        this.#hearAnswer(message, turn);
        return;
      case 'message':
        if (message.data.length > MAX_MESSAGE_BYTES) {
          turn.report(this.#key, `a message of ${message.data.length} bytes is too long`);
        } else turn.push({ kind: 'publishMessage', ...this.#place, data: message.data });
        return;
      default:
        unreachable(message);
    }
  }

  /** Every kill order once a connection. */
  #passKillOn(task: ExecutorTask, turn: Turn): void {
    const wish = task.killWish;
    if (wish === undefined || task.phase !== 'handed' || this.#connection === undefined) return;
    if (wish.count <= (this.#killsTold.get(task.key) ?? 0)) return;
    this.#killsTold.set(task.key, wish.count);
    this.send({ kind: 'kill', taskId: task.ref.taskId, graceMs: wish.graceMs }, turn);
  }

  /** Every question once a connection; that it is called off only where it was asked. */
  #passQuestionOn(task: ExecutorTask, turn: Turn): void {
    const question = task.stopQuestion;
    if (question === undefined || this.#connection === undefined) return;
    const told = this.#questionsTold.get(task.key) ?? 0;
    if (question.count <= told) return;
    const { taskId } = task.ref;
    this.#questionsTold.set(task.key, question.count);
    if (question.kind === 'calledOff') {
      this.send({ kind: 'stopCalledOff', taskId }, turn);
      return;
    }
    // Monotonic time has fractions, what is sent has none.
    const graceMs = Math.max(0, Math.round(question.byMs - turn.now.nowMs));
    this.#answersLeft.set(task.key, MAX_ANSWERS_A_QUESTION);
    this.send({ kind: 'stopAsked', taskId, graceMs }, turn);
  }

  /** An answer without a question, or one too many, is nobody's business. */
  #hearAnswer({ taskId, answer }: StopAnswerFrame, turn: Turn): void {
    const task = this.#tasks.get(taskKey({ ...this.#place.executor, taskId }));
    const left = task && this.#answersLeft.get(task.key);
    if (task?.stopQuestion?.kind !== 'asked' || left === undefined || left === 0) {
      turn.report(this.#key, `an answer about ${taskId}, which it was not asked to stop`);
      return;
    }
    this.#answersLeft.set(task.key, left - 1);
    turn.saidToStop(task.ref, answer);
  }

  taskEnded(task: ExecutorTask): void {
    this.#killsTold.delete(task.key);
    this.#questionsTold.delete(task.key);
    this.#answersLeft.delete(task.key);
  }

  #hearUpdate(update: ExecutorUpdate, turn: Turn): void {
    const { taskId, sequence } = update;
    const { executor } = this.#place;
    const key = taskKey({ ...executor, taskId });
    const task = this.#tasks.get(key) ?? turn.find(key);
    if (task === undefined || task.executor.executorId !== executor.executorId) {
      // Not taken, and never will be: it need not say so again.
      if (!turn.wasForgotten(key)) {
        const what = `an update (${update.state}) about ${taskId}, which is no task of it here`;
        turn.report(this.#key, what);
      }
      this.send({ kind: 'acknowledged', sequence }, turn);
      return;
    }
    if (task.reported(update, turn.now, turn.out) === 'refused') {
      const what = `an update (${update.state}) about ${taskId}, which is ${task.state}`;
      turn.report(this.#key, what);
      if (task.phase !== 'ended' && task.phase !== 'collecting') {
        this.send({ kind: 'acknowledged', sequence }, turn);
        return;
      }
    }
    // A word after the end may be the end itself, said again by an executor that was not told that it was taken.
    this.#receipts.add(sequence, task);
    turn.changed(task);
    this.acknowledge(turn);
  }

  /** Only what is on the disk: until then the executor keeps it. */
  acknowledge(turn: Turn): void {
    for (const sequence of this.#receipts.takeSettled()) {
      this.send({ kind: 'acknowledged', sequence }, turn);
    }
  }

  /**
   * What it lists is what it has: its unacknowledged updates count first. A task that was sent and that it neither
   * lists nor has said a word about never reached it, and is sent again (Mesos would drop it). Of a group that reached
   * it in part the rest cannot be sent as a group again, so it is dropped. One that it has and that is not, or no more,
   * a task here is to end.
   */
  compare(message: Subscription, turn: Turn): void {
    const mine = new Set([...this.#tasks.values()].map(({ ref }) => ref.taskId));
    const listed = new Set(message.unacknowledgedTasks);
    for (const update of message.unacknowledgedUpdates) {
      listed.add(update.taskId);
      this.#hearUpdate(update, turn);
    }
    for (const taskId of message.unacknowledgedTasks) {
      if (mine.has(taskId)) continue;
      turn.report(this.#key, `it has task ${taskId}, which is not on this agent: it is to kill it`);
      this.send({ kind: 'kill', taskId, graceMs: 0 }, turn);
    }
    const tasks = [...this.#tasks.values()];
    const isMissing = (task: ExecutorTask): boolean =>
      task.isUnheardOf && !listed.has(task.ref.taskId);
    const missing = new Set(tasks.filter(isMissing));
    // Found out before any of them changes.
    const partial = new Set([...missing].filter((task) => this.#hasOthersOf(task, missing)));
    for (const task of tasks) {
      if (!missing.has(task)) {
        this.passOn(task, turn);
        continue;
      }
      if (partial.has(task)) task.endedByExecutor(missedByExecutor, turn.now, turn.out);
      else task.takeBack(turn.now, turn.out);
      turn.changed(task);
    }
  }

  /** The executor has another task of the same group. */
  #hasOthersOf({ order }: ExecutorTask, missing: ReadonlySet<ExecutorTask>): boolean {
    return (order.group?.taskIds ?? []).some((taskId) => {
      const other = this.#tasks.get(taskKey({ ...this.#place.executor, taskId }));
      return other !== undefined && !missing.has(other);
    });
  }
}

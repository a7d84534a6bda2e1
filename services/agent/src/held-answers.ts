// Owns the answers to orders that are carried out but not to be told yet: until the task's record is on the disk, and
// until no register request is under way that does not name the task. What is ordered is in supervisor.ts.
import { type Failure, succeed } from '@parley/protocol/errors';
import type { TaskKey } from '@parley/protocol/ids';
import type { AgentTask } from './agent-task.ts';
import type { ReplyHandle, SupervisorEffect } from './supervisor-messages.ts';

const MAX_ANSWERS_A_TASK = 16;

type Out = SupervisorEffect[];
type WaitingAnswer = { readonly reply: ReplyHandle; readonly revision: number };

export class HeldAnswers {
  readonly #limit: number;
  readonly #isRegistering: () => boolean;
  /** Answers that wait until a revision of the task's record is on the disk. */
  readonly #unrecorded = new Map<TaskKey, WaitingAnswer[]>();
  /** Answers that wait until the register request under way, which does not name their tasks, is answered. */
  #afterRegister: ReplyHandle[] = [];

  /** `limit`: of answers that wait for a register request. */
  constructor(limit: number, isRegistering: () => boolean) {
    this.#limit = limit;
    this.#isRegistering = isRegistering;
  }

  // Otherwise the leader could read "accepted" first, then a register request that was made before and does not
  // name the task, and take it for forgotten.
  accept(reply: ReplyHandle, out: Out): void {
    if (this.#isRegistering()) {
      this.#afterRegister.push(reply);
      if (this.#afterRegister.length > this.#limit) this.#afterRegister.shift();
    } else out.push({ kind: 'answer', reply, answer: succeed({}) });
  }

  /** Accepts once what is known of the task now is on the disk. */
  acceptWhenRecorded(task: AgentTask, reply: ReplyHandle, out: Out): void {
    const { isCurrent, revision } = task.record;
    if (isCurrent) {
      this.accept(reply, out);
      return;
    }
    const waiting = this.#unrecorded.get(task.key) ?? [];
    // An order is repeated while its answer waits: the newest repetitions are the ones still listened for.
    const newest = waiting.slice(1 - MAX_ANSWERS_A_TASK);
    this.#unrecorded.set(task.key, [...newest, { reply, revision }]);
  }

  recorded(task: TaskKey, revision: number, out: Out): void {
    const waiting = this.#unrecorded.get(task);
    if (waiting === undefined) return;
    const left = waiting.filter((answer) => answer.revision > revision);
    if (left.length > 0) this.#unrecorded.set(task, left);
    else this.#unrecorded.delete(task);
    for (const { reply, revision: awaited } of waiting) {
      if (awaited <= revision) this.accept(reply, out);
    }
  }

  refuse(task: TaskKey, failure: Failure, out: Out): void {
    for (const { reply } of this.#unrecorded.get(task) ?? []) {
      out.push({ kind: 'answer', reply, answer: { ok: false, failure } });
    }
    this.#unrecorded.delete(task);
  }

  /** An order that could not be recorded is not answered: its sender asks again. */
  drop(task: TaskKey): void {
    this.#unrecorded.delete(task);
  }

  registered(out: Out): void {
    for (const reply of this.#afterRegister) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
    }
    this.#afterRegister = [];
  }
}

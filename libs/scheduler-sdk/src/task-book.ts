// Owns what a session knows of its tasks: launches, the updates that count, and what the leader says when it is asked.
// It decides what is delivered; when to ask is in reconciliation.ts, what is news in update-ledger.ts.
import type { Failure } from '@parley/protocol/errors';
import type { FrameworkRef, TaskId } from '@parley/protocol/ids';
import type { ReconcileRequest, ReconcileResult, StatusUpdate } from '@parley/protocol/tasks';
import type { LaunchedTask } from './accept-order.ts';
import type { EffectBuffer } from './effect-buffer.ts';
import { type ReconcileTimes, Reconciliation } from './reconciliation.ts';
import { droppedUpdates } from './refusal.ts';
import type { StreamPosition } from './scheduler-ports.ts';
import { UpdateLedger } from './update-ledger.ts';

export class TaskBook {
  /** Undefined: the user reconciles himself, and nothing is delivered for what he is answered. */
  readonly reconciliation: Reconciliation | undefined;
  readonly #framework: FrameworkRef;
  readonly #out: EffectBuffer;
  readonly #updates = new UpdateLedger();

  constructor(framework: FrameworkRef, times: ReconcileTimes | undefined, out: EffectBuffer) {
    this.#framework = framework;
    this.#out = out;
    this.reconciliation = times && new Reconciliation(times);
  }

  /** Tasks of which it is certain that they were launched, and of which no end is known. */
  running(): LaunchedTask[] {
    return this.#updates.running();
  }

  launching(tasks: readonly LaunchedTask[]): void {
    for (const task of tasks) this.#updates.launched(task);
  }

  /** The leader says which of them it launched; the others have updates of their own in the stream. */
  launchAnswered(tasks: readonly LaunchedTask[], launched: readonly TaskId[], nowMs: number): void {
    const certain = new Set(launched);
    for (const task of tasks) {
      if (!certain.has(task.taskId) || !this.#updates.confirmed(task.taskId)) continue;
      if (this.#updates.isSilent(task.taskId)) this.reconciliation?.launched(task, nowMs);
    }
  }

  /**
   * The whole call came to nothing: each of its tasks ends as dropped. One that was heard of was launched, though: its
   * answer was lost, and with it what the leader knew of the call.
   */
  launchFailed(tasks: readonly LaunchedTask[], failure: Failure): void {
    const silent = tasks.filter(({ taskId }) => !this.#updates.isHeardOf(taskId));
    for (const update of droppedUpdates(this.#framework, silent, failure)) {
      if (this.#updates.decide(undefined, update) !== 'deliver') continue;
      this.#out.deliver({ kind: 'update', update, streamSequence: undefined });
    }
  }

  read(streamSequence: number, update: StatusUpdate): void {
    switch (this.#updates.decide(streamSequence, update)) {
      case 'deliver':
        this.reconciliation?.heard(update.task.taskId);
        this.#out.deliver({ kind: 'update', update, streamSequence });
        break;
      case 'foreign':
        this.#out.deliver({ kind: 'foreignUpdate', update, agentId: update.agentId });
        this.#out.push({ kind: 'acknowledge', streamSequence });
        break;
      case 'drop':
        this.#out.push({ kind: 'acknowledge', streamSequence });
        break;
      case 'inHand':
        break;
    }
  }

  handled(streamSequence: number): void {
    if (!this.#updates.handled(streamSequence)) return;
    this.#out.push({ kind: 'acknowledge', streamSequence });
  }

  /** The answer waits until the stream has been read as far as it holds. */
  answered(request: ReconcileRequest, result: ReconcileResult, whose: 'own' | 'user'): void {
    if (this.reconciliation === undefined) return;
    if (whose === 'user') this.reconciliation.hold(result);
    else if (!this.reconciliation.answered(request, result)) return;
    const streamSequence = this.reconciliation.heldUpTo;
    if (streamSequence !== undefined) this.#out.push({ kind: 'catchUp', streamSequence });
  }

  caughtUp(position: StreamPosition, nowMs: number): void {
    for (const result of this.reconciliation?.caughtUp(position, nowMs) ?? []) {
      for (const status of result.statuses) {
        const readUpTo = result.position.sequence;
        const update = this.#updates.reconcile(this.#framework, status, readUpTo);
        if (update === undefined) continue;
        this.reconciliation?.heard(status.taskId);
        this.#out.deliver({ kind: 'update', update, streamSequence: undefined });
      }
    }
  }
}

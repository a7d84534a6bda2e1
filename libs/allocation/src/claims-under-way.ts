// Owns what the allocator has asked of the master for claims and does not know the end of: the question under way, what is
// proposed to be taken back or called off, and what is not to be tried again before some time has passed. Each ends by
// itself, so that what is lost on the way is tried again. Milliseconds of a monotonic clock.
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { RevocableTask, Revocation } from '@parley/protocol/revocations';
import type { ComingBack } from './claims.ts';
import type { Client } from './share-tree.ts';

/** An answer, or the decision about what was proposed, that has not come by then was lost. */
const ANSWER_MS = 2000;
/** What was in vain is tried again when so much time has passed. */
export const AGAIN_MS = 10_000;

type Asked = { readonly question: number; readonly claimant: Client; readonly untilMs: number };

export class ClaimsUnderWay {
  #asked: Asked | undefined;
  #questions = 0;
  /** Proposed to be taken back, and not decided. */
  readonly #proposed = new Map<string, { readonly coming: ComingBack; readonly untilMs: number }>();
  /** Tasks that the master would not take back, until when they are not named again. */
  readonly #refused = new Map<string, number>();
  /** Claims that nobody could satisfy, until when. */
  readonly #hopeless = new Map<Client, number>();
  /** Told to the master, which may not be able to any more. */
  readonly #calledOff = new Map<string, number>();

  /** Whether the master has yet to answer or to decide. */
  get isWaiting(): boolean {
    return this.#asked !== undefined || this.#proposed.size > 0;
  }

  /** The value: the number of the question. */
  ask(claimant: Client, nowMs: number): number {
    this.#questions += 1;
    this.#asked = { question: this.#questions, claimant, untilMs: nowMs + ANSWER_MS };
    return this.#questions;
  }

  /** For whom it was asked; undefined where the answer is not expected any more. */
  answered(question: number): Client | undefined {
    if (this.#asked?.question !== question) return undefined;
    const { claimant } = this.#asked;
    this.#asked = undefined;
    return claimant;
  }

  propose(
    revocations: readonly Revocation[],
    tasks: readonly RevocableTask[],
    nowMs: number,
  ): void {
    const byKey = new Map(tasks.map((task) => [taskKey(task.task), task]));
    for (const { task, beneficiary } of revocations) {
      const victim = byKey.get(taskKey(task));
      if (victim === undefined) continue;
      const coming = { ...victim, beneficiary };
      this.#proposed.set(taskKey(task), { coming, untilMs: nowMs + ANSWER_MS });
    }
  }

  /** The master has decided: it is under way, or (`isOver`) refused, has ended, or was called off. */
  decided(task: TaskRef, isOver: boolean, nowMs: number): void {
    const key = taskKey(task);
    const wasProposed = this.#proposed.delete(key);
    if (!isOver) return;
    this.#calledOff.delete(key);
    if (wasProposed) this.#refused.set(key, nowMs + AGAIN_MS);
  }

  proposed(): ComingBack[] {
    return [...this.#proposed.values()].map(({ coming }) => coming);
  }

  mayBeNamed({ task }: RevocableTask): boolean {
    return !this.#refused.has(taskKey(task));
  }

  callOff(tasks: readonly TaskRef[], nowMs: number): void {
    for (const task of tasks) this.#calledOff.set(taskKey(task), nowMs + AGAIN_MS);
  }

  mayBeCalledOff({ task }: ComingBack): boolean {
    return !this.#calledOff.has(taskKey(task));
  }

  giveUp(claimant: Client, nowMs: number): void {
    this.#hopeless.delete(claimant);
    this.#hopeless.set(claimant, nowMs + AGAIN_MS);
  }

  hasHope(claimant: Client): boolean {
    return !this.#hopeless.has(claimant);
  }

  /** The value: whether there is something to look at again. */
  expire(nowMs: number): boolean {
    dropUntil(this.#refused, nowMs);
    dropUntil(this.#calledOff, nowMs);
    let isNews = dropUntil(this.#hopeless, nowMs);
    if (this.#asked !== undefined && this.#asked.untilMs <= nowMs) {
      this.#asked = undefined;
      isNews = true;
    }
    for (const [key, { untilMs }] of this.#proposed) {
      if (untilMs > nowMs) continue;
      this.#proposed.delete(key);
      isNews = true;
    }
    return isNews;
  }

  /** When that is which is waited for; infinite where nothing is. */
  get answerDueMs(): number {
    let dueMs = this.#asked?.untilMs ?? Number.POSITIVE_INFINITY;
    for (const { untilMs } of this.#proposed.values()) dueMs = Math.min(dueMs, untilMs);
    return dueMs;
  }

  /** When a claim without hope is looked at again. */
  get hopeDueMs(): number {
    // They all last equally long: the first is the oldest.
    for (const untilMs of this.#hopeless.values()) return untilMs;
    return Number.POSITIVE_INFINITY;
  }
}

/** The value: whether there was any. */
function dropUntil<Key>(untilByKey: Map<Key, number>, nowMs: number): boolean {
  const before = untilByKey.size;
  for (const [key, untilMs] of untilByKey) if (untilMs <= nowMs) untilByKey.delete(key);
  return untilByKey.size < before;
}

// Owns whether facts follow on what is known: epochs of masters, sequence numbers, parts of snapshots, silence.
// What the facts say is applied elsewhere (allocator.ts). Times are milliseconds of a monotonic clock.
import type { FactsMessage } from '@parley/protocol/allocation';
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';

export const SNAPSHOT_RETRY_MS = 1000;
/** So long without a word, although in step, asks whether something was lost; unanswered while nobody leads. */
export const SILENCE_MS = 30_000;

/** `replace`: forget everything, then apply. `ask`: request a snapshot; nothing is known until it comes. */
export type FactsVerdict = 'ignore' | 'apply' | 'replace' | 'ask';

type Progress =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'loading'; readonly sequence: number; readonly nextPart: number }
  | { readonly kind: 'inStep'; readonly sequence: number };

export class FactsIntake {
  #progress: Progress = { kind: 'waiting' };
  #epoch = NO_EPOCH;
  #heardMs: number;

  /** Waits for a snapshot, which the caller asks for. */
  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  /** Of the master heard last; before the first, lower than any. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** Whether everything that the master has said is known. */
  get isInStep(): boolean {
    return this.#progress.kind === 'inStep';
  }

  /** Whether all facts up to this sequence are known. */
  knowsUpTo(sequence: number): boolean {
    return this.#progress.kind === 'inStep' && this.#progress.sequence >= sequence;
  }

  get nextAskMs(): number {
    return this.#heardMs + (this.isInStep ? SILENCE_MS : SNAPSHOT_RETRY_MS);
  }

  /** Whether it is time to ask, for the first time or again; counts as asked. */
  mustAsk(nowMs: number): boolean {
    if (nowMs < this.nextAskMs) return false;
    this.#heardMs = nowMs;
    return true;
  }

  /** Something may have been lost without a gap that shows: nothing is known until the next snapshot. */
  loseStep(nowMs: number): void {
    this.#progress = { kind: 'waiting' };
    this.#heardMs = nowMs;
  }

  receive(message: FactsMessage, epoch: Epoch, nowMs: number): FactsVerdict {
    const order = compareEpochs(epoch, this.#epoch);
    if (order < 0) return 'ignore';
    this.#epoch = epoch;
    const verdict = message.snapshot
      ? this.#receivePart(message.sequence, message.snapshot, order > 0)
      : this.#receiveNews(message, order > 0);
    // While waiting, other news do not put off the next request.
    if (this.#progress.kind !== 'waiting' || verdict === 'ask') this.#heardMs = nowMs;
    return verdict;
  }

  #receiveNews({ sequence, previous }: FactsMessage, isNewTerm: boolean): FactsVerdict {
    if (this.#progress.kind !== 'inStep') return 'ignore';
    const known = this.#progress.sequence;
    if (previous > known) return this.#askAnew();
    if (sequence > known) {
      this.#progress = { kind: 'inStep', sequence };
      return 'apply';
    }
    // A new leader that is behind what is known writes another journal: numbers begin anew.
    return isNewTerm && sequence < known ? this.#askAnew() : 'ignore';
  }

  #receivePart(
    sequence: number,
    { part, parts }: { readonly part: number; readonly parts: number },
    isNewTerm: boolean,
  ): FactsVerdict {
    const progress = this.#progress;
    if (progress.kind === 'inStep' && !isNewTerm && sequence <= progress.sequence) return 'ignore';
    const isNext =
      progress.kind === 'loading' && progress.sequence === sequence && progress.nextPart === part;
    if (part !== 1 && !isNext) {
      return progress.kind === 'waiting' ? 'ignore' : this.#askAnew();
    }
    this.#progress =
      part === parts
        ? { kind: 'inStep', sequence }
        : { kind: 'loading', sequence, nextPart: part + 1 };
    return part === 1 ? 'replace' : 'apply';
  }

  #askAnew(): FactsVerdict {
    this.#progress = { kind: 'waiting' };
    return 'ask';
  }
}

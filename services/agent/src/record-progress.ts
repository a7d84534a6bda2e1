// Owns how far the writing of one task's record has come: which revision was asked for, which is on the disk, and when
// to try again after a failure. The writing itself is in checkpoint-store.ts.

const RECORD_AGAIN_MS = 5000;

export class RecordProgress {
  #revision = 0;
  #recorded = 0;
  #settled = 0;
  #isOnDisk = false;
  #dueMs: number | undefined;

  /** The newest revision that was asked to be written. */
  get revision(): number {
    return this.#revision;
  }

  /** This revision is on the disk. */
  get recorded(): number {
    return this.#recorded;
  }

  /** The writing of this revision has come to an end, with success or without. */
  get settled(): number {
    return this.#settled;
  }

  get isCurrent(): boolean {
    return this.#recorded === this.#revision;
  }

  /** Some revision is on the disk: the task would be found there by the next process. */
  get isOnDisk(): boolean {
    return this.#isOnDisk;
  }

  get isWriting(): boolean {
    return this.#settled < this.#revision;
  }

  /** The number of the next revision, which is asked to be written now. */
  next(): number {
    this.#revision += 1;
    return this.#revision;
  }

  /** It was read from the disk. */
  found(): void {
    this.#isOnDisk = true;
  }

  succeeded(revision: number): void {
    this.#isOnDisk = true;
    this.#recorded = Math.max(this.#recorded, revision);
    this.#settled = Math.max(this.#settled, revision);
    if (this.isCurrent) this.#dueMs = undefined;
  }

  failed(revision: number, nowMs: number): void {
    this.#settled = Math.max(this.#settled, revision);
    this.#dueMs = nowMs + RECORD_AGAIN_MS;
  }

  /** Whether the record is to be written again now. */
  takeDue(nowMs: number): boolean {
    if (this.#dueMs === undefined || this.#dueMs > nowMs) return false;
    this.#dueMs = undefined;
    return true;
  }

  nextDueMs(): number {
    return this.#dueMs ?? Number.POSITIVE_INFINITY;
  }
}

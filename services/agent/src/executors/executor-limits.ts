// Owns the limits of one executor's scope: those of the executor and of the tasks in it together. They grow before a
// task is handed over and shrink after it has ended. One change is under way at a time.
import { isDeepStrictEqual } from 'node:util';
import type { TaskKey } from '@parley/protocol/ids';
import { type Limited, limitsOf } from '../task-limits.ts';
import type { ExecutorLimits } from './executor-messages.ts';

export class LimitsOfExecutor {
  readonly #own: Limited;
  readonly #tasks = new Map<TaskKey, { readonly part: Limited; neededRevision: number }>();
  #wanted: ExecutorLimits;
  #wantedRevision = 1;
  /** Undefined while nobody knows what the scope has: it does not run yet, or an earlier process set it. */
  #setRevision: number | undefined;
  #revisionUnderWay: number | undefined;

  constructor(own: Limited) {
    this.#own = own;
    this.#wanted = limitsOf([own]);
  }

  /** What the scope is to have now. */
  get wanted(): ExecutorLimits {
    return this.#wanted;
  }

  add(task: TaskKey, part: Limited): void {
    this.#tasks.set(task, { part, neededRevision: 0 });
    this.#compute();
    this.#tasks.set(task, { part, neededRevision: this.#wantedRevision });
  }

  remove(task: TaskKey): void {
    if (this.#tasks.delete(task)) this.#compute();
  }

  /** The scope has, or will have from its start, what is wanted now. */
  begin(): { readonly revision: number; readonly limits: ExecutorLimits } {
    return { revision: this.#wantedRevision, limits: this.#wanted };
  }

  started(revision: number): void {
    this.#setRevision = revision;
  }

  /** The scope holds the task's share. */
  hasRoomFor(task: TaskKey): boolean {
    const { neededRevision = 0 } = this.#tasks.get(task) ?? {};
    return (this.#setRevision ?? 0) >= neededRevision;
  }

  /** The change to ask for now, if any. */
  takeChange(): { readonly revision: number; readonly limits: ExecutorLimits } | undefined {
    if (this.#revisionUnderWay !== undefined || this.#setRevision === this.#wantedRevision) {
      return undefined;
    }
    this.#revisionUnderWay = this.#wantedRevision;
    return { revision: this.#wantedRevision, limits: this.#wanted };
  }

  /** The answer to the change under way. */
  settled(revision: number, isSet: boolean): void {
    if (revision !== this.#revisionUnderWay) return;
    this.#revisionUnderWay = undefined;
    if (isSet) this.#setRevision = revision;
  }

  #compute(): void {
    const tasks = [...this.#tasks.values()].map(({ part }) => part);
    const wanted = limitsOf([this.#own, ...tasks]);
    if (isDeepStrictEqual(wanted, this.#wanted)) return;
    this.#wanted = wanted;
    this.#wantedRevision += 1;
  }
}

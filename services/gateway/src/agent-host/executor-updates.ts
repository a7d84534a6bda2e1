// Owns which updates of one executor are under way to its agent: Mesos names each by 16 bytes, we by its place in an order.
// It outlives the executor's connections, so that what is said again on the next one is the same update. Pure.
import type { ExecutorUpdate } from '@parley/protocol/executors';
import type { ExecutorStatus } from './executor-call.ts';
import { ownUpdate } from './executor-translation.ts';

/** What ACKNOWLEDGED names. */
export type UpdateName = { readonly taskId: string; readonly uuid: Uint8Array };

/** Updates that were acknowledged, and are said again by an executor to which that word did not come. */
const MAX_SETTLED = 1000;

export class ExecutorUpdates {
  readonly #sequences = new Map<string, number>();
  readonly #names = new Map<number, UpdateName>();
  readonly #settled = new Set<string>();
  #last = 0;

  /** The agent has taken updates up to this one, of this or another gateway. */
  countFrom(lastSequence: number): void {
    this.#last = Math.max(this.#last, lastSequence);
  }

  /**
   * Undefined: the agent has it already, and it is to be acknowledged at once. Said again it keeps its number. Throws
   * `Untranslatable`.
   */
  number(status: ExecutorStatus): ExecutorUpdate | undefined {
    const { uuid = new Uint8Array(0), task_id } = status;
    const own = ownUpdate(status);
    const key = Buffer.from(uuid).toString('hex');
    if (this.#settled.has(key)) return undefined;
    const known = this.#sequences.get(key);
    if (known !== undefined) return { ...own, sequence: known };
    this.#last += 1;
    this.#sequences.set(key, this.#last);
    this.#names.set(this.#last, { taskId: task_id.value, uuid });
    return { ...own, sequence: this.#last };
  }

  /** Undefined: it was acknowledged before. */
  acknowledged(sequence: number): UpdateName | undefined {
    const name = this.#names.get(sequence);
    if (name === undefined) return undefined;
    this.#names.delete(sequence);
    const key = Buffer.from(name.uuid).toString('hex');
    this.#sequences.delete(key);
    this.#settled.add(key);
    const [oldest] = this.#settled;
    if (this.#settled.size > MAX_SETTLED && oldest !== undefined) this.#settled.delete(oldest);
    return name;
  }
}

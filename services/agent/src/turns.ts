// Owns that no more than so many things are done at once, and that no principal keeps the others from theirs: those that wait
// are served one principal after the other, and none holds more turns than are left. So a principal alone has half of them,
// two a third each, and one that comes has a turn at once, whatever those of the others hang on.
import type { PrincipalName } from '@parley/protocol/ids';

export type TurnTaken<Work> = { readonly principal: PrincipalName; readonly work: Work };

/** What waits, and who holds how many turns. */
export class TurnTable<Key, Work> {
  readonly #atOnce: number;
  /** The principal that was served last is at the end. */
  readonly #waiting = new Map<PrincipalName, Map<Key, Work>>();
  readonly #held = new Map<PrincipalName, number>();
  #running = 0;

  /** `atOnce`: from 1. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  get running(): number {
    return this.#running;
  }

  /** In its place, where something waits under this key already. */
  add(principal: PrincipalName, key: Key, work: Work): void {
    const works = this.#waiting.get(principal) ?? new Map<Key, Work>();
    works.set(key, work);
    this.#waiting.set(principal, works);
  }

  /** Gives a turn to what comes next, until `leave`; undefined while nothing may have one. */
  take(): TurnTaken<Work> | undefined {
    const left = this.#atOnce - this.#running;
    for (const [principal, works] of this.#waiting) {
      const held = this.#held.get(principal) ?? 0;
      const [first] = works;
      if (first === undefined || held >= left) continue;
      const [key, work] = first;
      works.delete(key);
      this.#waiting.delete(principal);
      if (works.size > 0) this.#waiting.set(principal, works);
      this.#held.set(principal, held + 1);
      this.#running += 1;
      return { principal, work };
    }
    return undefined;
  }

  leave(principal: PrincipalName): void {
    const held = this.#held.get(principal) ?? 0;
    if (held > 1) this.#held.set(principal, held - 1);
    else this.#held.delete(principal);
    this.#running -= 1;
  }
}

/** For work that is awaited. */
export class Turns {
  readonly #table: TurnTable<symbol, () => void>;

  constructor(atOnce: number) {
    this.#table = new TurnTable(atOnce);
  }

  /** Does the work when it is its turn. */
  async run<Value>(principal: PrincipalName, work: () => Promise<Value>): Promise<Value> {
    await new Promise<void>((resolve) => {
      this.#table.add(principal, Symbol(principal), resolve);
      this.#serve();
    });
    try {
      return await work();
    } finally {
      this.#table.leave(principal);
      this.#serve();
    }
  }

  #serve(): void {
    for (let next = this.#table.take(); next !== undefined; next = this.#table.take()) next.work();
  }
}

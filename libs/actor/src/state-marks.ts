// Owns comparing the own state with the leader's: both hash theirs after every 64th entry, and the leader tells its
// newest one. Entries are stepped by the same rules, so a difference is a defect or a broken machine. It does no I/O.
import type { StateMark } from '@parley/protocol/leadership';

const EVERY_ENTRIES = 64;
const KEPT = 256;

export type MarkVerdict = 'equal' | 'different' | 'unknown';

export class StateMarks {
  readonly #own = new Map<number, string>();
  /** What the leader said of entries that were not stepped here yet. */
  readonly #told = new Map<number, string>();
  #newest: StateMark | undefined;
  #agreedSequence: number | undefined;

  get newest(): StateMark | undefined {
    return this.#newest;
  }

  /** The last entry after which both had the same state; undefined while none was compared. */
  get agreedSequence(): number | undefined {
    return this.#agreedSequence;
  }

  /** Whether the state is compared after that entry. */
  static isAt(sequence: number): boolean {
    return sequence % EVERY_ENTRIES === 0;
  }

  /** An entry was stepped here. `hash` is asked for only where one is kept. */
  stepped(sequence: number, hash: () => string): MarkVerdict {
    if (!StateMarks.isAt(sequence)) return 'unknown';
    const own = { sequence, hash: hash() };
    this.#newest = own;
    keep(this.#own, own);
    const told = this.#told.get(sequence);
    this.#told.delete(sequence);
    return told === undefined ? 'unknown' : this.#compare(sequence, own.hash, told);
  }

  /** The leader's state after an entry. */
  told(mark: StateMark): MarkVerdict {
    const own = this.#own.get(mark.sequence);
    if (own !== undefined) return this.#compare(mark.sequence, own, mark.hash);
    if (mark.sequence > (this.#newest?.sequence ?? 0)) keep(this.#told, mark);
    return 'unknown';
  }

  /** Whether that was the own state; nothing is remembered of it. */
  verdictOf({ sequence, hash }: StateMark): MarkVerdict {
    const own = this.#own.get(sequence);
    if (own === undefined) return 'unknown';
    return own === hash ? 'equal' : 'different';
  }

  /** The state was made anew: what was hashed before says nothing of it. */
  forget(): void {
    this.#own.clear();
    this.#told.clear();
    this.#newest = undefined;
  }

  #compare(sequence: number, own: string, told: string): MarkVerdict {
    if (own !== told) return 'different';
    this.#agreedSequence = Math.max(this.#agreedSequence ?? 0, sequence);
    return 'equal';
  }
}

function keep(marks: Map<number, string>, { sequence, hash }: StateMark): void {
  marks.set(sequence, hash);
  const [oldest] = marks.keys();
  if (marks.size > KEPT && oldest !== undefined) marks.delete(oldest);
}

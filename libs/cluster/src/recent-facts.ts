// Owns the last facts that the allocator was told, by whoever led then: a leader that died may have journalled an entry
// and not told its facts any more. Told once more by the next one they close that gap, for a fraction of a snapshot. Not
// in the state's hash, and in no snapshot.
import type { Effect } from './effects.ts';

type FactsEffect = Extract<Effect, { kind: 'facts' }>;

/** Entries whose effects were not carried out: the last one, and few before it, where a process was held up. */
const MAX_ENTRIES = 64;
const MAX_FACTS = 4000;

export class RecentFacts {
  #messages: FactsEffect[] = [];
  #facts = 0;

  add(message: FactsEffect): void {
    this.#messages.push(message);
    this.#facts += message.facts.length;
    while (this.#messages.length > MAX_ENTRIES || this.#facts > MAX_FACTS) {
      this.#facts -= this.#messages.shift()?.facts.length ?? 0;
    }
  }

  /** All of them as one message: facts are absolute, so that those known already do no harm. Undefined: there are none. */
  asOne(): FactsEffect | undefined {
    const [first] = this.#messages;
    const last = this.#messages.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const facts = this.#messages.flatMap((message) => message.facts);
    return { kind: 'facts', sequence: last.sequence, previous: first.previous, facts };
  }
}

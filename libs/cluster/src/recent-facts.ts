// Owns the last facts that the allocator was told, by whoever led then: a leader that died may have journalled an entry
// and not told its facts any more. Told once more by the next one they close that gap, for a fraction of a snapshot. Not
// in the state's hash, and in no snapshot.
import type { Fact } from '@parley/protocol/allocation';
import type { Effect } from './effects.ts';

type FactsEffect = Extract<Effect, { kind: 'facts' }>;

/** Entries whose effects were not carried out: the last one, and few before it, where a process was held up. */
const MAX_ENTRIES = 64;
const MAX_FACTS = 4000;

export class RecentFacts {
  #messages: { readonly message: FactsEffect; readonly coreTimeMs: number }[] = [];
  #facts = 0;

  add(message: FactsEffect, coreTimeMs: number): void {
    this.#messages.push({ message, coreTimeMs });
    this.#facts += message.facts.length;
    while (this.#messages.length > MAX_ENTRIES || this.#facts > MAX_FACTS) {
      this.#facts -= this.#messages.shift()?.message.facts.length ?? 0;
    }
  }

  /**
   * All of them as one message: facts are absolute, so that those known already do no harm. Only a refusal counts from
   * when it is heard: it comes with what is left of it. Where nothing is kept, no facts after the last ones (`sequence`):
   * they say that another leads.
   */
  asOne({ sequence, coreTimeMs }: { sequence: number; coreTimeMs: number }): FactsEffect {
    const [first] = this.#messages;
    const last = this.#messages.at(-1);
    if (first === undefined || last === undefined) {
      return { kind: 'facts', sequence, previous: sequence, facts: [] };
    }
    const facts = this.#messages.flatMap(({ message, coreTimeMs: toldMs }) =>
      message.facts.flatMap((fact) => aged(fact, coreTimeMs - toldMs)),
    );
    return {
      kind: 'facts',
      sequence: last.message.sequence,
      previous: first.message.previous,
      facts,
    };
  }
}

function aged(fact: Fact, ageMs: number): Fact[] {
  if (fact.kind !== 'refused') return [fact];
  const refuseMs = Math.floor(fact.refuseMs - ageMs);
  return refuseMs > 0 ? [{ ...fact, refuseMs }] : [];
}

// Owns which facts a master may tell: those of an entry, or those of several in a row as one message, which a new leader
// tells because the one before it may not have told them.
import { isDeepStrictEqual } from 'node:util';
import type { Fact } from '@parley/protocol/allocation';
import { type Sayable, told } from './sayable.ts';

type Told = {
  readonly sequence: number;
  readonly previous: number;
  readonly facts: readonly Fact[];
};

export class FactsWitness {
  readonly #sayable: Sayable;

  constructor(sayable: Sayable) {
    this.#sayable = sayable;
  }

  stored({ sequence, previous, facts }: Told): void {
    this.#sayable.once(keyOf(sequence), { sequence, previous, facts });
  }

  said(message: Told): void {
    const isNone = message.facts.length === 0 && message.sequence === message.previous;
    if (isNone || this.#isRun(message)) return;
    throw new Error(
      `facts ${message.sequence} are said and no stored entries say so: ${told(message)}`,
    );
  }

  /** Entries that end with this one and begin behind `previous` have these facts, in this order. */
  #isRun({ sequence, previous, facts }: Told): boolean {
    return this.#sayable.everSaidOf(keyOf(sequence)).some((content) => {
      const last = content as Told;
      const before = beginOf(last.facts, facts);
      if (before === undefined) return false;
      if (last.previous <= previous) return last.previous === previous && before === 0;
      return this.#isRun({ sequence: last.previous, previous, facts: facts.slice(0, before) });
    });
  }
}

/** Where those at the end of `facts` begin that are these; of a refusal there may be less left than there was, or nothing. */
function beginOf(stored: readonly Fact[], facts: readonly Fact[]): number | undefined {
  let at = facts.length;
  for (const fact of stored.toReversed()) {
    const said = facts[at - 1];
    if (said !== undefined && isSame(fact, said)) at -= 1;
    else if (fact.kind !== 'refused') return undefined;
  }
  return at;
}

function isSame(stored: Fact, said: Fact): boolean {
  if (stored.kind !== 'refused' || said.kind !== 'refused') return isDeepStrictEqual(stored, said);
  const { refuseMs, ...refused } = said;
  const { refuseMs: atFirst, ...first } = stored;
  return refuseMs <= atFirst && isDeepStrictEqual(first, refused);
}

const keyOf = (sequence: number): string => `facts ${sequence}`;

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
    if (this.#isRun(message)) return;
    throw new Error(
      `facts ${message.sequence} are said and no stored entries say so: ${told(message)}`,
    );
  }

  /** Entries that end with this one and begin behind `previous` have these facts, in this order. */
  #isRun({ sequence, previous, facts }: Told): boolean {
    return this.#sayable.everSaidOf(keyOf(sequence)).some((content) => {
      const last = content as Told;
      const before = facts.length - last.facts.length;
      if (before < 0 || !isDeepStrictEqual(facts.slice(before), last.facts)) return false;
      if (last.previous <= previous) return last.previous === previous && before === 0;
      return this.#isRun({ sequence: last.previous, previous, facts: facts.slice(0, before) });
    });
  }
}

const keyOf = (sequence: number): string => `facts ${sequence}`;

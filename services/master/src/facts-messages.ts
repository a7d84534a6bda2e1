// Owns cutting a snapshot of all facts into messages that the bus carries.
import type { Fact, FactsMessage } from '@parley/protocol/allocation';

/** Facts a message: a few hundred bytes each, far below the largest payload. */
const FACTS_A_PART = 1000;

/** At least one message, so that an empty cluster is told as well. */
export function factsMessages(snapshot: {
  sequence: number;
  facts: readonly Fact[];
}): FactsMessage[] {
  const { sequence, facts } = snapshot;
  const parts = Math.max(1, Math.ceil(facts.length / FACTS_A_PART));
  return Array.from({ length: parts }, (_, index) => ({
    sequence,
    previous: sequence,
    facts: facts.slice(index * FACTS_A_PART, (index + 1) * FACTS_A_PART),
    snapshot: { part: index + 1, parts },
  }));
}

// Owns the messages with facts: those of an input as they are, or a snapshot of all of them, cut into messages that the
// bus carries.
import type { Fact, FactsMessage } from '@parley/protocol/allocation';
import type { Epoch } from '@parley/protocol/epoch';
import type { ClusterName } from '@parley/protocol/ids';
import { encodeMessage, type Outgoing } from '@parley/protocol/message';
import { MAX_MESSAGE_BYTES } from '@parley/protocol/streams';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { ClusterView } from './cluster-view.ts';

/** Facts a message: a few hundred bytes each, far below the largest payload. */
const FACTS_A_PART = 1000;

type FactsOptions = {
  readonly cluster: ClusterName;
  readonly epoch: Epoch;
  readonly view: Pick<ClusterView, 'facts'>;
};

export function factsMessages(
  options: FactsOptions,
  { sequence, previous, facts }: Omit<FactsMessage, 'facts'> & { facts: readonly Fact[] },
): Outgoing[] {
  const message = encoded(options, { sequence, previous, facts: [...facts] });
  // Too much for one message: a snapshot comes in parts and says the same.
  return message.bytes.length > MAX_MESSAGE_BYTES ? snapshotMessages(options) : [message];
}

/** At least one message, so that an empty cluster is told as well. */
export function snapshotMessages(options: FactsOptions): Outgoing[] {
  const { sequence, facts } = options.view.facts();
  const parts = Math.max(1, Math.ceil(facts.length / FACTS_A_PART));
  return Array.from({ length: parts }, (_, index) =>
    encoded(options, {
      sequence,
      previous: sequence,
      facts: facts.slice(index * FACTS_A_PART, (index + 1) * FACTS_A_PART),
      snapshot: { part: index + 1, parts },
    }),
  );
}

const encoded = ({ cluster, epoch }: FactsOptions, body: FactsMessage): Outgoing =>
  encodeMessage(SUBJECTS.facts, cluster, {}, body, { epoch });

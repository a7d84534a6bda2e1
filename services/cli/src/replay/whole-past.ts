// Owns what commands read the whole past from, and how a failure of reading it ends a command.
import type { Outcome } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { entryOf, type KnownPast, type Moment } from '@parley/replay/moments';
import type { ReplaySource } from '@parley/replay/replay-source';
import { failureFromCluster } from '../command-failure.ts';

/** All of the past, as only operators and files have it. */
export type WholePast = {
  readonly cluster: ClusterName;
  readonly source: ReplaySource;
  readonly past: KnownPast;
};

/** The entry of a moment. Throws a failure that says what is kept. */
export async function entryAtMoment(
  { source, past }: Pick<WholePast, 'source' | 'past'>,
  moment: Moment,
): Promise<number> {
  return orThrow(await entryOf(source.journal, past, moment));
}

export function orThrow<Value>(outcome: Outcome<Value>): Value {
  if (outcome.ok) return outcome.value;
  throw failureFromCluster('the past cannot be read', outcome.failure);
}

// Owns what part of the cluster somebody's amounts are, for people: by the resource of which they are the largest part,
// and by those alone that count in shares, as the allocator has it (@parley/allocation).
import type { Resources } from '@parley/protocol/resources';
import { DEFAULT_UNCOUNTED } from '@parley/protocol/sharing';
import { dominantShare, type Share } from '@parley/resources/dominant-share';
import type { ClusterState } from './cluster-state.ts';

type Amounts = Readonly<Resources['scalars']>;

/** `total`: what there is, where it is not that of all agents that can be used. */
export function clusterShare(
  state: ClusterState,
  amounts: Amounts,
  total: Amounts = state.books.total.toScalars(),
): Share {
  const { uncounted = DEFAULT_UNCOUNTED } = state.record.settings;
  return dominantShare(amounts, total, { uncounted });
}

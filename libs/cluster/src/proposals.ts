// Owns the check of what the allocator proposes. The books decide: a proposal that does not fit them is refused
// and answered with the facts that correct the allocator, so that one that is stale or wrong does no harm.

import type { Proposal } from '@parley/protocol/allocation';
import { compareEpochs } from '@parley/protocol/epoch';
import { frameworkKey, OfferId } from '@parley/protocol/ids';
import { contains, isEmpty, normalise } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import type { Input } from './inputs.ts';
import { announceOffers, makeOffer } from './offer-book.ts';
import type { OfferRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/** Those of an earlier allocator's term are ignored, and so are numbers that were decided already. */
export function stepProposals(
  turn: Turn,
  { epoch, proposals }: Extract<Input, { kind: 'proposals' }>,
): void {
  const { state } = turn;
  const order = compareEpochs(epoch, state.record.allocatorEpoch);
  if (order < 0) return;
  let decided = order > 0 ? 0 : state.record.allocatorDecided;
  const made = new Map<string, OfferRecord[]>();
  for (const proposal of proposals) {
    if (proposal.number <= decided) continue;
    decided = proposal.number;
    const offer = decide(turn, proposal);
    if (offer === undefined) continue;
    const key = frameworkKey(proposal.framework);
    const offers = made.get(key);
    if (offers === undefined) made.set(key, [offer]);
    else offers.push(offer);
  }
  state.change({ allocatorEpoch: epoch, allocatorDecided: decided });
  state.marks.decided = decided;
  for (const [key, offers] of made) {
    const framework = state.frameworks.get(key);
    if (framework !== undefined) announceOffers(turn, framework, offers);
  }
}

function decide(turn: Turn, proposal: Proposal): OfferRecord | undefined {
  const { state } = turn;
  const { framework, agentId, role } = proposal;
  const resources = normalise(proposal.resources);
  const why = objection(state, { ...proposal, resources });
  if (why !== undefined) {
    correct(state, proposal);
    report(turn, { type: 'proposalRefused', framework, agentId, why });
    return undefined;
  }
  return makeOffer(turn, { offerId: nextOfferId(state), framework, role, agentId, resources });
}

function objection(state: ClusterState, proposal: Proposal): string | undefined {
  const agent = state.agents.get(proposal.agentId);
  const framework = state.frameworks.get(frameworkKey(proposal.framework));
  if (agent?.state !== 'registered') return 'the agent is not registered';
  if (framework?.state !== 'subscribed') return 'the framework is not subscribed';
  if (framework.role !== proposal.role) return `the framework's role is ${framework.role}`;
  if (isEmpty(proposal.resources)) return 'there is nothing in it';
  if (!contains(state.books.free(agent), proposal.resources)) return 'so much is not free';
  return undefined;
}

/** An announcement clears filters, so a subscribed framework with the right role is not announced anew. */
function correct(state: ClusterState, { agentId, framework, role }: Proposal): void {
  if (state.agents.get(agentId)?.state === 'registered') state.marks.agentFree(agentId);
  else state.marks.announce({ kind: 'agent', agentId });
  const record = state.frameworks.get(frameworkKey(framework));
  if (record?.state !== 'subscribed' || record.role !== role) {
    state.marks.announce({ kind: 'framework', framework });
  }
  state.marks.usage(framework);
}

/** Contains the term that made it; the counter never starts anew, so no id comes twice. */
function nextOfferId(state: ClusterState): OfferId {
  const offerCounter = state.record.offerCounter + 1;
  state.change({ offerCounter });
  return OfferId.parse(`o${state.record.epoch.revision}-${offerCounter}`);
}

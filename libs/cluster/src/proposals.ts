// Owns the check of what the allocator proposes. The books decide: a proposal that does not fit them is refused
// and answered with the facts that correct the allocator, so that one that is stale or wrong does no harm.

import type { Proposal } from '@parley/protocol/allocation';
import { compareEpochs } from '@parley/protocol/epoch';
import { frameworkKey, OfferId } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { contains, isEmpty, normalise } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import type { Input } from './inputs.ts';
import { limitObjection } from './limit-checks.ts';
import { mayRunOn, promisedCount } from './needs.ts';
import { announceOffers, makeOffer, resourcesOf } from './offer-book.ts';
import { expiryOf, maxOffersOf } from './offer-expiry.ts';
import { isOffered, whyNotOffered } from './offered-agents.ts';
import type { AgentRecord, FrameworkRecord, OfferRecord, ReservedPart } from './records.ts';
import { reservationKey } from './reservation-books.ts';
import { isRoleOrAbove, pathOf } from './roles.ts';
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

/** What the offer would be, in normal form. */
type Wanted = Pick<OfferRecord, 'framework' | 'role' | 'agentId' | 'resources' | 'promised'> & {
  readonly revocable?: Resources;
  readonly reserved: readonly ReservedPart[];
};

function decide(turn: Turn, proposal: Proposal): OfferRecord | undefined {
  const { state } = turn;
  const { framework, agentId } = proposal;
  const record = state.frameworks.get(frameworkKey(framework));
  const agent = state.agents.get(agentId);
  const wanted = readProposal(state, proposal);
  const why =
    partObjection(state, proposal) ??
    agentObjection(state, agent, wanted) ??
    frameworkObjection(state, record, wanted);
  if (why !== undefined || record === undefined) {
    correct(state, proposal);
    report(turn, { type: 'proposalRefused', framework, agentId, why: why ?? 'nobody to take it' });
    return undefined;
  }
  const expiresAtMs = expiryOf(turn, record);
  return makeOffer(turn, { ...wanted, offerId: nextOfferId(state), expiresAtMs });
}

/** Volumes of a reservation that nobody holds come along with what is free of it; of nothing, nothing is held. */
function readProposal(state: ClusterState, proposal: Proposal): Wanted {
  const { framework, role, agentId, promised, reservations } = proposal;
  const reserved = reservations.flatMap((part) => {
    const record = state.reservations.get(reservationKey(agentId, part));
    if (record === undefined) return [];
    const { reservationId } = record;
    const resources = normalise(part.resources);
    const volumes = state.books.reservations.freeVolumes(record);
    if (isEmpty(resources) && volumes.length === 0) return [];
    return [{ role: record.role, reservationId, resources, volumes }];
  });
  const resources = normalise(proposal.resources);
  const revocable = normalise(proposal.revocable ?? NO_RESOURCES);
  const lent = isEmpty(revocable) ? {} : { revocable };
  return { framework, role, agentId, resources, ...lent, reserved, promised };
}

function partObjection(
  state: ClusterState,
  { agentId, role, reservations }: Proposal,
): string | undefined {
  const seen = new Set<string>();
  for (const part of reservations) {
    const key = reservationKey(agentId, part);
    const record = state.reservations.get(key);
    if (record === undefined) return `there is no reservation ${part.reservationId}`;
    if (seen.has(key)) return `reservation ${part.reservationId} is named twice`;
    if (!isRoleOrAbove(part.role, role)) return `what is reserved for ${part.role} is not for it`;
    if (!contains(state.books.freeOfReservation(record), normalise(part.resources))) {
      return `so much is not free of reservation ${part.reservationId}`;
    }
    seen.add(key);
  }
  return undefined;
}

function agentObjection(
  state: ClusterState,
  agent: AgentRecord | undefined,
  { resources, revocable, reserved }: Wanted,
): string | undefined {
  if (agent === undefined) return 'the agent is not registered';
  const away = whyNotOffered(agent);
  if (away !== undefined) return `the agent is ${away}`;
  if (agent.isOvercommitted) return 'the agent has less than what is held on it';
  if (!contains(state.books.free(agent), resources)) return 'so much is not free';
  if (revocable !== undefined) {
    return contains(state.books.freeRevocable(agent), revocable)
      ? undefined
      : 'so much that is revocable is not free';
  }
  return isEmpty(resources) && reserved.length === 0 ? 'there is nothing in it' : undefined;
}

function frameworkObjection(
  state: ClusterState,
  framework: FrameworkRecord | undefined,
  wanted: Wanted,
): string | undefined {
  if (framework?.state !== 'subscribed') return 'the framework is not subscribed';
  const role = framework.roles.find((one) => one.role === wanted.role);
  if (role === undefined) return `${wanted.role} is no role of the framework`;
  if (wanted.revocable !== undefined && framework.takesRevocable !== true) {
    return 'the framework takes nothing that is revocable';
  }
  if (role.isSuppressed) return `the framework takes no offers in ${wanted.role}`;
  return (
    promiseObjection(state, framework, wanted) ??
    capObjection(state, framework, wanted) ??
    limitObjection(state, wanted)
  );
}

/** A framework that states its demand is offered just that, and what is revocable only for needs that may run on it. */
function promiseObjection(
  state: ClusterState,
  { framework, demand }: FrameworkRecord,
  { role, promised, revocable }: Wanted,
): string | undefined {
  if (demand === undefined) {
    return promised.length === 0 ? undefined : 'the framework states no demand';
  }
  if (promised.length === 0) return 'the framework states its demand, and this meets none of it';
  const needs = demand.filter((need) => {
    return need.role === role && promised.some(({ shape }) => shape === need.shape);
  });
  if (revocable === undefined && needs.some((need) => !mayRunOn(need, false))) {
    return 'the framework needs revocable resources, and none are in it';
  }
  if (revocable !== undefined && !needs.some((need) => mayRunOn(need, true))) {
    return 'what the framework needs of it does not run on revocable resources';
  }
  const wanted = new Map<string, number>();
  for (const { shape, count } of promised) wanted.set(shape, (wanted.get(shape) ?? 0) + count);
  for (const [shape, count] of wanted) {
    const need = needs.find((one) => one.shape === shape);
    const open = (need?.count ?? 0) - promisedCount(state, framework, { role, shape });
    if (count > open) return `the framework needs ${Math.max(0, open)} of ${shape}, not ${count}`;
  }
  return undefined;
}

/**
 * One offer it may always have, however large; more only while what is unanswered stays within the cap, and within
 * the number that it has left for itself by letting offers expire. The disk of volumes in the proposal is not looked
 * at: they come with their reservation or not at all.
 */
function capObjection(
  state: ClusterState,
  framework: FrameworkRecord,
  wanted: Wanted,
): string | undefined {
  const book = state.books.frameworks.get(frameworkKey(framework.framework));
  if (book === undefined || book.offers.size === 0) return undefined;
  const maxOffers = maxOffersOf(framework);
  if (maxOffers !== undefined && book.offers.size >= maxOffers) {
    return `the framework lets offers expire: ${maxOffers} at a time`;
  }
  const { outstandingCapPermille } = state.record.settings;
  for (const [name, amount] of Object.entries(resourcesOf(wanted).scalars)) {
    const held = book.offered.get(name) + amount;
    if (isAboveCap(held, state.books.total.get(name), outstandingCapPermille)) {
      return `its unanswered offers would hold more than ${outstandingCapPermille} per mille of ${name}`;
    }
  }
  return undefined;
}

/** Exact: the allocator works out the same, and both must come to one conclusion. */
export function isAboveCap(held: number, total: number, permille: number): boolean {
  const [left, right] = [held * 1000, total * permille];
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) return left > right;
  return BigInt(held) * 1000n > BigInt(total) * BigInt(permille);
}

/** Filters stay whatever is announced here, so all that the check looked at is. */
function correct(state: ClusterState, { agentId, framework, role }: Proposal): void {
  const agent = state.agents.get(agentId);
  if (agent !== undefined && isOffered(agent)) state.marks.agentFree(agentId);
  else state.marks.agent(agentId);
  state.marks.framework(framework);
  state.marks.usage(framework, role);
  state.marks.offers(framework);
  for (const one of pathOf(role)) if (state.roleSettings.has(one)) state.marks.role(one);
  if (state.frameworkSettings.has(frameworkKey(framework))) state.marks.frameworkShare(framework);
}

/** Contains the term that made it; the counter never starts anew, so no id comes twice. */
function nextOfferId(state: ClusterState): OfferId {
  const offerCounter = state.record.offerCounter + 1;
  state.change({ offerCounter });
  return OfferId.parse(`o${state.record.epoch.revision}-${offerCounter}`);
}

// Owns what frameworks do with offers: accept with operations, or decline.
// Order of the checks: Mesos docs, "Scheduler HTTP API", ACCEPT; but a stale offer does not spoil the others, unless the
// accept says that it is all or nothing.
import { type Failure, fail, succeed } from '@parley/protocol/errors';
import { AgentId, frameworkKey, type OfferId, type RoleName } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type {
  AcceptRequest,
  AcceptResult,
  DeclineRequest,
  DeclineResult,
} from '@parley/protocol/offers';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { isEmpty, normalise } from '@parley/resources/resources';
import { countAccepted, countDeclined } from './cards.ts';
import { MAX_UNWRITTEN } from './limits.ts';
import { lowerNeeds } from './needs.ts';
import { discardOffers, endOffer, resourcesOf } from './offer-book.ts';
import { forgiveStrike } from './offer-expiry.ts';
import { type OfferPool, poolOfOffers } from './offer-pool.ts';
import {
  carryOutPlan,
  dropAllTasks,
  type Plan,
  type Pools,
  planOperations,
  rejectedTasks,
} from './operations.ts';
import { checkRampUp } from './ramp-up.ts';
import type { FrameworkRecord, OfferRecord } from './records.ts';
import type { RejectedTask } from './task-launch.ts';
import type { Turn } from './turn.ts';

/** Stands in a rejected task's update when none of its offers was known. */
const NO_AGENT = AgentId.parse('none');

/**
 * Fails as a whole with `overloaded`; with `invalidOffers` when no offer is left, one is named twice or they are of
 * several roles; when it is atomic, with `invalidOffers` or `invalidOperation`, naming the culprit. What is wrong with
 * a task or an operation is in the result.
 */
export function acceptOffers(
  turn: Turn,
  framework: FrameworkRecord,
  request: AcceptRequest,
): Answer {
  const { state } = turn;
  if (state.unwritten.size + taskCount(request) > MAX_UNWRITTEN) {
    return fail('overloaded', 'too many status updates wait for being written');
  }
  const offers = ownOffers(turn, framework, new Set(request.offerIds));
  const found = new Set(offers.map(({ offerId }) => offerId));
  const staleOffers = request.offerIds.filter((id) => !found.has(id));
  const why = objection(offers, { request, staleOffers });
  const [first] = offers;
  if (first === undefined || why !== undefined) {
    const failure = fail('invalidOffers', why ?? 'no offer is named').failure;
    return rejectAll(turn, { framework, request, offers, failure });
  }
  const pools = poolsOf(turn, offers, staleOffers.length > 0);
  const plan = planOperations(state, { framework, operations: request.operations, pools });
  if (request.atomic && plan.culprit !== undefined) {
    const failure = fail('invalidOperation', plan.culprit.message).failure;
    const culprits = rejectedTasks(plan).filter(({ taskId }) => taskId === plan.culprit?.taskId);
    return rejectAll(turn, { framework, request, offers, failure, culprits });
  }
  return carryOut(turn, { framework, request, offers, role: first.role, pools, plan, staleOffers });
}

/** Offers that are not outstanding any more are counted, not refused. */
export function declineOffers(
  turn: Turn,
  framework: FrameworkRecord,
  { offerIds, filter: { refuseMs }, reason, text }: DeclineRequest,
): Answer {
  const offers = ownOffers(turn, framework, new Set(offerIds));
  for (const offer of offers) {
    const { offerId, agentId, role } = offer;
    const holder = framework.framework;
    const reported = { type: 'offerDeclined', offerId, framework: holder, agentId } as const;
    countDeclined(turn, offer, reason);
    endOffer(turn, offer, 'decline', {
      ...reported,
      refuseMs,
      ...(reason !== undefined && { reason }),
      ...(text !== undefined && { text }),
    });
    forgiveStrike(turn.state, offer);
    const hasVolumes = offer.reserved.some(({ volumes }) => volumes.length > 0);
    const { revocable = NO_RESOURCES } = offer;
    const resources = resourcesOf(offer);
    leaveUnused(turn, framework, { agentId, role, resources, revocable, refuseMs, hasVolumes });
  }
  const result: DeclineResult = {
    declined: offers.length,
    unknown: offerIds.length - offers.length,
  };
  return succeed(result);
}

type Accept = {
  readonly framework: FrameworkRecord;
  readonly request: AcceptRequest;
  readonly offers: readonly OfferRecord[];
};

type Planned = Accept & {
  readonly role: RoleName;
  readonly pools: Pools;
  readonly plan: Plan;
  readonly staleOffers: readonly OfferId[];
};

/** Every offer is used up: what no operation took is declined with the filter, except what an operation converted. */
function carryOut(turn: Turn, planned: Planned): Answer {
  const { framework, request, offers, role, pools, plan, staleOffers } = planned;
  endAll(turn, planned);
  const launched = carryOutPlan(turn, { framework, role, plan });
  lowerDemand(turn, planned);
  for (const pool of pools.values()) {
    const { agentId, declined: resources, declinesVolumes: hasVolumes } = pool;
    const { declinedRevocable: revocable } = pool;
    const { refuseMs } = request.filter;
    leaveUnused(turn, framework, { agentId, role, resources, revocable, refuseMs, hasVolumes });
  }
  for (const offer of offers) forgiveStrike(turn.state, offer);
  if (launched.length > 0) checkRampUp(turn, frameworkKey(framework.framework));
  const result: AcceptResult = {
    launched,
    rejected: rejectedTasks(plan).map(({ taskId, failure }) => ({ taskId, failure })),
    refusedOperations: [...plan.refused],
    staleOffers: [...staleOffers],
  };
  return succeed(result);
}

/** The first offer of each agent says how many tasks were launched there. */
function endAll(turn: Turn, { offers, plan }: Planned): void {
  const launches = new Map<AgentId, number>();
  for (const step of plan.steps) {
    if (step.kind !== 'launch') continue;
    const before = launches.get(step.agentId) ?? 0;
    launches.set(step.agentId, before + step.judgement.launches.length);
  }
  for (const offer of offers) {
    const { offerId, framework, agentId } = offer;
    const launched = launches.get(agentId) ?? 0;
    launches.delete(agentId);
    countAccepted(turn, offer);
    const reported = { type: 'offerAccepted', offerId, framework, agentId, launched } as const;
    endOffer(turn, offer, 'accept', reported);
  }
}

function lowerDemand(turn: Turn, { framework, offers, role, plan }: Planned): void {
  const { state } = turn;
  const key = frameworkKey(framework.framework);
  const record = state.frameworks.get(key);
  const launches = plan.steps.filter((step) => step.kind === 'launch');
  const isLaunched = launches.some(({ judgement }) => judgement.launches.length > 0);
  if (record?.demand === undefined || !isLaunched) return;
  let { demand } = record;
  for (const step of launches) {
    const { agentId } = step;
    const promised = offers.filter((offer) => offer.agentId === agentId).flatMap(shapesOf);
    const tasks = step.judgement.launches.map(({ description }) => {
      const { resources, revocable: isRevocable = false } = description;
      return { resources: normalise(resources), isRevocable };
    });
    const agent = state.agents.get(agentId);
    demand = lowerNeeds(demand, { role, agent, promised: new Set(promised), tasks });
  }
  state.frameworks.put(key, { ...record, demand });
  state.marks.framework(framework.framework);
}

const shapesOf = ({ promised }: OfferRecord): string[] => promised.map(({ shape }) => shape);

/**
 * What is still outstanding of the offers is freed without a filter; no task is launched. An answer it was all the
 * same: whoever asks for the impossible does not let offers expire.
 */
function rejectAll(
  turn: Turn,
  {
    framework,
    request,
    offers,
    failure,
    culprits = [],
  }: Accept & { readonly failure: Failure; readonly culprits?: readonly RejectedTask[] },
): Answer {
  discardOffers(turn, offers, 'invalidAccept');
  for (const offer of offers) {
    forgiveStrike(turn.state, offer);
    const { agentId } = offer;
    turn.state.marks.tell({ kind: 'leftUnused', framework: framework.framework, agentId });
  }
  const agentId = offers[0]?.agentId ?? NO_AGENT;
  const { operations } = request;
  dropAllTasks(turn, { framework, agentId, operations, why: failure.message, culprits });
  return { ok: false, failure };
}

function objection(
  offers: readonly OfferRecord[],
  {
    request,
    staleOffers,
  }: { readonly request: AcceptRequest; readonly staleOffers: readonly OfferId[] },
): string | undefined {
  const { offerIds, atomic } = request;
  if (new Set(offerIds).size < offerIds.length) return 'an offer is named twice';
  const [stale] = staleOffers;
  if (stale !== undefined && (atomic || offers.length === 0)) {
    return `offer ${stale} is not outstanding for this framework`;
  }
  if (new Set(offers.map((offer) => offer.role)).size > 1) return 'the offers are of several roles';
  return undefined;
}

function poolsOf(turn: Turn, offers: readonly OfferRecord[], hadStale: boolean): Pools {
  const byAgent = new Map<AgentId, OfferRecord[]>();
  for (const offer of offers) {
    const list = byAgent.get(offer.agentId);
    if (list === undefined) byAgent.set(offer.agentId, [offer]);
    else list.push(offer);
  }
  const pools = new Map<AgentId, OfferPool>();
  for (const [agentId, list] of byAgent) {
    const role = list[0]?.role;
    if (role === undefined) continue;
    pools.set(agentId, poolOfOffers(turn.state, { agentId, role, offers: list, hadStale }));
  }
  return pools;
}

/**
 * With a filter, if it is to have one. Nothing but volumes is refused as nothing: it blocks offers of nothing but volumes.
 * Likewise what is revocable.
 */
function leaveUnused(
  turn: Turn,
  { framework }: FrameworkRecord,
  {
    hasVolumes,
    revocable,
    ...refused
  }: {
    readonly agentId: AgentId;
    readonly role: RoleName;
    readonly resources: Resources;
    readonly revocable: Resources;
    readonly refuseMs: number;
    readonly hasVolumes: boolean;
  },
): void {
  const isNothing = isEmpty(refused.resources) && isEmpty(revocable) && !hasVolumes;
  if (isNothing) return;
  const { marks } = turn.state;
  marks.tell({ kind: 'leftUnused', framework, agentId: refused.agentId });
  if (refused.refuseMs === 0) return;
  const lent = isEmpty(revocable) ? {} : { revocable };
  marks.tell({ kind: 'refused', framework, ...refused, ...lent });
}

function taskCount({ operations }: AcceptRequest): number {
  let count = 0;
  for (const operation of operations) {
    if (operation.kind === 'launch' || operation.kind === 'launchGroup') {
      count += operation.tasks.length;
    }
  }
  return count;
}

function ownOffers(
  turn: Turn,
  { framework }: FrameworkRecord,
  ids: Iterable<OfferId>,
): OfferRecord[] {
  const key = frameworkKey(framework);
  const found: OfferRecord[] = [];
  for (const id of ids) {
    const offer = turn.state.offers.get(id);
    if (offer !== undefined && frameworkKey(offer.framework) === key) found.push(offer);
  }
  return found;
}

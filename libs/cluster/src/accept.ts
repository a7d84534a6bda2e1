// Owns what frameworks do with offers: accept with launches, or decline.
// Order of the checks: Mesos docs, "Scheduler HTTP API", ACCEPT; the offers stand or fall together, tasks one by one.
import { type Failure, fail, succeed } from '@parley/protocol/errors';
import { AgentId, frameworkKey, type TaskId, type TaskRef } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type {
  AcceptRequest,
  AcceptResult,
  DeclineRequest,
  DeclineResult,
} from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { TaskDescription } from '@parley/protocol/tasks';
import { isEmpty, normalise, sum, trySubtract } from '@parley/resources/resources';
import { orderRejection } from './leader-updates.ts';
import { MAX_UNWRITTEN } from './limits.ts';
import { discardOffers, endOffer } from './offer-book.ts';
import { orderRun } from './orders.ts';
import { checkRampUp } from './ramp-up.ts';
import type { FrameworkRecord, OfferRecord } from './records.ts';
import { isKnownTask, launchTask } from './task-book.ts';
import type { Turn } from './turn.ts';

/** Stands in a rejected task's update when none of its offers was known. */
const NO_AGENT = AgentId.parse('none');

/** Fails as a whole with `invalidOffers`, or with `overloaded`; what is wrong with a task is in the result. */
export function acceptOffers(
  turn: Turn,
  framework: FrameworkRecord,
  request: AcceptRequest,
): Answer {
  const { state } = turn;
  if (state.unwritten.size + request.launches.length > MAX_UNWRITTEN) {
    return fail('overloaded', 'too many status updates wait for being written');
  }
  const offers = ownOffers(turn, framework, request.offerIds);
  const [first] = offers;
  const why = objection(offers, request);
  if (first === undefined || why !== undefined) {
    return rejectAll(turn, { framework, request, offers, why: why ?? 'no offer is named' });
  }
  const { launched, rejected, remainder } = launchAll(turn, { framework, request, offers, first });
  if (request.filter.refuseMs > 0 && !isEmpty(remainder)) {
    const { agentId, role } = first;
    const { refuseMs } = request.filter;
    const fact = { kind: 'refused', framework: framework.framework, role, agentId } as const;
    state.marks.announce({ kind: 'fact', fact: { ...fact, resources: remainder, refuseMs } });
  }
  if (launched.length > 0) checkRampUp(turn, frameworkKey(framework.framework));
  const result: AcceptResult = { launched, rejected };
  return succeed(result);
}

/** Offers that are not outstanding any more are counted, not refused. */
export function declineOffers(
  turn: Turn,
  framework: FrameworkRecord,
  { offerIds, filter: { refuseMs } }: DeclineRequest,
): Answer {
  const offers = ownOffers(turn, framework, new Set(offerIds));
  for (const offer of offers) {
    const { offerId, agentId, role, resources } = offer;
    const holder = framework.framework;
    const reported = { type: 'offerDeclined', offerId, framework: holder, agentId } as const;
    endOffer(turn, offer, 'decline', { ...reported, refuseMs });
    if (refuseMs === 0) continue;
    const fact = { kind: 'refused', framework: holder, role, agentId } as const;
    turn.state.marks.announce({ kind: 'fact', fact: { ...fact, resources, refuseMs } });
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
type Rejections = { taskId: TaskId; failure: Failure }[];

type Launch = { readonly description: TaskDescription; readonly resources: Resources };
type Verdicts = {
  readonly launches: Launch[];
  readonly rejected: Rejections;
  readonly remainder: Resources;
};

function launchAll(
  turn: Turn,
  { framework, request, offers, first }: Accept & { readonly first: OfferRecord },
): { launched: TaskId[]; rejected: Rejections; remainder: Resources } {
  const { agentId, role } = first;
  const verdicts = judgeTasks(turn, { framework, request, offers });
  for (const [index, offer] of offers.entries()) {
    takeOffer(turn, offer, index === 0 ? verdicts.launches.length : 0);
  }
  for (const { description, resources } of verdicts.launches) {
    const { taskId, name } = description;
    const task: TaskRef = { ...framework.framework, taskId };
    orderRun(turn, launchTask(turn, { task, name, agentId, role, resources }), description);
  }
  const launched = verdicts.launches.map(({ description }) => description.taskId);
  return { launched, rejected: verdicts.rejected, remainder: verdicts.remainder };
}

/** What is left of the offers shrinks with each launch, in the order of the request. */
function judgeTasks(turn: Turn, { framework, request, offers }: Accept): Verdicts {
  const launches: Launch[] = [];
  const rejected: Rejections = [];
  const named = new Set<TaskId>();
  const agentId = offers[0]?.agentId ?? NO_AGENT;
  let remainder = sum(offers.map((offer) => offer.resources));
  for (const description of request.launches) {
    const { taskId, name } = description;
    const task: TaskRef = { ...framework.framework, taskId };
    const resources = normalise(description.resources);
    const rest = trySubtract(remainder, resources);
    if (named.has(taskId) || isKnownTask(turn.state, task)) {
      // No update: it would end the task that has this id.
      rejected.push({ taskId, failure: usedFailure(taskId) });
    } else if (isEmpty(resources)) {
      rejected.push({ taskId, failure: emptyFailure });
      rejectTask(turn, { task, agentId, name }, emptyFailure);
    } else if (rest === undefined) {
      rejected.push({ taskId, failure: tooLargeFailure });
      rejectTask(turn, { task, agentId, name }, tooLargeFailure);
    } else {
      remainder = rest;
      launches.push({ description, resources });
    }
    named.add(taskId);
  }
  return { launches, rejected, remainder };
}

/** Every offer is used up, also what no task took: that is declined with the filter. */
function takeOffer(turn: Turn, offer: OfferRecord, launched: number): void {
  const { offerId, framework, agentId } = offer;
  endOffer(turn, offer, 'accept', { type: 'offerAccepted', offerId, framework, agentId, launched });
}

/** What is still outstanding of the offers is freed without a filter; every task is dropped. */
function rejectAll(
  turn: Turn,
  { framework, request, offers, why }: Accept & { readonly why: string },
): Answer {
  discardOffers(turn, [...new Set(offers)], 'invalidAccept');
  const agentId = offers[0]?.agentId ?? NO_AGENT;
  for (const { taskId, name } of request.launches) {
    const task: TaskRef = { ...framework.framework, taskId };
    if (isKnownTask(turn.state, task)) continue;
    const wording = { state: 'dropped', reason: 'invalidOffers', message: why } as const;
    orderRejection(turn, { task, agentId, name }, wording);
  }
  return fail('invalidOffers', why);
}

function objection(
  offers: readonly OfferRecord[],
  { offerIds }: AcceptRequest,
): string | undefined {
  if (new Set(offerIds).size < offerIds.length) return 'an offer is named twice';
  const missing = offerIds.find((id) => !offers.some((offer) => offer.offerId === id));
  if (missing !== undefined) return `offer ${missing} is not outstanding for this framework`;
  if (new Set(offers.map((offer) => offer.role)).size > 1) return 'the offers are of several roles';
  if (new Set(offers.map((offer) => offer.agentId)).size > 1) {
    return 'the offers are of several agents';
  }
  return undefined;
}

const emptyFailure: Failure = {
  code: 'invalidTask',
  message: 'resources: a task needs some',
};
const tooLargeFailure: Failure = {
  code: 'insufficientResources',
  message: 'resources: more than what is left of the offers',
};

function usedFailure(taskId: TaskId): Failure {
  return { code: 'invalidTask', message: `taskId: ${taskId} was used already; choose a new one` };
}

function rejectTask(
  turn: Turn,
  task: { readonly task: TaskRef; readonly agentId: AgentId; readonly name: string },
  { code, message }: Failure,
): void {
  const reason = code === 'insufficientResources' ? 'insufficientResources' : 'invalidTask';
  orderRejection(turn, task, { state: 'error', reason, message });
}

function ownOffers(
  turn: Turn,
  { framework }: FrameworkRecord,
  ids: Iterable<AcceptRequest['offerIds'][number]>,
): OfferRecord[] {
  const key = frameworkKey(framework);
  const found: OfferRecord[] = [];
  for (const id of ids) {
    const offer = turn.state.offers.get(id);
    if (offer !== undefined && frameworkKey(offer.framework) === key) found.push(offer);
  }
  return found;
}

// Owns what there is to know of one framework, out of the followed state: who it is, what it holds, and its report card.
// Plain data; how it reads on a screen is framework-page.ts's. Counts are since its first subscription.
import { medianLaunchDelayMs, medianTaskMs } from '@parley/cluster/cards';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { CardRecord, FrameworkRecord, Shares } from '@parley/cluster/records';
import { sharesOf } from '@parley/cluster/shares';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { type FrameworkSummary, formatDuration } from './cluster-summary.ts';
import { CommandFailure, EXIT } from './command-failure.ts';
import { summarise } from './summarise.ts';

/** Tasks shorter than so many launches: too much of the cluster's time goes into launching them. */
const SHORT_TASK_FACTOR = 20;

export type Needed = {
  readonly role: string;
  readonly count: number;
  readonly resources: Resources;
  readonly constraints: readonly object[];
  /** Absent: on ordinary resources. */
  readonly revocable?: RevocableUse;
};

export type HeldOffer = {
  readonly offerId: string;
  readonly agentId: string;
  readonly role: string;
  readonly resources: Resources;
  /** Absent: nothing revocable is in it. */
  readonly revocable?: Resources;
  readonly reservations: readonly {
    readonly reservationId: string;
    readonly resources: Resources;
  }[];
  /** Core milliseconds since it was made, and until it is taken back. */
  readonly heldMs: number;
  readonly expiresInMs: number;
};

export type ReportCard = {
  readonly offered: number;
  readonly accepted: number;
  readonly declined: number;
  readonly rescinded: number;
  readonly expired: number;
  /** Expired ones that it had confirmed seeing. */
  readonly ignored: number;
  /** Of the offers that it answered or let expire; undefined before the first. */
  readonly acceptRatio: number | undefined;
  readonly declinedShare: number | undefined;
  /** From making to answer, over the answered ones. */
  readonly meanHoldingMs: number | undefined;
  /** Most frequent first. */
  readonly declineReasons: readonly { readonly reason: string; readonly count: number }[];
  readonly launched: number;
  /** Tasks by terminal state. */
  readonly ended: Readonly<Record<string, number>>;
  /** Below this is the length of the median task, and above half of it. */
  readonly medianTaskMs: number | undefined;
  /** Likewise from launch to running, over all frameworks: what a launch costs on this cluster. */
  readonly clusterLaunchMs: number | undefined;
};

export type FrameworkReport = {
  readonly framework: string;
  /** Of a removed one the card is left, and what stands for as long as its last tasks go on. */
  readonly state: string;
  readonly standing: Standing | undefined;
  readonly card: ReportCard | undefined;
  /** What its owners should know, in sentences. */
  readonly warnings: readonly string[];
};

export type Standing = Pick<
  FrameworkSummary,
  'name' | 'roles' | 'suppressedRoles' | 'tasks' | 'allocated' | 'dominantShare'
> & {
  /** What operators have set for it; the defaults where nothing is. */
  readonly shares: Shares;
  readonly session: number;
  readonly failoverTimeoutMs: number;
  /** Core milliseconds until it is removed; only while disconnected. */
  readonly removedInMs: number | undefined;
  readonly offerTimeoutMs: number;
  /** Undefined: it states none. */
  readonly demand: readonly Needed[] | undefined;
  readonly offers: readonly HeldOffer[];
  readonly executors: number;
  /** Offers that it saw and let expire, less those that it answered since. */
  readonly expiryStrikes: number;
  readonly unacknowledgedEvents: number;
  readonly droppedEvents: number;
};

/** A removed framework stays in the books until its last task and executor have ended. */
export const isInBooks = (state: ClusterState, framework: FrameworkRef): boolean =>
  state.frameworks.has(frameworkKey(framework));

/** Whether there is one that has not been removed. */
export function isLive(state: ClusterState, framework: FrameworkRef): boolean {
  const record = state.frameworks.get(frameworkKey(framework));
  return record !== undefined && record.state !== 'removed';
}

export function liveTasksOf(state: ClusterState, framework: FrameworkRef): number {
  const key = frameworkKey(framework);
  let count = 0;
  for (const { task } of state.tasks.rows()) if (frameworkKey(task) === key) count += 1;
  return count;
}

/** Undefined when the cluster knows nothing of it. */
export function reportFramework(
  state: ClusterState,
  framework: FrameworkRef,
): FrameworkReport | undefined {
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  const tombstone = state.tombstones.get(key);
  if (record === undefined && tombstone === undefined) return undefined;
  const standing = record && standingOf(state, record);
  const cardRecord = state.cards.get(key);
  const card = cardRecord && cardOf(cardRecord, medianLaunchDelayMs(state.cards.rows()));
  return {
    framework: key,
    state: tombstone === undefined ? (record?.state ?? '') : `removed (${tombstone.reason})`,
    standing,
    card,
    warnings: warningsOf(standing, card),
  };
}

/** The failure for a name that is none of a framework's. */
export function unknownFramework(state: ClusterState, framework: FrameworkRef): CommandFailure {
  const tombstone = state.tombstones.get(frameworkKey(framework));
  return new CommandFailure(EXIT.notFound, {
    what: `there is no framework ${frameworkKey(framework)}`,
    why:
      tombstone === undefined
        ? 'none of that name has subscribed'
        : `it was removed (${tombstone.reason})`,
    remedy: 'see "parley framework list"',
  });
}

function standingOf(state: ClusterState, record: FrameworkRecord): Standing | undefined {
  const key = frameworkKey(record.framework);
  const { coreTimeMs, settings } = state.record;
  const { principal, frameworkId } = record.framework;
  const summary = summarise({ cluster: '', state, sequence: 0 }).frameworks.find(
    (one) => one.principal === principal && one.frameworkId === frameworkId,
  );
  if (summary === undefined) return undefined;
  const { name, roles, suppressedRoles, tasks, allocated, dominantShare } = summary;
  return {
    ...{ name, roles, suppressedRoles, tasks, allocated, dominantShare },
    shares: sharesOf(state.frameworkSettings.get(key)),
    session: record.session,
    failoverTimeoutMs: record.failoverTimeoutMs,
    removedInMs: record.failoverAtMs === undefined ? undefined : record.failoverAtMs - coreTimeMs,
    offerTimeoutMs: record.offerTimeoutMs ?? settings.offerTimeoutMs,
    demand: record.demand?.map(({ shape: _, ...need }) => need),
    offers: offersOf(state, key),
    executors: count(state.executors.rows(), ({ executor }) => frameworkKey(executor) === key),
    expiryStrikes: record.expiryStrikes,
    unacknowledgedEvents: count(
      state.frameworkEvents.rows(),
      (event) => frameworkKey(event.framework) === key,
    ),
    droppedEvents: record.droppedEvents,
  };
}

function offersOf(state: ClusterState, key: string): HeldOffer[] {
  const { coreTimeMs } = state.record;
  return [...state.offers.rows()]
    .filter((offer) => frameworkKey(offer.framework) === key)
    .map((offer) => ({
      offerId: offer.offerId,
      agentId: offer.agentId,
      role: offer.role,
      resources: offer.resources,
      ...(offer.revocable !== undefined && { revocable: offer.revocable }),
      reservations: offer.reserved.map(({ reservationId, resources }) => ({
        reservationId,
        resources,
      })),
      heldMs: coreTimeMs - offer.madeAtMs,
      expiresInMs: offer.expiresAtMs - coreTimeMs,
    }));
}

function count<Row>(rows: Iterable<Row>, matches: (row: Row) => boolean): number {
  let found = 0;
  for (const row of rows) if (matches(row)) found += 1;
  return found;
}

/** `clusterLaunchMs`: what a launch costs on the cluster. Pure arithmetic on what the books counted. */
export function cardOf(card: CardRecord, clusterLaunchMs: number | undefined): ReportCard {
  const { offered, accepted, declined, rescinded, expired, ignored, launched, ended } = card;
  const answered = accepted + declined;
  // Rescinded ones are not counted: that was not its doing.
  const decided = answered + expired;
  const shareOf = (part: number) => (decided === 0 ? undefined : part / decided);
  return {
    ...{ offered, accepted, declined, rescinded, expired, ignored, launched, ended },
    acceptRatio: shareOf(accepted),
    declinedShare: shareOf(declined),
    meanHoldingMs: answered === 0 ? undefined : card.holdingMs / answered,
    declineReasons: Object.entries(card.declineReasons)
      .map(([reason, times]) => ({ reason, count: times }))
      .sort((one, other) => other.count - one.count),
    medianTaskMs: medianTaskMs(card),
    clusterLaunchMs,
  };
}

/** Offers answered or expired before the shares say anything. */
const ENOUGH_OFFERS = 20;
const MOSTLY = 0.9;

export function warningsOf(
  standing: Pick<Standing, 'expiryStrikes' | 'droppedEvents' | 'demand'> | undefined,
  card: ReportCard | undefined,
): string[] {
  const warnings: string[] = [];
  if (card !== undefined) warnings.push(...cardWarnings(card, standing?.demand !== undefined));
  if ((standing?.expiryStrikes ?? 0) > 0) {
    warnings.push(
      `It let ${standing?.expiryStrikes} offers expire that it had seen, and so it is offered less at a time: it should accept or decline every offer at once.`,
    );
  }
  if ((standing?.droppedEvents ?? 0) > 0) {
    warnings.push(
      `${standing?.droppedEvents} events were dropped because it acknowledged none for too long: it should acknowledge events.`,
    );
  }
  return warnings;
}

function cardWarnings(card: ReportCard, statesDemand: boolean): string[] {
  const warnings: string[] = [];
  const { medianTaskMs: taskMs, clusterLaunchMs: launchMs, declinedShare } = card;
  if (taskMs !== undefined && launchMs !== undefined && taskMs < SHORT_TASK_FACTOR * launchMs) {
    warnings.push(
      `Its tasks are short: the median takes less than ${formatDuration(taskMs)}, and a launch on this cluster up to ${formatDuration(launchMs)}. Tasks of ${SHORT_TASK_FACTOR} times a launch or longer use a cluster better: give each more to do.`,
    );
  }
  const decided = card.accepted + card.declined + card.expired;
  if (declinedShare !== undefined && decided >= ENOUGH_OFFERS && declinedShare > MOSTLY) {
    const remedy = statesDemand
      ? 'its demand should say which agents it can use (constraints)'
      : 'it should state its demand, or suppress offers while it has no work';
    warnings.push(`It declines most of what it is offered: ${remedy}.`);
  }
  return warnings;
}

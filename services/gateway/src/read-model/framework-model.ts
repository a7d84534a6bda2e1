// Owns how a framework reads for Mesos's tools, in the v1 interface and on the pages, without its tasks.
import type {
  ExecutorRecord,
  FrameworkRecord,
  OfferRecord,
  TaskRecord,
  TombstoneRecord,
} from '@parley/cluster/records';
import { frameworkKey } from '@parley/protocol/ids';
import { nanosecondsOf } from '../mesos/mesos-values.ts';
import { attributesOf } from './agent-model.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import { mesosResources, sumsOf } from './mesos-resources.ts';
import { type Model, secondsOf } from './model.ts';
import { type Part, partsOfExecutor, partsOfHolder, partsUsedBy } from './parts.ts';

/** Mesos keeps so many on its pages. */
const MAX_COMPLETED = 50;

/** Tasks of every framework here are told apart as those of Mesos's partition-aware ones, and it may be in several roles. */
const capabilitiesOf = ({ takesRevocable }: FrameworkRecord): string[] => [
  'MULTI_ROLE',
  'PARTITION_AWARE',
  'RESERVATION_REFINEMENT',
  ...(takesRevocable === true ? ['REVOCABLE_RESOURCES'] : []),
];

/** Not removed; of a removed one tasks may still be running. */
export const isThere = ({ state }: FrameworkRecord): boolean => state !== 'removed';

const isConnected = ({ state }: FrameworkRecord): boolean => state === 'subscribed';

/** Mesos's FrameworkInfo. Who it runs its tasks as is each task's to say: `user` is empty. */
export function frameworkInfo(framework: FrameworkRecord) {
  return {
    user: '',
    name: framework.name,
    id: { value: mesosFrameworkId(framework.framework) },
    failover_timeout: framework.failoverTimeoutMs / 1000,
    checkpoint: true,
    roles: framework.roles.map(({ role }) => role),
    principal: framework.framework.principal,
    capabilities: capabilitiesOf(framework).map((type) => ({ type })),
  };
}

const timeOf = (model: Model, coreTimeMs: number) => ({
  nanoseconds: nanosecondsOf(secondsOf(model, coreTimeMs) * 1000),
});

/** Mesos's Response.GetFrameworks.Framework. */
export function frameworkAnswer(model: Model, framework: FrameworkRecord) {
  const { state } = model;
  const registered = timeOf(model, framework.subscribedAtMs);
  const offers = offersOf(model, framework);
  return {
    framework_info: frameworkInfo(framework),
    active: isConnected(framework),
    connected: isConnected(framework),
    recovered: false,
    registered_time: registered,
    ...(offers.length > 0 && { offers: offers.map((offer) => offerAnswer(model, offer)) }),
    allocated_resources: mesosResources(usedBy(model, framework)),
    offered_resources: mesosResources(offers.flatMap((offer) => partsOfHolder(state, offer))),
  };
}

/** Mesos's Offer. */
function offerAnswer({ state }: Model, offer: OfferRecord) {
  const agent = state.agents.get(offer.agentId);
  return {
    id: { value: offer.offerId },
    framework_id: { value: mesosFrameworkId(offer.framework) },
    agent_id: { value: offer.agentId },
    hostname: agent?.hostname ?? '',
    resources: mesosResources(partsOfHolder(state, offer)),
    attributes: agent === undefined ? [] : attributesOf(agent),
    allocation_info: { role: offer.role },
  };
}

const usedBy = ({ state }: Model, { framework }: FrameworkRecord): Part[] => {
  const book = state.books.frameworks.get(frameworkKey(framework));
  return book === undefined ? [] : partsUsedBy(state, book);
};

const offersOf = ({ state }: Model, { framework }: FrameworkRecord): OfferRecord[] =>
  recordsOf(state.offers, state.books.frameworks.get(frameworkKey(framework))?.offers);

/** What a framework holds, at one moment: records are replaced when they change. */
export type Held = {
  readonly tasks: readonly TaskRecord[];
  readonly executors: readonly ExecutorRecord[];
  readonly offers: readonly OfferRecord[];
};

export function heldBy({ state }: Model, { framework }: FrameworkRecord): Held {
  const book = state.books.frameworks.get(frameworkKey(framework));
  return {
    tasks: recordsOf(state.tasks, book?.tasks),
    executors: recordsOf(state.executors, book?.executors),
    offers: recordsOf(state.offers, book?.offers),
  };
}

function recordsOf<Found>(
  table: { get(key: string): Found | undefined },
  keys: Iterable<string> = [],
): Found[] {
  const found: Found[] = [];
  for (const key of keys) {
    const record = table.get(key);
    if (record !== undefined) found.push(record);
  }
  return found;
}

/** What the pages have of a framework beside its tasks and executors. */
export function frameworkPage(
  model: Model,
  framework: FrameworkRecord,
  { tasks, executors, offers }: Held,
) {
  const { state } = model;
  const used = tasks.flatMap((task) => partsOfHolder(state, task));
  for (const executor of executors) used.push(...partsOfExecutor(executor));
  const offered = offers.flatMap((offer) => partsOfHolder(state, offer));
  return {
    ...frameworkSummary(framework),
    used_resources: sumsOf(used),
    offered_resources: sumsOf(offered),
    resources: sumsOf([...used, ...offered]),
    user: '',
    failover_timeout: framework.failoverTimeoutMs / 1000,
    checkpoint: true,
    registered_time: secondsOf(model, framework.subscribedAtMs),
    unregistered_time: 0,
    principal: framework.framework.principal,
    roles: framework.roles.map(({ role }) => role),
    offers: offers.map((offer) => ({
      id: offer.offerId,
      framework_id: mesosFrameworkId(offer.framework),
      allocation_info: { role: offer.role },
      slave_id: offer.agentId,
      resources: sumsOf(partsOfHolder(state, offer)),
    })),
  };
}

export function frameworkSummary(framework: FrameworkRecord) {
  return {
    id: mesosFrameworkId(framework.framework),
    name: framework.name,
    hostname: '',
    webui_url: '',
    active: isConnected(framework),
    connected: isConnected(framework),
    recovered: false,
    capabilities: capabilitiesOf(framework),
  };
}

/** Those that were removed last, the latest of them last. */
export function completedFrameworks({ state }: Model): TombstoneRecord[] {
  return [...state.tombstones.rows()]
    .sort((a, b) => a.removedAtMs - b.removedAtMs)
    .slice(-MAX_COMPLETED);
}

/** Of one that was removed the id is left, and when that was. */
export function completedFrameworkPage(model: Model, { framework, removedAtMs }: TombstoneRecord) {
  return {
    id: mesosFrameworkId(framework),
    name: framework.frameworkId,
    hostname: '',
    webui_url: '',
    active: false,
    connected: false,
    recovered: false,
    capabilities: [],
    used_resources: sumsOf([]),
    offered_resources: sumsOf([]),
    resources: sumsOf([]),
    user: '',
    principal: framework.principal,
    roles: [],
    offers: [],
    unregistered_time: secondsOf(model, removedAtMs),
  };
}

export function completedFrameworkAnswer(
  model: Model,
  { framework, removedAtMs }: TombstoneRecord,
) {
  return {
    framework_info: {
      user: '',
      name: framework.frameworkId,
      id: { value: mesosFrameworkId(framework) },
      principal: framework.principal,
    },
    active: false,
    connected: false,
    recovered: false,
    unregistered_time: timeOf(model, removedAtMs),
  };
}

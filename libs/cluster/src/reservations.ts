// Owns reservations and volumes: which changes of them are possible, and how they are made, always together with the
// books. A change is planned on a pool first and carried out later, when the offers have ended.
// Mesos docs, "Reservation", "Persistent volumes".
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, ReservationId, type RoleName, type VolumeId } from '@parley/protocol/ids';
import type { Operation } from '@parley/protocol/offers';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { Labels } from '@parley/protocol/tasks';
import { assert, unreachable } from '@parley/protocol/unreachable';
import { add, isEmpty, normalise, subtract } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { MAX_RESERVATIONS_PER_AGENT, MAX_VOLUMES_PER_RESERVATION } from './limits.ts';
import { offersOf, rescindOffers } from './offer-book.ts';
import type { OfferPool } from './offer-pool.ts';
import { clearOvercommitment } from './overcommitment.ts';
import type { ReservationRecord } from './records.ts';
import { reservationKey } from './reservation-books.ts';
import { DEFAULT_ROLE } from './roles.ts';
import { ruleHolds } from './rules.ts';
import { report, type Turn } from './turn.ts';
import { isBeingDestroyed, orderDestroyVolume } from './volume-orders.ts';

/** What an agent sets aside of itself for a role: each role has one of them on an agent (static-reservations.ts). */
export const STATIC_RESERVATION = ReservationId.parse('static');

export type ReservationOperation = Exclude<Operation, { kind: 'launch' | 'launchGroup' }>;

type Place = {
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly reservationId: ReservationId;
};

export type ReservationChange = Place &
  (
    | { readonly kind: 'reserve'; readonly resources: Resources; readonly labels: Labels }
    | { readonly kind: 'unreserve'; readonly resources: Resources }
    | { readonly kind: 'createVolume'; readonly volumeId: VolumeId; readonly mib: number }
    | { readonly kind: 'destroyVolume'; readonly volumeId: VolumeId }
  );

/**
 * Takes the change out of the pool, or says why it cannot be done (`invalidOperation`) and leaves the pool as it was.
 * Operations are about reservations of the pool's own role; those of the roles above are theirs to change.
 */
export function planChange(
  state: ClusterState,
  pool: OfferPool,
  operation: ReservationOperation,
): Outcome<ReservationChange> {
  switch (operation.kind) {
    case 'reserve':
      return planReserve(state, pool, operation);
    case 'unreserve':
      return planUnreserve(state, pool, operation);
    case 'createVolume':
      return planCreateVolume(state, pool, operation);
    case 'destroyVolume':
      return planDestroyVolume(state, pool, operation);
    default:
      return unreachable(operation);
  }
}

/** `by`: whose wish it is. */
export function carryOutChange(turn: Turn, change: ReservationChange, by: string): void {
  if (change.kind === 'destroyVolume') takeVolumeBack(turn, change);
  const { state } = turn;
  const before = state.reservations.get(reservationKey(change.agentId, change));
  const after = changed(before, change, by);
  putReservation(turn, { before, after, by });
  if (change.kind !== 'destroyVolume') return;
  const { agentId, role, volumeId } = change;
  orderDestroyVolume(turn, agentId, { role, volumeId });
}

type OperationOf<Kind> = Extract<ReservationOperation, { kind: Kind }>;

function planReserve(
  state: ClusterState,
  pool: OfferPool,
  { reservationId, resources, labels }: OperationOf<'reserve'>,
): Outcome<ReservationChange> {
  const { agentId, role } = pool;
  const wanted = normalise(resources);
  if (isOfAgent(state, reservationId)) return cannot(OF_AGENT);
  if (role === DEFAULT_ROLE) return cannot(`role: nothing is reserved for ${DEFAULT_ROLE}`);
  if (isEmpty(wanted)) return cannot('resources: a reservation holds some');
  if (!state.reservations.has(reservationKey(agentId, { role, reservationId }))) {
    const count =
      (state.books.agents.get(agentId)?.reservations.size ?? 0) + pool.newReservations.size;
    if (count >= MAX_RESERVATIONS_PER_AGENT) {
      return cannot(`there are ${MAX_RESERVATIONS_PER_AGENT} reservations on ${agentId}`);
    }
  }
  const reserved = pool.tryReserve(reservationId, wanted);
  if (!reserved.ok) return reserved;
  return succeed({ kind: 'reserve', agentId, role, reservationId, resources: wanted, labels });
}

function planUnreserve(
  state: ClusterState,
  pool: OfferPool,
  { reservationId, resources }: OperationOf<'unreserve'>,
): Outcome<ReservationChange> {
  const { agentId, role } = pool;
  if (isOfAgent(state, reservationId)) return cannot(OF_AGENT);
  const part = pool.partOf(reservationId);
  if (part === undefined) return cannot(`reservationId: nothing is held of ${reservationId}`);
  const given = resources === undefined ? part.resources : normalise(resources);
  if (isEmpty(given)) return cannot('resources: there is nothing to give back');
  const unreserved = pool.tryUnreserve(reservationId, given);
  if (!unreserved.ok) return unreserved;
  return succeed({ kind: 'unreserve', agentId, role, reservationId, resources: given });
}

const OF_AGENT =
  'reservationId: "static" is what the agent sets aside itself: it is changed with --reserve of that agent';
const isOfAgent = (state: ClusterState, reservationId: ReservationId): boolean =>
  reservationId === STATIC_RESERVATION && ruleHolds(state, 'agentsReserve');

function planCreateVolume(
  state: ClusterState,
  pool: OfferPool,
  { reservationId, volumeId, mib }: OperationOf<'createVolume'>,
): Outcome<ReservationChange> {
  const { agentId, role } = pool;
  const isThere = state.books.reservations.ofVolume(agentId, role, volumeId) !== undefined;
  if (isThere || pool.hasCreated(volumeId)) {
    return cannot(`volumeId: there is a volume ${volumeId} of ${role} on ${agentId}`);
  }
  if (pool.hasDestroyed(volumeId) || isBeingDestroyed(state, agentId, { role, volumeId })) {
    return cannot(`volumeId: volume ${volumeId} is being destroyed; choose another name`);
  }
  const record = state.reservations.get(reservationKey(agentId, { role, reservationId }));
  if ((record?.volumes.length ?? 0) + pool.createdCount >= MAX_VOLUMES_PER_RESERVATION) {
    return cannot(`reservationId: it has ${MAX_VOLUMES_PER_RESERVATION} volumes`);
  }
  const created = pool.tryCreateVolume(reservationId, { volumeId, mib });
  if (!created.ok) return created;
  return succeed({ kind: 'createVolume', agentId, role, reservationId, volumeId, mib });
}

function planDestroyVolume(
  state: ClusterState,
  pool: OfferPool,
  { volumeId }: OperationOf<'destroyVolume'>,
): Outcome<ReservationChange> {
  const { agentId, role } = pool;
  const held = pool.destroyVolume(volumeId);
  if (held !== undefined) {
    return succeed({ kind: 'destroyVolume', agentId, role, reservationId: held, volumeId });
  }
  const { reservations } = state.books;
  const record = reservations.ofVolume(agentId, role, volumeId);
  if (record === undefined || pool.hasDestroyed(volumeId)) {
    return cannot(`volumeId: there is no volume ${volumeId} of ${role} on ${agentId}`);
  }
  if (pool.hasTaken(volumeId) || reservations.holderOf(agentId, role, volumeId)?.kind === 'task') {
    return cannot(`volumeId: a task uses volume ${volumeId}`);
  }
  pool.volumeDestroyed(volumeId);
  const { reservationId } = record;
  return succeed({ kind: 'destroyVolume', agentId, role, reservationId, volumeId });
}

/** Another offer that holds the volume is no good any more. */
function takeVolumeBack(
  turn: Turn,
  { agentId, role, volumeId }: { agentId: AgentId; role: RoleName; volumeId: VolumeId },
): void {
  const holder = turn.state.books.reservations.holderOf(agentId, role, volumeId);
  assert(holder?.kind !== 'task', 'a volume that a task uses is not destroyed');
  if (holder === undefined) return;
  rescindOffers(turn, offersOf(turn.state, [holder.offerId]), 'volumeDestroyed');
}

/** Undefined: it is no more. */
function changed(
  before: ReservationRecord | undefined,
  change: ReservationChange,
  by: string,
): ReservationRecord | undefined {
  const { agentId, role, reservationId } = change;
  if (change.kind === 'reserve') {
    const { labels } = change;
    const resources = NO_RESOURCES;
    const record = before ?? { agentId, role, reservationId, labels, resources, volumes: [], by };
    return { ...record, resources: add(record.resources, change.resources) };
  }
  assert(before !== undefined, 'a reservation that is changed is there');
  switch (change.kind) {
    case 'unreserve': {
      const resources = subtract(before.resources, change.resources);
      return isEmpty(resources) ? undefined : { ...before, resources };
    }
    case 'createVolume': {
      const { volumeId, mib } = change;
      return { ...before, volumes: [...before.volumes, { volumeId, mib }] };
    }
    case 'destroyVolume': {
      const volumes = before.volumes.filter(({ volumeId }) => volumeId !== change.volumeId);
      return { ...before, volumes };
    }
    default:
      return unreachable(change);
  }
}

export function putReservation(
  turn: Turn,
  {
    before,
    after,
    by,
  }: {
    readonly before: ReservationRecord | undefined;
    readonly after: ReservationRecord | undefined;
    readonly by: string;
  },
): void {
  const { state } = turn;
  const record = after ?? before;
  if (record === undefined) return;
  const { agentId, role, reservationId } = record;
  const key = reservationKey(agentId, record);
  if (after === undefined) state.reservations.delete(key);
  else state.reservations.put(key, after);
  state.books.reservationChanged(before, after);
  clearOvercommitment(state, agentId);
  state.marks.agentFree(agentId);
  const resources = after?.resources ?? NO_RESOURCES;
  report(turn, {
    ...{ type: 'reservationChanged', agentId, role, reservationId, resources, by },
    before: before?.resources ?? NO_RESOURCES,
  });
}

const cannot = (message: string) => fail('invalidOperation', message);

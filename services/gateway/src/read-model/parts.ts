// Owns what is held of an agent, taken apart as Mesos tells resources apart: by reservation, by volume, whether it may be
// taken back, and for which role it is held. It only reads the state.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type {
  AgentRecord,
  ExecutorRecord,
  OfferRecord,
  ReservationRecord,
  ReservedPart,
  TaskRecord,
} from '@parley/cluster/records';
import { diskOf, reservationKey, volumesDisk } from '@parley/cluster/reservation-books';
import type { AgentId, RoleName, VolumeId } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { isEmpty, sum, trySubtract } from '@parley/resources/resources';

export type Part = {
  readonly resources: Resources;
  readonly reservation?: ReservationRecord;
  /** Then its resources are the volume's disk. */
  readonly volumeId?: VolumeId;
  readonly isRevocable?: true;
  /** Held by an offer, a task or an executor in this role. */
  readonly role?: RoleName;
};

/** All that there is on it. */
export function partsOfAgent(state: ClusterState, agent: AgentRecord): Part[] {
  const book = state.books.agents.get(agent.agentId);
  const keys = [...(book?.reservations ?? [])];
  const reserved = keys.flatMap((key) => partsOfReservation(state.reservations.get(key)));
  const rest = book === undefined ? agent.total : trySubtract(agent.total, book.reserved);
  // It came back with less than what is reserved of it: nothing is left.
  return filled([{ resources: rest ?? NO_RESOURCES }, ...reserved, ...revocablePart(agent)]);
}

/** Likewise, whatever is reserved of it. */
export const wholeOfAgent = (agent: AgentRecord): Part[] => [
  { resources: agent.total },
  ...revocablePart(agent),
];

const revocablePart = ({ revocable }: AgentRecord): Part[] =>
  revocable === undefined ? [] : [{ resources: revocable, isRevocable: true }];

/** What is in no volume, and each volume. */
function partsOfReservation(reservation: ReservationRecord | undefined): Part[] {
  if (reservation === undefined) return [];
  const rest = trySubtract(reservation.resources, volumesDisk(reservation));
  const volumes = reservation.volumes.map(({ volumeId, mib }) => ({
    ...{ reservation, volumeId, resources: diskOf(mib) },
  }));
  return [{ reservation, resources: rest ?? reservation.resources }, ...volumes];
}

export function partsUsedOn(state: ClusterState, agentId: AgentId): Part[] {
  const book = state.books.agents.get(agentId);
  return book === undefined ? [] : partsUsedBy(state, book);
}

export function partsOfferedOn(state: ClusterState, agentId: AgentId): Part[] {
  return partsOfOffers(state, state.books.agents.get(agentId)?.offers ?? []);
}

export function partsOfOffers(state: ClusterState, offerIds: Iterable<string>): Part[] {
  const parts: Part[] = [];
  for (const offerId of offerIds) {
    const offer = state.offers.get(offerId);
    if (offer !== undefined) parts.push(...partsOfHolder(state, offer));
  }
  return parts;
}

/** Of the tasks and executors that these books name. */
export function partsUsedBy(
  state: ClusterState,
  book: { readonly tasks: Iterable<string>; readonly executors: Iterable<string> },
): Part[] {
  const parts: Part[] = [];
  for (const key of book.tasks) {
    const task = state.tasks.get(key);
    if (task !== undefined) parts.push(...partsOfHolder(state, task));
  }
  for (const key of book.executors) {
    const executor = state.executors.get(key);
    if (executor !== undefined) parts.push(...partsOfExecutor(executor));
  }
  return parts;
}

export const partsOfExecutor = ({ resources, role }: ExecutorRecord): Part[] =>
  filled([{ resources, role }]);

/** Of a task or an offer. */
export function partsOfHolder(
  state: ClusterState,
  holder: Pick<
    TaskRecord | OfferRecord,
    'agentId' | 'role' | 'resources' | 'reserved' | 'revocable'
  >,
): Part[] {
  const { agentId, role, resources, reserved, revocable } = holder;
  if (reserved.length === 0 && revocable === undefined) return [{ resources, role }];
  const parts: Part[] = [{ resources, role }];
  for (const part of reserved) parts.push(...partsHeld(state, agentId, part, role));
  if (revocable !== undefined) parts.push({ resources: revocable, isRevocable: true, role });
  return filled(parts);
}

function partsHeld(
  state: ClusterState,
  agentId: AgentId,
  part: ReservedPart,
  role: RoleName,
): Part[] {
  const reservation = state.reservations.get(reservationKey(agentId, part));
  if (reservation === undefined) return [{ resources: part.resources, role }];
  const sizes = new Map(reservation.volumes.map(({ volumeId, mib }) => [volumeId, mib]));
  const volumes = part.volumes.map((volumeId) => ({
    ...{ reservation, volumeId, role, resources: diskOf(sizes.get(volumeId) ?? 0) },
  }));
  return [{ reservation, resources: part.resources, role }, ...volumes];
}

/** What is alike but for the amount, together. */
export function merge(parts: readonly Part[]): readonly Part[] {
  if (parts.length < 2) return parts;
  const alike = new Map<string, Part[]>();
  for (const part of parts) {
    const key = kindOf(part);
    const known = alike.get(key);
    if (known === undefined) alike.set(key, [part]);
    else known.push(part);
  }
  return [...alike.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    if (same.length === 1) return [first];
    return [{ ...first, resources: sum(same.map(({ resources }) => resources)) }];
  });
}

const kindOf = ({ reservation, volumeId, isRevocable, role }: Part): string =>
  `${role ?? ''} ${reservation?.role ?? ''} ${reservation?.reservationId ?? ''} ${volumeId ?? ''} ${isRevocable === true}`;

const filled = (parts: readonly Part[]): Part[] =>
  parts.filter(({ resources }) => !isEmpty(resources));

// Owns the check that nothing of an agent or of a reservation is held twice or lost. For tests and the simulator: it
// looks at everything.
import { type AgentId, frameworkKey, type RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, contains, equals, isEmpty, sum, trySubtract } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { promiseKey } from './framework-book.ts';
import type { AgentRecord, ReservationRecord, ReservedPart } from './records.ts';
import { reservationKey, volumesDisk } from './reservation-books.ts';
import { isRoleOrAbove } from './roles.ts';

/** offered + allocated + reserved + free = total, and nothing of an agent is held twice. */
export function conservation(state: ClusterState): string[] {
  const held = new Map<AgentId, Resources[]>();
  const holders = [
    ...state.offers.rows(),
    ...state.tasks.rows(),
    ...state.executors.rows(),
    ...state.reservations.rows(),
  ];
  for (const { agentId, resources } of holders) {
    const list = held.get(agentId);
    if (list === undefined) held.set(agentId, [resources]);
    else list.push(resources);
  }
  const broken: string[] = [];
  for (const agent of state.agents.rows()) {
    broken.push(...conservationOf(state, agent, held.get(agent.agentId) ?? []));
  }
  return broken;
}

function conservationOf(
  state: ClusterState,
  agent: AgentRecord,
  held: readonly Resources[],
): string[] {
  const free = state.books.free(agent);
  if (agent.isOvercommitted) {
    return equals(free, NO_RESOURCES) ? [] : [`${agent.agentId} has too little and offers`];
  }
  let rest: Resources | undefined = agent.total;
  for (const resources of held) rest = rest && trySubtract(rest, resources);
  if (rest === undefined) return [`${agent.agentId} holds more than it has, or something twice`];
  return equals(rest, free)
    ? []
    : [`${agent.agentId}: offered + allocated + reserved + free is not its total`];
}

/** What offers and tasks hold of reservations is in them, once, and is for their role. */
export function offersAndReservations(state: ClusterState): string[] {
  const broken: string[] = [];
  const parts = new Map<string, ReservedPart[]>();
  for (const holder of [...state.offers.rows(), ...state.tasks.rows()]) {
    broken.push(...holder.reserved.flatMap((part) => partOf(part, holder.role)));
    for (const part of holder.reserved) {
      const key = reservationKey(holder.agentId, part);
      parts.set(key, [...(parts.get(key) ?? []), part]);
    }
  }
  for (const key of parts.keys()) {
    if (!state.reservations.has(key)) broken.push(`${key} is held and is not there`);
  }
  for (const [key, record] of state.reservations.entries()) {
    broken.push(...reservationOf(state, record, parts.get(key) ?? []));
    if (!state.agents.has(record.agentId)) broken.push(`${key}: its agent is not known`);
  }
  return [...broken, ...offers(state)];
}

function partOf({ role, reservationId, resources, volumes }: ReservedPart, holder: RoleName) {
  const broken: string[] = [];
  if (isEmpty(resources) && volumes.length === 0)
    broken.push(`nothing is held of ${reservationId}`);
  if (!isRoleOrAbove(role, holder)) broken.push(`${role} is not above ${holder}`);
  return broken;
}

function reservationOf(
  state: ClusterState,
  record: ReservationRecord,
  parts: readonly ReservedPart[],
): string[] {
  const name = `reservation ${record.reservationId} on ${record.agentId}`;
  const broken: string[] = [];
  if (isEmpty(record.resources)) broken.push(`${name} holds nothing`);
  const held = sum(parts.map((part) => part.resources));
  const used = add(held, volumesDisk(record));
  if (!contains(record.resources, used)) return [...broken, `${name}: more is held than there is`];
  if (!equals(add(used, state.books.freeOfReservation(record)), record.resources)) {
    broken.push(`${name}: held + volumes + free is not all of it`);
  }
  const there = new Set<string>(record.volumes.map(({ volumeId }) => volumeId));
  if (there.size < record.volumes.length) broken.push(`${name} has a volume twice`);
  const volumes = parts.flatMap((part) => part.volumes);
  if (new Set(volumes).size < volumes.length) broken.push(`${name}: a volume is held twice`);
  for (const id of volumes) if (!there.has(id)) broken.push(`${name}: volume ${id} is not there`);
  const free = state.books.reservations.freeVolumes(record);
  if (free.length + volumes.length !== there.size) broken.push(`${name}: a volume is lost`);
  return broken;
}

/** Outstanding offers are for roles that their frameworks have, promise what is in the books, and have a deadline. */
function offers(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const offer of state.offers.rows()) {
    const key = frameworkKey(offer.framework);
    const record = state.frameworks.get(key);
    if (!record?.roles.some(({ role }) => role === offer.role)) {
      broken.push(`${offer.offerId}: ${offer.role} is no role of ${key}`);
    }
    if (offer.number < 1 || offer.number > (record?.lastNumber ?? 0)) {
      broken.push(`${offer.offerId}: it stands in no message`);
    }
    if (offer.expiresAtMs <= state.record.coreTimeMs) broken.push(`${offer.offerId} has expired`);
  }
  return [...broken, ...promises(state)];
}

function promises(state: ClusterState): string[] {
  const broken: string[] = [];
  const made = new Map<string, number>();
  for (const { framework, role, promised } of state.offers.rows()) {
    for (const { shape, count } of promised) {
      const promise = `${frameworkKey(framework)} ${promiseKey(role, shape)}`;
      made.set(promise, (made.get(promise) ?? 0) + count);
    }
  }
  for (const [key, book] of state.books.frameworks) {
    for (const [promise, count] of book.promised) {
      if (made.get(`${key} ${promise}`) !== count) broken.push(`${key}: promises ${promise}`);
      made.delete(`${key} ${promise}`);
    }
  }
  for (const promise of made.keys()) broken.push(`${promise} is promised and in no book`);
  return broken;
}

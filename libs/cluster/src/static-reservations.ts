// Owns what an agent sets aside of itself for roles, as it says with each registration: one reservation a role, which
// nobody else changes. Volumes and tasks on it are those of any reservation (reservations.ts).
// Mesos docs, "Reservation", static reservation.
import type { RegisterRequest } from '@parley/protocol/agents';
import { type AgentId, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, contains, equals, isEmpty, normalise, sum } from '@parley/resources/resources';
import { rescindAllOf } from './agent-offers.ts';
import type { ClusterState } from './cluster-state.ts';
import { MAX_RESERVATIONS_PER_AGENT } from './limits.ts';
import type { ReservationRecord } from './records.ts';
import { reservationKey, volumesDisk } from './reservation-books.ts';
import { putReservation, STATIC_RESERVATION } from './reservations.ts';
import { DEFAULT_ROLE } from './roles.ts';
import { ruleHolds } from './rules.ts';
import type { Turn } from './turn.ts';

type Reserved = RegisterRequest['reserved'];

/** Why the agent cannot be taken with it; undefined when it can. Rules that do not read it object to nothing. */
export function reservedObjection(
  state: ClusterState,
  {
    agentId,
    total,
    reserved = {},
  }: { readonly agentId: AgentId; readonly total: Resources; readonly reserved: Reserved },
): string | undefined {
  if (!ruleHolds(state, 'agentsReserve')) return undefined;
  const parts = Object.values(reserved).map((scalars) => normalise({ scalars }));
  if (parts.length > MAX_RESERVATIONS_PER_AGENT) {
    return `reserved: agent ${agentId} names more than ${MAX_RESERVATIONS_PER_AGENT} roles`;
  }
  if (contains(total, sum(parts))) return undefined;
  return `reserved: agent ${agentId} sets more aside than it has`;
}

/**
 * Makes the reservations those that the agent names. What tasks and volumes hold of one stays reserved until the agent
 * registers without them. Offers of the agent end where anything changes.
 */
export function takeOverReserved(turn: Turn, agentId: AgentId, reserved: Reserved): void {
  const { state } = turn;
  if (!ruleHolds(state, 'agentsReserve')) return;
  const wanted = new Map<RoleName, Resources>(
    [...staticOn(state, agentId)].map(({ role }) => [role, NO_RESOURCES]),
  );
  for (const [name, scalars] of Object.entries(reserved ?? {})) {
    const role = RoleName.parse(name);
    if (role !== DEFAULT_ROLE) wanted.set(role, normalise({ scalars }));
  }
  const isOther = [...wanted].some(
    ([role, resources]) =>
      !equals(recordOf(state, agentId, role)?.resources ?? NO_RESOURCES, resources),
  );
  if (isOther) rescindAllOf(turn, agentId, 'agentChanged');
  for (const [role, resources] of wanted) setReserved(turn, { agentId, role, resources });
}

function setReserved(
  turn: Turn,
  {
    agentId,
    role,
    resources,
  }: { readonly agentId: AgentId; readonly role: RoleName; readonly resources: Resources },
): void {
  const before = recordOf(turn.state, agentId, role);
  const by = `agent:${agentId}`;
  const base = before ?? {
    agentId,
    role,
    reservationId: STATIC_RESERVATION,
    labels: {},
    volumes: [],
  };
  const needed = before === undefined ? NO_RESOURCES : inUse(turn.state, before);
  const after = { ...base, by, resources: larger(resources, needed) };
  if (before !== undefined && before.by === by && equals(before.resources, after.resources)) return;
  const isNone = isEmpty(after.resources);
  if (isNone && before === undefined) return;
  putReservation(turn, { before, after: isNone ? undefined : after, by });
}

/** In tasks and volumes; offers have been taken back by then. */
function inUse(state: ClusterState, record: ReservationRecord): Resources {
  return add(volumesDisk(record), state.books.reservations.held(record));
}

/** Of each scalar the larger amount. */
function larger(a: Resources, b: Resources): Resources {
  const scalars = { ...a.scalars };
  for (const [name, amount] of Object.entries(b.scalars)) {
    scalars[name] = Math.max(amount, Object.hasOwn(scalars, name) ? (scalars[name] ?? 0) : 0);
  }
  return normalise({ scalars });
}

const recordOf = (state: ClusterState, agentId: AgentId, role: RoleName) =>
  state.reservations.get(reservationKey(agentId, { role, reservationId: STATIC_RESERVATION }));

function* staticOn(
  state: ClusterState,
  agentId: AgentId,
): Generator<ReservationRecord, void, void> {
  for (const key of state.books.agents.get(agentId)?.reservations ?? []) {
    const record = state.reservations.get(key);
    if (record?.reservationId === STATIC_RESERVATION) yield record;
  }
}

// Owns `parley reservation list|add|remove`: what operators set aside of an agent for a role, without an offer.
import { canonical } from '@parley/cluster/canonical-hash';
import type { ClusterState } from '@parley/cluster/cluster-state';
import { offersOf } from '@parley/cluster/offer-book';
import type { ReservationRecord } from '@parley/cluster/records';
import { reservationKey } from '@parley/cluster/reservation-books';
import { usedRoles } from '@parley/cluster/role-uses';
import type { AgentId, ReservationId, RoleName } from '@parley/protocol/ids';
import { Operation, type OperationInput } from '@parley/protocol/offers';
import type { Quantities } from '@parley/protocol/sharing';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { Labels } from '@parley/protocol/tasks';
import { formatResources } from '@parley/resources/format';
import { add } from '@parley/resources/resources';
import { failureFromCluster } from '../command-failure.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine, printTable } from '../print.ts';
import { namesOf } from '../role-report.ts';
import { describeAmounts } from '../sharing-words.ts';
import { currentContext } from './context.ts';
import type { ListPlace } from './sharing-lists.ts';

export async function reservationListCommand(
  { surroundings, context, json }: ListPlace,
  { role, agentId }: { readonly role: RoleName | undefined; readonly agentId: AgentId | undefined },
): Promise<void> {
  const found = await currentContext(surroundings, context);
  const { state } = await withOperator(found, (link) => link.load());
  const reservations = listReservations(state).filter(
    (one) =>
      (role === undefined || one.role === role) &&
      (agentId === undefined || one.agentId === agentId),
  );
  if (json) {
    printJson(reservations);
    return;
  }
  if (reservations.length === 0) {
    printLine('nothing is reserved');
    return;
  }
  printTable(
    ['agent', 'role', 'reservation', 'resources', 'free', 'volumes', 'labels', 'by'],
    reservations.map((one) => ({
      agent: one.agentId,
      role: one.role,
      reservation: one.reservationId,
      resources: formatResources(one.resources),
      free: formatResources(one.free),
      volumes: one.volumes.map(({ volumeId, mib }) => `${volumeId} (${mib} MiB)`).join(', '),
      labels: describeLabels(one.labels),
      by: one.by,
    })),
  );
}

const describeLabels = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

/** By agent, role and id. `free`: in no task, offer or volume. */
function listReservations(state: ClusterState) {
  const key = (one: { agentId: string; role: string; reservationId: string }): string =>
    `${one.agentId} ${one.role} ${one.reservationId}`;
  return [...state.reservations.rows()]
    .map((record) => ({ ...record, free: state.books.freeOfReservation(record) }))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

export type Reservation = {
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly reservationId: ReservationId;
  /** Undefined: all of it. */
  readonly scalars: Quantities | undefined;
  readonly labels: Labels | undefined;
};

export async function reservationChangeCommand(
  { surroundings, context: named, json }: ListPlace,
  {
    kind,
    reservation,
  }: { readonly kind: 'reserve' | 'unreserve'; readonly reservation: Reservation },
): Promise<void> {
  const { agentId, role, reservationId, scalars, labels } = reservation;
  const what = `reservation ${reservationId} of role ${role} on ${agentId}`;
  const resources = scalars === undefined ? {} : { resources: { scalars } };
  const operation: OperationInput =
    kind === 'reserve'
      ? { kind, reservationId, resources: {}, ...resources, ...(labels && { labels }) }
      : { kind, reservationId, ...resources };
  const context = await currentContext(surroundings, named);
  const done = await withOperator(context, async (link) => {
    const parameters = { operator: link.operator };
    const body = { agentId, role, operation: Operation.parse(operation) };
    const asked = await link.callLeader(SUBJECTS.operatorOperate, parameters, body);
    const { state } = await link.load();
    const record = state.reservations.get(reservationKey(agentId, { role, reservationId }));
    if (asked.ok) return { record, notes: notesOf(state, { ...reservation, kind, record }) };
    throw failureFromCluster(`${what} was not changed`, asked.failure, {
      remedy: whatThereIs(state, { agentId, kind, record }),
    });
  });
  const holds = done.record?.resources.scalars ?? {};
  if (json) printJson({ agentId, role, reservationId, scalars: holds });
  else {
    const now = done.record === undefined ? 'it is no more' : describeAmounts(holds);
    printLine([`${what}: ${now}`, ...done.notes].join('\n'));
  }
}

type Changed = {
  readonly kind: 'reserve' | 'unreserve';
  readonly record: ReservationRecord | undefined;
};

function notesOf(
  state: ClusterState,
  { kind, role, labels, record }: Reservation & Changed,
): string[] {
  if (kind !== 'reserve') return [];
  const notes: string[] = [];
  if (
    record !== undefined &&
    labels !== undefined &&
    canonical(record.labels) !== canonical(labels)
  ) {
    const kept = describeLabels(record.labels) || 'none';
    notes.push(`note: it keeps the labels that it was made with: ${kept}`);
  }
  const used = usedRoles(state);
  if (!used.has(role)) {
    const inUse = namesOf([...used].sort());
    notes.push(`note: no framework is in role ${role} or below it yet (roles in use: ${inUse})`);
  }
  return notes;
}

/** By how much it was too much can be read off it. Undefined: the agent is not there. */
function whatThereIs(
  state: ClusterState,
  { agentId, kind, record }: Changed & { readonly agentId: AgentId },
): string | undefined {
  const agent = state.agents.get(agentId);
  if (agent === undefined) return undefined;
  if (kind === 'unreserve') {
    return record === undefined
      ? 'see "parley reservation list"'
      : `no more can be given back than is in no task: ${formatResources(record.resources)} is reserved, ${formatResources(state.books.freeOfReservation(record))} of it held by nobody`;
  }
  const offered = offersOf(state, state.books.agents.get(agentId)?.offers ?? []);
  const free = offered.reduce((sum, offer) => add(sum, offer.resources), state.books.free(agent));
  return `of ${agentId} no more can be reserved than is in no task and not reserved yet: ${formatResources(free)}`;
}

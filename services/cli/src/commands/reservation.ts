// Owns `parley reservation list|add|remove`: what operators set aside of an agent for a role, without an offer.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { reservationKey } from '@parley/cluster/reservation-books';
import type { AgentId, ReservationId, RoleName } from '@parley/protocol/ids';
import { Operation, type OperationInput } from '@parley/protocol/offers';
import type { Quantities } from '@parley/protocol/sharing';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { Labels } from '@parley/protocol/tasks';
import { formatResources } from '@parley/resources/format';
import { failureFromCluster } from '../command-failure.ts';
import { withOperator } from '../operator-link.ts';
import { printJson, printLine, printTable } from '../print.ts';
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
    ['agent', 'role', 'reservation', 'resources', 'free', 'volumes', 'by'],
    reservations.map((one) => ({
      agent: one.agentId,
      role: one.role,
      reservation: one.reservationId,
      resources: formatResources(one.resources),
      free: formatResources(one.free),
      volumes: one.volumes.map(({ volumeId, mib }) => `${volumeId} (${mib} MiB)`).join(', '),
      by: one.by,
    })),
  );
}

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
  const left = await withOperator(context, async (link) => {
    const parameters = { operator: link.operator };
    const body = { agentId, role, operation: Operation.parse(operation) };
    const asked = await link.callLeader(SUBJECTS.operatorOperate, parameters, body);
    if (!asked.ok) throw failureFromCluster(`${what} was not changed`, asked.failure);
    const { state } = await link.load();
    return state.reservations.get(reservationKey(agentId, { role, reservationId }));
  });
  const holds = left?.resources.scalars ?? {};
  if (json) printJson({ agentId, role, reservationId, scalars: holds });
  else printLine(`${what}: ${left === undefined ? 'it is no more' : describeAmounts(holds)}`);
}

// Owns what operators do to reservations and volumes without an offer. What they need is taken out of outstanding offers,
// newest first, as far as it is needed. Mesos docs, "Reservation", "Operator HTTP endpoints".
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AgentId, PrincipalName, RoleName } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { OperatorOperateRequest } from '@parley/protocol/operators';
import { intersect, isEmpty, normalise } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { reservingObjection } from './limit-checks.ts';
import { TAKEN_BY_OPERATOR_REFUSE_MS } from './limits.ts';
import { offersOf, rescindOffers, resourcesOf } from './offer-book.ts';
import { OfferPool } from './offer-pool.ts';
import type { OfferRecord, ReservedPart } from './records.ts';
import {
  carryOutChange,
  planChange,
  type ReservationChange,
  type ReservationOperation,
} from './reservations.ts';
import type { Turn } from './turn.ts';

/** Fails with `unknownAgent`, or with `invalidOperation`; no offer is rescinded then. */
export function operateByOperator(
  turn: Turn,
  operator: PrincipalName,
  { agentId, role, operation }: OperatorOperateRequest,
): Answer {
  const { state } = turn;
  if (operation.kind === 'launch' || operation.kind === 'launchGroup') {
    return fail('invalidOperation', 'operators launch no tasks');
  }
  if (state.agents.get(agentId)?.state !== 'registered') {
    return fail('unknownAgent', `agent ${agentId} is not registered`);
  }
  const planned = planWithOffers(state, { agentId, role, operation });
  if (!planned.ok) return planned;
  const { change, needed } = planned.value;
  if (change.kind === 'reserve') {
    const why = reservingObjection(state, { ...change, ending: needed });
    if (why !== undefined) return fail('invalidOperation', `resources: ${why}`);
  }
  for (const { framework, role: offered, ...offer } of needed) {
    const resources = resourcesOf(offer);
    // So that the allocator, which may have proposed the same again by then, comes second.
    const refused = { kind: 'refused', framework, role: offered, agentId, resources } as const;
    state.marks.tell({ ...refused, refuseMs: TAKEN_BY_OPERATOR_REFUSE_MS });
  }
  rescindOffers(turn, needed, 'takenByOperator');
  carryOutChange(turn, change, `operator:${operator}`);
  return succeed({});
}

type Operate = {
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly operation: ReservationOperation;
};

/** The change, and the offers that it needs: none where what is free suffices. */
function planWithOffers(
  state: ClusterState,
  operate: Operate,
): Outcome<{ change: ReservationChange; needed: OfferRecord[] }> {
  const { agentId, operation } = operate;
  const pool = poolOfFree(state, operate);
  const needed: OfferRecord[] = [];
  const newestFirst = [...(state.books.agents.get(agentId)?.offers ?? [])].reverse();
  const candidates = offersOf(state, newestFirst).filter((offer) => isOfUse(operate, offer));
  // Giving back all of a reservation means all that is in offers, too.
  const isWhole = operation.kind === 'unreserve' && operation.resources === undefined;
  if (isWhole) for (const offer of candidates.splice(0)) take(state, { pool, needed, offer });
  for (;;) {
    const planned = planChange(state, pool, operation);
    if (planned.ok) return succeed({ change: planned.value, needed });
    const offer = candidates.shift();
    if (offer === undefined) return planned;
    take(state, { pool, needed, offer });
  }
}

/** All that nobody holds: unreserved, and of the role's own reservations. */
function poolOfFree(state: ClusterState, { agentId, role }: Operate): OfferPool {
  const agent = state.agents.get(agentId);
  const { books } = state;
  const parts = [...(books.agents.get(agentId)?.reservations ?? [])]
    .map((key) => state.reservations.get(key))
    .filter((record) => record !== undefined)
    .filter((record) => record.role === role)
    .map((record) =>
      partOf(state, agentId, {
        role,
        reservationId: record.reservationId,
        resources: books.freeOfReservation(record),
        volumes: books.reservations.freeVolumes(record),
      }),
    );
  const resources = agent === undefined ? undefined : books.free(agent);
  if (resources === undefined) throw new Error('an agent that is operated on is known');
  return new OfferPool({ agentId, role, resources, parts, hadStale: false });
}

function take(
  state: ClusterState,
  { pool, needed, offer }: { pool: OfferPool; needed: OfferRecord[]; offer: OfferRecord },
): void {
  needed.push(offer);
  pool.addResources(offer.resources);
  for (const part of offer.reserved) {
    if (part.role === pool.role) pool.addPart(partOf(state, offer.agentId, part));
  }
}

const partOf = (state: ClusterState, agentId: AgentId, part: ReservedPart) => ({
  ...part,
  volumes: state.books.reservations.mibOf(agentId, part),
});

/** Whether taking the offer back helps; one that holds a volume that is destroyed is rescinded with it anyway. */
function isOfUse({ role, operation }: Operate, offer: OfferRecord): boolean {
  switch (operation.kind) {
    case 'reserve':
      return !isEmpty(intersect(offer.resources, normalise(operation.resources)));
    case 'destroyVolume':
      return false;
    default:
      return offer.reserved.some((part) => {
        return part.role === role && part.reservationId === operation.reservationId;
      });
  }
}

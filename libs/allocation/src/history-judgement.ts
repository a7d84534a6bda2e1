// Owns the judgement of single proposals in histories for property tests: what is promised, and what the slow reference
// would have decided.
import type { FreeReservation, OpenNeed, Proposal } from '@parley/protocol/allocation';
import { unmetConstraint } from '@parley/protocol/constraints';
import { frameworkKey } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { add, contains, equals } from '@parley/resources/resources';
import { repeated } from './need-fit.ts';
import {
  fairReceivers,
  mostFor,
  type ReferenceAgent,
  type ReferenceWorld,
} from './reference-allocator.ts';
import { allOf } from './scripted-master.ts';

/** They are needed, can be kept, and are no more than a pretext for what is offered. */
export function checkPromises(
  proposal: Proposal,
  needs: readonly OpenNeed[],
  agent: ReferenceAgent,
): void {
  let needed = NO_RESOURCES;
  for (const { shape, count } of proposal.promised) {
    const need = needs.find((one) => one.shape === shape);
    assert(need !== undefined && count <= need.count, `no more of ${shape} than is open`);
    assert(unmetConstraint(agent, need.constraints) === undefined, 'the constraints are met');
    needed = add(needed, repeated(need.resources, count));
  }
  assert(contains(allOf(proposal), needed), 'the promises can be kept');
  assert(contains(needed, proposal.resources), 'nothing unreserved is offered beyond the need');
  assert(proposal.promised.length > 0, 'something is promised');
}

/** It is next, and gets neither more nor less than comes to it. */
export function checkDecision(
  proposal: Proposal,
  agent: ReferenceAgent,
  world: ReferenceWorld,
): void {
  const key = frameworkKey(proposal.framework);
  const receiver = fairReceivers(agent, world).find(
    (one) => one.key === key && one.role === proposal.role,
  );
  assert(receiver !== undefined, `${key} in ${proposal.role} is next for ${proposal.agentId}`);
  const most = mostFor(receiver, agent, world);
  assert(
    most !== undefined && equals(most.unreserved, proposal.resources),
    `${key} gets as much as comes to it that is not reserved`,
  );
  const ids = (reservations: readonly FreeReservation[]): string =>
    reservations.map(({ role, reservationId }) => `${role} ${reservationId}`).join();
  assert(
    ids(most.reservations) === ids(proposal.reservations),
    `${key} gets the reservations that it may use, its own first`,
  );
}

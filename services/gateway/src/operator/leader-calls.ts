// Owns what an operator's change is to the leader: one call or several, each all or nothing. Carried out in order until one
// fails, and what failed in Mesos's words and codes.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { type ErrorCode, type Failure, type Outcome, succeed } from '@parley/protocol/errors';
import type { OperatorMaintenanceRequest } from '@parley/protocol/maintenance';
import type {
  OperatorAgentRequest,
  OperatorOperateRequest,
  OperatorSharingRequest,
  OperatorTeardownRequest,
} from '@parley/protocol/operators';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';

export type LeaderCall =
  | { readonly verb: 'agent'; readonly body: OperatorAgentRequest }
  | { readonly verb: 'teardown'; readonly body: OperatorTeardownRequest }
  | { readonly verb: 'sharing'; readonly body: OperatorSharingRequest }
  | { readonly verb: 'operate'; readonly body: OperatorOperateRequest }
  | { readonly verb: 'maintenance'; readonly body: OperatorMaintenanceRequest };

export type Leader = Pick<OperatorLink, 'operator' | 'callLeader'>;

/** Fails as the first call that fails; what came before it stays done, and the message says how much that is. */
export async function carryOut(
  leader: Leader,
  calls: readonly LeaderCall[],
): Promise<Outcome<undefined>> {
  for (const [index, call] of calls.entries()) {
    const done = await ask(leader, call);
    if (done.ok) continue;
    if (index === 0) return done;
    const { code, message } = done.failure;
    const before = `${message} (the first ${index} of ${calls.length} changes are made)`;
    return { ok: false, failure: { code, message: before } };
  }
  return succeed(undefined);
}

function ask(leader: Leader, call: LeaderCall): Promise<Outcome<unknown>> {
  const caller = { operator: leader.operator };
  switch (call.verb) {
    case 'agent':
      return leader.callLeader(SUBJECTS.operatorAgent, caller, call.body);
    case 'teardown':
      return leader.callLeader(SUBJECTS.operatorTeardown, caller, call.body);
    case 'sharing':
      return leader.callLeader(SUBJECTS.operatorSharing, caller, call.body);
    case 'operate':
      return leader.callLeader(SUBJECTS.operatorOperate, caller, call.body);
    case 'maintenance':
      return leader.callLeader(SUBJECTS.operatorMaintenance, caller, call.body);
    default:
      return unreachable(call);
  }
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  notPermitted: 403,
  unknownAgent: 404,
  unknownTask: 404,
  unknownFile: 404,
  unknownRole: 404,
  frameworkRemoved: 404,
  notSubscribed: 404,
  agentGone: 409,
  invalidOperation: 409,
  insufficientResources: 409,
  invalidOffers: 409,
  needsForce: 409,
  unknownVerb: 501,
  tooLarge: 413,
  internalError: 500,
  diskFull: 503,
  overloaded: 503,
  rateLimited: 503,
  unavailable: 503,
  staleEpoch: 503,
  booksDamaged: 503,
  unsupportedVersion: 503,
};

/** Whatever is wrong with what was asked is 400. */
export const statusOf = ({ code }: Failure): number => STATUS[code] ?? 400;

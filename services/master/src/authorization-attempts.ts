// Owns what a call attempts, in the words of the rules: which action on which role, framework and agent. What the call
// itself does not name is looked up in the books, so that leaving it out is no way round a rule.
import type { Call } from '@parley/cluster/inputs';
import type { AgentId, FrameworkRef, OfferId, RoleName } from '@parley/protocol/ids';
import type { AcceptRequest, Operation } from '@parley/protocol/offers';
import type { SharingChange } from '@parley/protocol/operators';
import { unreachable } from '@parley/protocol/unreachable';
import type { Action, Attempt, Target } from './authorization.ts';
import type { IncomingCall } from './calls.ts';
import type { ClusterView, Place } from './cluster-view.ts';

/** `what`: for the answer, such as `operation 2 (reserve) of the accept`. */
export type NamedAttempt = Attempt & { readonly what: string };

type Books = Pick<ClusterView, 'frameworkRoles' | 'offerPlace' | 'taskPlace' | 'windowAgents'>;

/**
 * All must be allowed. None: agents' calls, and those of a framework that is not in the books which name no role or agent:
 * they answer them with an error. Roles that it names are asked about nevertheless: its subscription may wait for the
 * same commit as this call, and stand before it.
 */
export function attemptsOf({ caller, call }: IncomingCall, books: Books): NamedAttempt[] {
  switch (caller.kind) {
    case 'agent':
      return [];
    case 'operator':
      return operatorTargets(call, books).map(({ action, target }) => ({
        by: caller.operator,
        action,
        target,
        what: action,
      }));
    case 'framework': {
      const { principal, frameworkId } = caller;
      const framework = { principal, frameworkId };
      return frameworkTargets(call, framework, books).map((one) => ({
        by: principal,
        action: one.action,
        target: one.target,
        what: one.what ?? one.action,
      }));
    }
    default:
      return unreachable(caller);
  }
}

type Aimed = { readonly action: Action; readonly target: Target; readonly what?: string };

function frameworkTargets(call: Call, framework: FrameworkRef, books: Books): Aimed[] {
  const own = books.frameworkRoles(framework) ?? [];
  const inRoles = (action: Action, roles: readonly RoleName[], agentId?: AgentId): Aimed[] =>
    (roles.length === 0 ? own : roles).map((role) => ({
      action,
      target: { framework, role, ...(agentId !== undefined && { agentId }) },
    }));
  switch (call.verb) {
    case 'subscribe':
      return inRoles('subscribe', call.body.roles);
    case 'updateFramework':
      return inRoles('update', call.body.roles ?? []);
    case 'suppress':
    case 'revive':
      return inRoles(call.verb, call.body.roles);
    case 'demand':
      return inRoles('demand', rolesOfNeeds(call.body.demand ?? [], own));
    case 'resync':
    case 'reconcile':
    case 'answerInverseOffer':
    case 'acknowledgeEvents':
    case 'teardown':
      return inRoles(call.verb, []);
    case 'accept':
      return acceptTargets(call.body, framework, books);
    case 'decline':
      return placesOf(call.body.offerIds, framework, books).map(({ role, agentId }) => ({
        action: 'decline',
        target: { framework, role, agentId },
      }));
    case 'killTask': {
      const place = books.taskPlace({ ...framework, taskId: call.body.taskId });
      if (place === undefined) return inRoles('kill', [], call.body.agentId);
      return [{ action: 'kill', target: { framework, ...place } }];
    }
    case 'shutdownExecutor':
      return inRoles('shutdownExecutor', [], call.body.agentId);
    default:
      return [];
  }
}

function rolesOfNeeds(
  needs: readonly { readonly role?: RoleName | undefined }[],
  own: readonly RoleName[],
): RoleName[] {
  const roles = needs.map(({ role }) => role ?? own[0]).filter((role) => role !== undefined);
  return [...new Set(roles)];
}

/** Each operation on the agents that it is about; an accept without any only gives the offers back. */
function acceptTargets(body: AcceptRequest, framework: FrameworkRef, books: Books): Aimed[] {
  const places = placesOf(body.offerIds, framework, books);
  const onPlaces = (action: Action, agentId: AgentId | undefined, what?: string): Aimed[] =>
    places
      .filter((place) => agentId === undefined || agentId === place.agentId)
      .map((place) => ({
        action,
        target: { framework, ...place },
        ...(what !== undefined && { what }),
      }));
  if (body.operations.length === 0) return onPlaces('decline', undefined);
  return body.operations.flatMap((operation: Operation, index) => {
    const what = `operation ${index + 1} (${operation.kind}) of the accept`;
    return onPlaces(operation.kind, operation.agentId, what);
  });
}

/** Each once. Offers that are not outstanding any more come to nothing, so no rule is asked about them. */
function placesOf(
  offerIds: readonly OfferId[],
  framework: FrameworkRef,
  books: Books,
): readonly Place[] {
  const places = new Map<string, Place>();
  for (const offerId of offerIds) {
    const place = books.offerPlace(framework, offerId);
    if (place !== undefined) places.set(`${place.role} ${place.agentId}`, place);
  }
  return [...places.values()];
}

function operatorTargets(call: Call, books: Books): { action: Action; target: Target }[] {
  switch (call.verb) {
    case 'operatorKill': {
      const { principal, frameworkId } = call.body.task;
      const place = books.taskPlace(call.body.task);
      const framework = { principal, frameworkId };
      if (place !== undefined) return [{ action: call.verb, target: { framework, ...place } }];
      return onFramework(call.verb, framework, books);
    }
    case 'operatorTeardown':
      return onFramework(call.verb, call.body.framework, books);
    case 'operatorAgent':
      return [{ action: call.verb, target: { agentId: call.body.agentId } }];
    case 'operatorMaintenance': {
      const { body } = call;
      const agents =
        body.change === 'schedule' ? body.window.agents : books.windowAgents(body.windowId);
      return agents.map((agentId) => ({ action: call.verb, target: { agentId } }));
    }
    case 'operatorOperate': {
      const { role, agentId } = call.body;
      return [{ action: call.verb, target: { role, agentId } }];
    }
    case 'operatorSharing':
      return call.body.changes.flatMap((change) => sharingTargets(change, books));
    default:
      return [];
  }
}

/** Weights are one thing to set, guarantees, limits and what a role's offers are like another. */
function sharingTargets(change: SharingChange, books: Books): { action: Action; target: Target }[] {
  const { kind, weight, ...others } = change;
  const quota =
    kind === 'role' ? { ...others, role: undefined } : { ...others, framework: undefined };
  const actions: Action[] = weight === undefined ? [] : ['operatorWeight'];
  if (Object.values(quota).some((value) => value !== undefined)) actions.push('operatorQuota');
  return actions.flatMap((action) =>
    change.kind === 'role'
      ? [{ action, target: { role: change.role } }]
      : onFramework(action, change.framework, books),
  );
}

function onFramework(
  action: Action,
  framework: FrameworkRef,
  books: Books,
): { action: Action; target: Target }[] {
  const roles = books.frameworkRoles(framework) ?? [];
  if (roles.length === 0) return [{ action, target: { framework } }];
  return roles.map((role) => ({ action, target: { framework, role } }));
}

// Owns which calls are well-formed beyond what their schema says, in the order in which Mesos looks: what is wrong is
// answered with 400 and a sentence. Pure.
import type { Call, FrameworkInfo } from './mesos-types.ts';

const UUID_BYTES = 16;

/** Types whose body must be there, by the name of the body. */
const BODIES = {
  ACCEPT: 'accept',
  DECLINE: 'decline',
  ACCEPT_INVERSE_OFFERS: 'accept_inverse_offers',
  DECLINE_INVERSE_OFFERS: 'decline_inverse_offers',
  KILL: 'kill',
  SHUTDOWN: 'shutdown',
  ACKNOWLEDGE: 'acknowledge',
  ACKNOWLEDGE_OPERATION_STATUS: 'acknowledge_operation_status',
  RECONCILE: 'reconcile',
  RECONCILE_OPERATIONS: 'reconcile_operations',
  MESSAGE: 'message',
  REQUEST: 'request',
  UPDATE_FRAMEWORK: 'update_framework',
} as const satisfies Readonly<Record<string, keyof Call>>;

/** `principal`: of who signed in; absent where nobody has to. */
export function callFault(call: Call, principal: string | undefined): string | undefined {
  const { type } = call;
  if (type === undefined) return "Expecting 'type' to be present";
  if (type === 'SUBSCRIBE') return subscribeFault(call, principal);
  if (call.framework_id === undefined) return "Expecting 'framework_id' to be present";
  if (!Object.hasOwn(BODIES, type)) return undefined;
  const body = BODIES[type as keyof typeof BODIES];
  if (call[body] === undefined) return `Expecting '${body}' to be present`;
  return uuidFault(call) ?? updateFault(call, principal);
}

function subscribeFault(call: Call, principal: string | undefined): string | undefined {
  const { subscribe, framework_id } = call;
  if (subscribe === undefined) return "Expecting 'subscribe' to be present";
  // Of a new framework it is absent, or empty: some drivers send it so.
  if ((framework_id?.value ?? '') !== (subscribe.framework_info.id?.value ?? '')) {
    return "'framework_id' differs from 'subscribe.framework_info.id'";
  }
  return principalFault(subscribe.framework_info, principal);
}

function principalFault(info: FrameworkInfo, principal: string | undefined): string | undefined {
  const named = info.principal;
  return principal === undefined || named === undefined || named === principal
    ? undefined
    : `Authenticated principal '${principal}' does not match principal '${named}' set in 'FrameworkInfo'`;
}

function uuidFault({ type, acknowledge, acknowledge_operation_status }: Call): string | undefined {
  const body = type === 'ACKNOWLEDGE' ? acknowledge : acknowledge_operation_status;
  if (type !== 'ACKNOWLEDGE' && type !== 'ACKNOWLEDGE_OPERATION_STATUS') return undefined;
  if (body?.uuid.length !== UUID_BYTES) return `'uuid' is not of ${UUID_BYTES} bytes`;
  return body.agent_id === undefined ? "Expecting 'agent_id' to be present" : undefined;
}

function updateFault(call: Call, principal: string | undefined): string | undefined {
  const info = call.update_framework?.framework_info;
  if (call.type !== 'UPDATE_FRAMEWORK' || info === undefined) return undefined;
  if (info.id?.value !== call.framework_id?.value) {
    return "'framework_id' differs from 'update_framework.framework_info.id'";
  }
  return principalFault(info, principal);
}

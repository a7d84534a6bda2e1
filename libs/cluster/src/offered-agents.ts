// Owns which agents may be offered at all, and why one may not: facts, proposals and the books all ask here. What of one
// may be offered is in the books.
import type { AgentRecord } from './records.ts';

export type WhyNotOffered = 'unreachable' | 'gone' | 'draining' | 'maintenance' | 'deactivated';

/** Undefined: it may be offered. Of two reasons the one that tells more. */
export function whyNotOffered({
  state,
  draining,
  maintenance,
  isDeactivated,
  isRecovering,
}: Pick<AgentRecord, 'state' | 'draining' | 'maintenance' | 'isDeactivated' | 'isRecovering'>):
  | WhyNotOffered
  | undefined {
  if (state !== 'registered' || isRecovering === true)
    return state === 'gone' ? 'gone' : 'unreachable';
  if (draining !== undefined) return 'draining';
  if (maintenance !== undefined) return 'maintenance';
  return isDeactivated ? 'deactivated' : undefined;
}

export const isOffered = (agent: AgentRecord): boolean => whyNotOffered(agent) === undefined;

/** And has not less than what is held on it: something of it may be free. */
export const isLent = (agent: AgentRecord): boolean => isOffered(agent) && !agent.isOvercommitted;

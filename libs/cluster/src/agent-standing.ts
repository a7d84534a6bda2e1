// Owns the one answer to whether an agent's resources are to be had. Whoever adds a reason why they are not (a drain, a
// maintenance window) adds it here: facts, proposals and the books of roles all ask these.
import type { AgentRecord } from './records.ts';

/** The allocator knows it. Others are away for it, with what is free and what is reserved there. */
export const isOffered = (agent: AgentRecord): boolean =>
  agent.state === 'registered' && !agent.isDeactivated;

/** And has not less than what is held on it: something of it may be free. */
export const isLent = (agent: AgentRecord): boolean => isOffered(agent) && !agent.isOvercommitted;

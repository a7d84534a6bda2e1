// Owns where a reduce task runs best: on the agents that hold much of what it reads, and of these on the one that holds most.
// Pure. How long it waits for them is delay scheduling's (the SDK's `delay`).
import type { AgentId } from '@parley/protocol/ids';
import type { Strategy } from '@parley/scheduler-sdk/placement/strategy';

/**
 * An agent with less of the input than this is no nearer than any other: the rest has to be fetched anyway. As Spark's
 * REDUCER_PREF_LOCS_FRACTION.
 */
const LEAST_PART = 0.2;

/** Those worth waiting for, most bytes first. */
export function nearestAgents(bytesOn: ReadonlyMap<AgentId, number>): AgentId[] {
  const total = [...bytesOn.values()].reduce((sum, bytes) => sum + bytes, 0);
  return [...bytesOn]
    .filter(([, bytes]) => bytes > 0 && bytes >= LEAST_PART * total)
    .sort((a, b) => b[1] - a[1])
    .map(([agentId]) => agentId);
}

/** Of several places the one that `near` names first. */
export const nearFirst: Strategy = {
  weight: 1,
  isHard: false,
  judge: ({ want, room }) => {
    const agents = want.near['agentId'] ?? [];
    const index = agents.indexOf(room.agentId);
    return { kind: 'score', score: index === -1 ? 0 : 1 - index / agents.length };
  },
};

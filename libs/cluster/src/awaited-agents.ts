// Owns for how long books that were made anew wait for agents to tell what they have: until then nobody can say what became
// of a task that is not in them.
import type { Turn } from './turn.ts';

/** Beats within which every agent that is there has heard of the new leader and registered. */
const BEATS = 2;

/** First for agents that the books do not know either, then for those that they know. */
export function awaitsAgents(turn: Turn): boolean {
  if (isWaitOver(turn)) return false;
  const { state } = turn;
  if (ageMs(turn) < BEATS * state.record.settings.agentHeartbeatIntervalMs) return true;
  for (const agent of state.agents.rows()) {
    if (agent.isRecovering === true && agent.state !== 'gone') return true;
  }
  return false;
}

/** Whoever has not told by now counts as away, as after so long a silence at any time. */
export const isWaitOver = (turn: Turn): boolean =>
  ageMs(turn) >= turn.state.record.settings.agentSilenceMs;

/** Of books that were made anew. */
const ageMs = ({ state, context }: Turn): number =>
  context.coreTimeMs - (state.record.rebuilt?.atMs ?? Number.NEGATIVE_INFINITY);

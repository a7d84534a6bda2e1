// Owns which events a filter lets through: those of one agent, or a part of the words, or a type. Pure.
import type { ToldEvent } from './events.ts';

const OF_AGENT = /^agentId:(\S+)$/;

/** What leaves just what happened to this agent, its tasks and offers. */
export const agentFilter = (agentId: string): string => `agentId:${agentId}`;

export function fitsEvent({ text, event }: Pick<ToldEvent, 'text' | 'event'>, filter: string) {
  const [, agentId] = OF_AGENT.exec(filter) ?? [];
  if (agentId !== undefined) return event['agentId'] === agentId;
  const part = filter.toLowerCase();
  return part === '' || text.toLowerCase().includes(part) || event.type.toLowerCase() === part;
}

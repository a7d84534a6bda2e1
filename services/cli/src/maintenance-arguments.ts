// Owns how what is typed about maintenance windows is read: names, agents and times.
import { AgentId, WindowId } from '@parley/protocol/ids';
import { InvalidArgumentError } from 'commander';
import { durationArgument } from './arguments.ts';

/** Wall time; `nowMs` is when it was typed. */
export function startTime(text: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  if (text.startsWith('+')) return nowMs + durationArgument(text.slice(1));
  const atMs = /^\d{4}-\d\d-\d\d(T.*)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) {
    throw new InvalidArgumentError('must be now, +30m, or a time such as 2026-12-01T02:00Z.');
  }
  return atMs;
}

/** As it was typed: what it means is worked out when it is carried out. */
export function startArgument(text: string): string {
  startTime(text, 0);
  return text;
}

export function windowArgument(value: string): WindowId {
  const parsed = WindowId.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('a window has a name of 1 to 64 of A-Z a-z 0-9 _ -.');
}

export function agentsArgument(value: string): AgentId[] {
  return value.split(',').map((id) => {
    const parsed = AgentId.safeParse(id);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(
      `"${id}" is no id of an agent ("parley agent list" prints them).`,
    );
  });
}

import { AgentId } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { reportWithinMs } from './broadcasts.ts';
import { aScriptedView, cluster, epoch } from './scripted-master.ts';
import { StandingDesk } from './standing-desk.ts';

const agents = Array.from({ length: 10_000 }, (_, index) => AgentId.parse(`a${index}`));
/** Standings of agents that differ from the books, spread as the leader asks for; what it asks for each 100 ms. */
function asked(differs: (index: number) => boolean) {
  const awaited = new Set(agents);
  const view = aScriptedView({ reporters: () => agents.length, standingOf: () => 'books' });
  const census = {
    awaits: (agentId: AgentId) => awaited.has(agentId),
    agentHeard: (agentId: AgentId) => void awaited.delete(agentId),
  };
  const desk = new StandingDesk({ cluster, epoch, view }, census);
  desk.begin(0);
  const withinMs = reportWithinMs(agents.length);
  const [told, asks]: [number[], number[]] = [[], []];
  let next = 0;
  for (let nowMs = 100; nowMs <= 10_000; nowMs += 100) {
    const before = next;
    for (; next < agents.length && next < (agents.length * nowMs) / withinMs; next += 1) {
      const agentId = agents[next];
      const standing = differs(next) ? 'other' : 'books';
      if (agentId !== undefined) desk.heard({ kind: 'agentAlive', agentId, standing }, nowMs);
    }
    told.push(next - before);
    asks.push(desk.takeDue(nowMs).length);
  }
  return { told, asks, heard: agents.length - awaited.size };
}

test('standings, and the requests, reports and answers of those that differ, stay below 10,000 messages in any second', () => {
  const { told, asks } = asked(() => true);
  const messages = told.map((count, index) => count + 3 * (asks[index] ?? 0));
  const seconds = messages
    .slice(0, -9)
    .map((_, at) => messages.slice(at, at + 10).reduce((sum, count) => sum + count, 0));
  expect(Math.max(...seconds)).toBeLessThanOrEqual(10_000);
  expect(asks.reduce((sum, count) => sum + count, 0)).toBe(agents.length);
});

test('agents that say what the books say are heard and not asked', () => {
  const { asks, heard } = asked((index) => index % 100 === 0);
  expect(heard).toBe(9900);
  expect(asks.reduce((sum, count) => sum + count, 0)).toBe(100);
});

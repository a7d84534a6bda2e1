import { AgentId } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { nearestAgents } from './near-first.ts';

const bytesOn = (bytes: Record<string, number>): Map<AgentId, number> =>
  new Map(Object.entries(bytes).map(([agent, count]) => [AgentId.parse(agent), count]));

describe('the agents that are near to the input of a reduce task', () => {
  it('are those that hold a fifth of it or more, most bytes first', () => {
    expect(nearestAgents(bytesOn({ a: 20, b: 30, c: 45, d: 5 }))).toEqual(['c', 'b', 'a']);
  });

  it('are none when it is spread thinly, or empty: waiting for one would win little', () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`a${index}`, 10]));
    expect(nearestAgents(bytesOn(many))).toEqual([]);
    expect(nearestAgents(bytesOn({ a: 0, b: 0 }))).toEqual([]);
    expect(nearestAgents(bytesOn({}))).toEqual([]);
  });
});

// Tests of who counts as silent when there are very many, in counted looks and never in measured time.
import { AgentId } from '@parley/protocol/ids';
import { expect, it } from 'vitest';
import { SilenceRound } from './silence-round.ts';

const LIMIT_MS = 75_000;
const SLICE = 100;

function agents(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    agentId: AgentId.parse(`a${index}`),
    registration: 1,
  }));
}

/** Counts the agents that are looked at. */
function aRound(count: number) {
  const all = agents(count);
  const round = new SilenceRound<AgentId, (typeof all)[number]>(SLICE);
  let looked = 0;
  function* watched() {
    for (const one of all) {
      looked += 1;
      yield one;
    }
  }
  const lookUntil = (nowMs: number) => {
    for (let index = 0; index <= (count * 2) / SLICE + 2; index += 1) {
      round.look(watched, LIMIT_MS, nowMs);
    }
  };
  return { round, all, watched, lookUntil, looked: () => looked };
}

const registered = () => 1;

it('one call looks at no more agents than a slice, and the next goes on behind them', () => {
  const { round, watched, looked } = aRound(1000);
  for (const expected of [100, 200, 300]) {
    round.look(watched, LIMIT_MS, 0);
    expect(looked()).toBe(expected);
  }
});

it('an agent is found silent after the limit, not before, and is given up once', () => {
  const { round, all, lookUntil } = aRound(1);
  lookUntil(0);
  lookUntil(LIMIT_MS);
  expect(round.waiting).toBe(0);
  lookUntil(LIMIT_MS + 2000);
  expect(round.takeSilent(registered)).toEqual(all[0]);
  lookUntil(LIMIT_MS + 4000);
  expect(round.takeSilent(registered)).toBeUndefined();
});

it('a sign of life while an agent waits to be given up takes it off the list', () => {
  const { round, all, lookUntil } = aRound(3);
  lookUntil(0);
  lookUntil(LIMIT_MS + 2000);
  expect(round.waiting).toBe(3);
  const [first, second] = all;
  if (first === undefined || second === undefined) throw new Error('there are three');
  round.heard(first.agentId, LIMIT_MS + 2100);
  expect(round.takeSilent(registered)).toEqual(second);
  expect(round.waiting).toBe(1);
});

it('an agent that has registered anew while it waited is not given up', () => {
  const { round, lookUntil } = aRound(1);
  lookUntil(0);
  lookUntil(LIMIT_MS + 2000);
  expect(round.takeSilent(() => 2)).toBeUndefined();
});

it('what could not be journalled is proposed again', () => {
  const { round, all, lookUntil } = aRound(1);
  lookUntil(0);
  lookUntil(LIMIT_MS + 2000);
  const taken = round.takeSilent(registered);
  if (taken === undefined) throw new Error('it is silent');
  round.putBack(taken);
  expect(round.takeSilent(registered)).toEqual(all[0]);
});

it('an agent that left is forgotten: when it comes back it was just heard of', () => {
  const { round, all, lookUntil } = aRound(1);
  lookUntil(0);
  const [one] = all.splice(0);
  if (one === undefined) throw new Error('there is one');
  lookUntil(2000);
  all.push(one);
  lookUntil(LIMIT_MS + 4000);
  expect(round.waiting).toBe(0);
});

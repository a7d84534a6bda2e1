// Owns the rules of the strategies one by one: what each scores, refuses or lets wait.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attr, attribute } from './attribute.ts';
import { binPack } from './bin-pack.ts';
import { delay } from './delay.ts';
import { fitRoom } from './fit.ts';
import { maxPer } from './max-per.ts';
import { anOffer, aWant, NOW_MS, type OfferSketch } from './offer-builders.ts';
import { roomOf } from './room.ts';
import { spread } from './spread.ts';
import type { Strategy, Verdict, Want } from './strategy.ts';
import { type PlacedTask, Tally } from './tally.ts';

function judge(
  strategy: Strategy,
  want: Want,
  offer: OfferSketch,
  { running = [], nowMs = NOW_MS }: { running?: PlacedTask[]; nowMs?: number } = {},
): Verdict {
  const room = roomOf(anOffer(offer));
  const need = want.needs[0];
  const fitted = need && fitRoom(room, need);
  if (!fitted?.ok) throw new Error('the want fits');
  return strategy.judge({ want, room, left: fitted.left }, { nowMs, tally: new Tally(running) });
}

const scoreOf = (verdict: Verdict): number => {
  if (verdict.kind !== 'score') throw new Error(`a score, not ${verdict.kind}`);
  return verdict.score;
};

const runs = (agent: OfferSketch, group = ''): PlacedTask => {
  const room = roomOf(anOffer(agent));
  return { group, agentId: room.agentId, agent: room };
};

describe('binPack', () => {
  it('prefers the place that is fuller afterwards, by one resource or over all', () => {
    const want = aWant('w', { cpus: 1, mem: '1GiB' });
    const tight = { cpus: 2, mem: '8GiB' };
    const roomy = { cpus: 4, mem: '2GiB' };
    expect(scoreOf(judge(binPack('cpus'), want, tight))).toBe(0.5);
    expect(scoreOf(judge(binPack('cpus'), want, roomy))).toBe(0.25);
    expect(scoreOf(judge(binPack('mem'), want, roomy))).toBe(0.5);
    expect(scoreOf(judge(binPack(), want, roomy))).toBeCloseTo(0.375);
  });
});

describe('spread', () => {
  it('spreads over zones and regions of fault domains as over attributes', () => {
    const want = aWant('w', { cpus: 1 });
    const place = (zone: string): OfferSketch => ({ cpus: 4, domain: { region: 'eu', zone } });
    const running = [runs(place('a')), runs(place('a')), runs(place('b'))];
    expect(scoreOf(judge(spread('zone'), want, place('a'), { running }))).toBeCloseTo(1 / 3);
    expect(scoreOf(judge(spread('zone'), want, place('c'), { running }))).toBe(1);
    expect(scoreOf(judge(spread('region'), want, place('c'), { running }))).toBeCloseTo(1 / 4);
  });

  it('prefers the value of the attribute with the fewest tasks of the same group', () => {
    const want = aWant('w', { cpus: 1 });
    const zone = (name: string): OfferSketch => ({ cpus: 4, attributes: { zone: name } });
    const running = [runs(zone('a')), runs(zone('a')), runs(zone('b'), 'another')];
    expect(scoreOf(judge(spread('zone'), want, zone('a'), { running }))).toBeCloseTo(1 / 3);
    expect(scoreOf(judge(spread('zone'), want, zone('b'), { running }))).toBe(1);
    expect(scoreOf(judge(spread('zone'), want, { cpus: 4 }, { running }))).toBe(0);
  });
});

describe('maxPer', () => {
  it('refuses a place where as many of the group run already, and says so', () => {
    const want = aWant('w', { cpus: 1 });
    const here = { cpus: 4, agent: 'a1' };
    const one = [runs(here)];
    expect(judge(maxPer('hostname', 2), want, here, { running: one }).kind).toBe('score');
    expect(judge(maxPer('hostname', 2), want, here, { running: [...one, ...one] })).toEqual({
      kind: 'refuse',
      reason: { kind: 'maxPer', name: 'hostname', value: 'host-a1', max: 2 },
    });
    const others = [runs(here, 'another'), runs(here, 'another')];
    expect(judge(maxPer('hostname', 2), want, here, { running: others }).kind).toBe('score');
  });

  it('counts by agent id what runs on an agent of which nothing else is known', () => {
    const want = aWant('w', { cpus: 1 });
    const running = [{ group: '', agentId: 'a1' }];
    expect(judge(maxPer('agentId', 1), want, { cpus: 1 }, { running }).kind).toBe('refuse');
  });
});

describe('attribute', () => {
  it('refuses agents that do not meet a constraint, and names it', () => {
    const constraint = attr('generation').atLeast(3);
    const strategy = attribute(constraint);
    const want = aWant('w', { cpus: 1 });
    expect(judge(strategy, want, { cpus: 1, attributes: { generation: '4' } }).kind).toBe('score');
    expect(judge(strategy, want, { cpus: 1 })).toEqual({
      kind: 'refuse',
      reason: { kind: 'constraint', constraint },
    });
  });
});

describe('delay', () => {
  const strategy = delay({ agentId: 3000, zone: 5000 });
  const near = { agentId: ['a1'], zone: ['z1'] };
  const local = { cpus: 1, agent: 'a1', attributes: { zone: 'z1' } };
  const sameZone = { cpus: 1, agent: 'a2', attributes: { zone: 'z1' } };
  const far = { cpus: 1, agent: 'a3', attributes: { zone: 'z2' } };
  const want = (waitedMs?: number): Want =>
    aWant(
      'w',
      { cpus: 1 },
      {
        near,
        waitingSinceMs: waitedMs === undefined ? undefined : NOW_MS - waitedMs,
      },
    );

  it('takes a preferred agent at once, and scores it highest', () => {
    expect(judge(strategy, want(), local)).toEqual({ kind: 'score', score: 1 });
  });

  it('waits up to its first delay for a preferred agent, then up to the second for the next level, then takes any', () => {
    expect(judge(strategy, want(), sameZone)).toMatchObject({
      kind: 'wait',
      untilMs: NOW_MS + 3000,
    });
    expect(judge(strategy, want(2999), sameZone).kind).toBe('wait');
    expect(judge(strategy, want(3000), sameZone)).toEqual({ kind: 'score', score: 0.5 });
    expect(judge(strategy, want(3000), far)).toMatchObject({
      kind: 'wait',
      reason: { kind: 'locality', level: 'zone', untilMs: NOW_MS + 5000 },
    });
    expect(judge(strategy, want(7999), far).kind).toBe('wait');
    expect(judge(strategy, want(8000), far)).toEqual({ kind: 'score', score: 0 });
  });

  it('does not wait at a level for which the work names nothing', () => {
    const onlyZone = aWant('w', { cpus: 1 }, { near: { zone: ['z1'] } });
    expect(judge(strategy, onlyZone, far)).toMatchObject({ untilMs: NOW_MS + 5000 });
    expect(judge(strategy, aWant('w', { cpus: 1 }), far).kind).toBe('score');
  });

  it('never waits longer than it was told (property)', () => {
    const waits = fc.integer({ min: 0, max: 10_000 });
    fc.assert(
      fc.property(
        waits,
        waits,
        waits,
        fc.constantFrom(local, sameZone, far),
        (a, b, waited, offer) => {
          const verdict = judge(delay({ agentId: a, zone: b }), want(waited), offer);
          if (waited >= a + b) expect(verdict.kind).toBe('score');
          if (verdict.kind === 'wait')
            expect(verdict.untilMs - (NOW_MS - waited)).toBeLessThanOrEqual(a + b);
        },
      ),
    );
  });
});

// Tests when the allocator decides: what becomes known within an interval is decided in one run at its end; without one at
// once, unless it has just decided.
import type { Proposal } from '@parley/protocol/allocation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Allocator, type AllocatorOptions, COALESCE_MS } from './allocator.ts';
import { resourcesOf, ScriptedMaster } from './scripted-master.ts';

type Run = { readonly atMs: number; agents: number };

class TimedCluster {
  readonly #master = new ScriptedMaster();
  readonly #allocator: Allocator;
  readonly runs: Run[] = [];

  constructor(options: AllocatorOptions) {
    this.#allocator = new Allocator({ seed: 1, ...options });
    this.#allocator.started({ bucketCreatedMs: 1000, revision: 7 }, 0);
    this.#master.subscribe('batch', 'services');
    for (const part of this.#master.snapshot()) this.#allocator.facts(part, 0);
  }

  addAgent(name: string, nowMs: number): void {
    this.#master.addAgent(name, resourcesOf(4, 1024));
    this.#allocator.facts(this.#master.message(), nowMs);
  }

  /** Whatever is proposed is taken by a task, so that nothing is free again. */
  tickUntil(endMs: number): void {
    for (;;) {
      const wakeMs = this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY;
      if (wakeMs > endMs) return;
      const effects = this.#allocator.tick(wakeMs);
      const proposals = effects.flatMap((one) => (one.kind === 'propose' ? one.proposals : []));
      if (proposals.length > 0) this.#take(proposals, wakeMs);
    }
  }

  #take(proposals: readonly Proposal[], nowMs: number): void {
    this.runs.push({ atMs: nowMs, agents: proposals.length });
    for (const proposal of proposals) this.#master.decide(proposal);
    for (const { number } of proposals) this.#master.launch(number);
    this.#allocator.facts(this.#master.message(), nowMs);
  }
}

/** An agent becomes known at each of these times. The value: when there were proposals, and for how many agents. */
function runsAfter(eventsMs: readonly number[], options: AllocatorOptions): Run[] {
  const cluster = new TimedCluster(options);
  for (const [number, atMs] of eventsMs.entries()) {
    cluster.tickUntil(atMs - 1);
    cluster.addAgent(`agent-${number}`, atMs);
  }
  cluster.tickUntil((eventsMs.at(-1) ?? 0) + 20_000);
  return cluster.runs;
}

test('events inside one interval cause one run, an interval after the first of them', () => {
  const eventsMs = Array.from({ length: 50 }, (_, number) => 20_000 + number * 20);
  expect(runsAfter(eventsMs, { intervalMs: 1000 })).toStrictEqual([{ atMs: 21_000, agents: 50 }]);
});

test('an event after the run begins the next interval', () => {
  const eventsMs = [20_000, 20_500, 21_001, 30_000];
  expect(runsAfter(eventsMs, { intervalMs: 1000 })).toStrictEqual([
    { atMs: 21_000, agents: 2 },
    { atMs: 22_001, agents: 1 },
    { atMs: 31_000, agents: 1 },
  ]);
});

test('without an interval a run follows an event at once, and events within the 2 ms after a run together', () => {
  expect(COALESCE_MS).toBe(2);
  for (const options of [{}, { intervalMs: 0 }, { intervalMs: 2 }]) {
    expect(runsAfter([20_000, 20_001, 20_002, 20_003, 20_007], options)).toStrictEqual([
      { atMs: 20_000, agents: 1 },
      { atMs: 20_002, agents: 2 },
      { atMs: 20_004, agents: 1 },
      { atMs: 20_007, agents: 1 },
    ]);
  }
});

test('without one, however events come, none waits for more than 2 ms, and runs are at least that far apart', () => {
  const gap = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3000 }));
  fc.assert(
    fc.property(fc.array(gap, { minLength: 1, maxLength: 30 }), (gaps) => {
      let nowMs = 20_000;
      const eventsMs = gaps.map((gapMs) => {
        nowMs += gapMs;
        return nowMs;
      });
      const expected: Run[] = [];
      for (const eventMs of eventsMs) {
        const last = expected.at(-1);
        if (last !== undefined && eventMs <= last.atMs) last.agents += 1;
        else {
          const atMs = Math.max(eventMs, (last?.atMs ?? 0) + COALESCE_MS);
          expected.push({ atMs, agents: 1 });
        }
      }
      expect(runsAfter(eventsMs, {})).toStrictEqual(expected);
    }),
  );
});

test('with one, however events come, each is decided within an interval, and runs are at least that far apart', () => {
  const gap = fc.integer({ min: 1, max: 3000 });
  const interval = fc.integer({ min: COALESCE_MS + 1, max: 3000 });
  fc.assert(
    fc.property(fc.array(gap, { minLength: 1, maxLength: 20 }), interval, (gaps, intervalMs) => {
      let nowMs = 20_000;
      const eventsMs = gaps.map((gapMs) => {
        nowMs += gapMs;
        return nowMs;
      });
      const runs = runsAfter(eventsMs, { intervalMs });
      const expected: Run[] = [];
      for (const eventMs of eventsMs) {
        const last = expected.at(-1);
        if (last === undefined || eventMs > last.atMs) {
          expected.push({ atMs: eventMs + intervalMs, agents: 1 });
        } else last.agents += 1;
      }
      expect(runs).toStrictEqual(expected);
    }),
  );
});

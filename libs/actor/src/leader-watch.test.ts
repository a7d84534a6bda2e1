import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CONFIRM_IN_CLUSTER_MS,
  LeaderWatch,
  type PingAnswer,
  WATCH_TIMING,
} from './leader-watch.ts';

const LOOK_MS = 50;
const epoch = (revision: number) => ({ bucketCreatedMs: 1, revision });

/** Looks on from `fromMs`; pings are answered at once. The moment of the suspicion, if any. */
function lookOn(
  watch: LeaderWatch,
  { fromMs = 0, toMs, answer }: { fromMs?: number; toMs: number; answer: PingAnswer },
): number | undefined {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += LOOK_MS) {
    const advice = watch.look(nowMs);
    if (advice === 'suspect') return nowMs;
    if (advice === 'ping') watch.pinged(answer);
  }
  return undefined;
}

test('a leader that is gone is suspected as soon as one sign of life is late and nobody answers', () => {
  const watch = new LeaderWatch();
  watch.heard(epoch(1));
  const { beatMs, lateMs } = WATCH_TIMING;
  expect(lookOn(watch, { toMs: 2000, answer: 'nobody' })).toBe(beatMs + lateMs + LOOK_MS);
});

test('a leader that is there and says nothing is suspected when it has been silent for long', () => {
  for (const answer of ['answered', 'unknown'] as const) {
    const watch = new LeaderWatch();
    watch.heard(epoch(1));
    expect(lookOn(watch, { toMs: 20_000, answer })).toBe(WATCH_TIMING.hungMs);
  }
});

test('signs of life come every 300 ms, one that is 150 ms late is missed, and 5 s of silence are a leader that hangs', () => {
  expect(WATCH_TIMING).toEqual({ beatMs: 300, lateMs: 150, hungMs: 5000, confirmMs: 0 });
  expect(CONFIRM_IN_CLUSTER_MS).toBe(300);
});

test('a leader that gives signs of life is never suspected, whatever pings say', () => {
  void fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 440 }), { maxLength: 50 }),
      fc.constantFrom<PingAnswer>('answered', 'nobody', 'unknown'),
      (waits, answer) => {
        const watch = new LeaderWatch();
        let nowMs = 0;
        for (const waitMs of waits) {
          watch.heard(epoch(1));
          expect(lookOn(watch, { fromMs: nowMs, toMs: nowMs + waitMs, answer })).toBeUndefined();
          nowMs += waitMs;
        }
      },
    ),
  );
});

test('a candidate that itself was held up does not take its own sleep for the leader silence', () => {
  const watch = new LeaderWatch();
  watch.heard(epoch(1));
  expect(watch.look(0)).toBe('wait');
  expect(watch.look(60_000)).toBe('wait');
  watch.heard(epoch(1));
  expect(watch.look(60_050)).toBe('wait');
});

test('where there are several servers nobody must be there for a while', () => {
  const watch = new LeaderWatch({ ...WATCH_TIMING, confirmMs: CONFIRM_IN_CLUSTER_MS });
  watch.heard(epoch(1));
  const { beatMs, lateMs } = WATCH_TIMING;
  const suspectedMs = lookOn(watch, { toMs: 5000, answer: 'nobody' });
  expect(suspectedMs).toBe(beatMs + lateMs + CONFIRM_IN_CLUSTER_MS);
});

test('silence is counted anew for a new term and after the own connection was away', () => {
  const watch = new LeaderWatch();
  watch.held(epoch(1));
  lookOn(watch, { toMs: 400, answer: 'nobody' });
  watch.held(epoch(2));
  expect(watch.silentMs).toBe(0);
  lookOn(watch, { fromMs: 450, toMs: 800, answer: 'nobody' });
  watch.begin();
  expect(watch.silentMs).toBe(0);
});

test('signs of life of an earlier term do not keep a later one alive', () => {
  const watch = new LeaderWatch();
  watch.held(epoch(2));
  lookOn(watch, { toMs: 200, answer: 'nobody' });
  const { silentMs } = watch;
  watch.heard(epoch(1));
  expect([watch.silentMs, watch.leader]).toEqual([silentMs, epoch(2)]);
});

test('nobody is suspected while nobody leads', () => {
  const watch = new LeaderWatch();
  watch.held(epoch(1));
  watch.held(undefined);
  expect(lookOn(watch, { toMs: 20_000, answer: 'nobody' })).toBeUndefined();
});

// Tests when an agent registers again though nothing has happened.
import { expect, test } from 'vitest';
import { Registration } from './registration.ts';

const STEP_MS = 1000;
const body = {
  hostname: 'h',
  total: { scalars: {}, ports: [], sets: {} },
  attributes: {},
  tasks: [],
  executors: [],
};

/** Milliseconds between one answered request and the next, for some times. */
function waitsMs(jitter: number): number[] {
  const registration = new Registration({ session: 's', jitter });
  const sentMs: number[] = [];
  registration.connected(0);
  for (let nowMs = 0; nowMs <= 3_000_000; nowMs += STEP_MS) {
    for (const effect of registration.takeDue(nowMs, () => ({ body, runningTasks: 0 }))) {
      if (effect.kind !== 'register') continue;
      sentMs.push(nowMs);
      const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
      registration.answered(effect.counter, { ok: true, value }, nowMs);
    }
  }
  return sentMs.slice(1).map((atMs, index) => atMs - (sentMs[index] ?? 0));
}

test('each agent registers again every five to ten minutes', () => {
  for (const jitter of [0, 0.3, 0.999]) {
    const waits = waitsMs(jitter);
    expect(waits.length).toBeGreaterThan(3);
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThanOrEqual(300_000);
      expect(waitMs).toBeLessThanOrEqual(600_000 + STEP_MS);
    }
  }
});

test('agents that registered at once do so again spread over five minutes', () => {
  const agents = 600;
  const again = Array.from({ length: agents }, (_, index) => waitsMs(index / agents)[0] ?? 0);
  const perMinute = Map.groupBy(again, (atMs) => Math.floor(atMs / 60_000));
  for (const [minute, ones] of perMinute) {
    expect(ones.length, `minute ${minute}`).toBeLessThanOrEqual(agents / 5 + 3);
  }
});

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

const described = () => ({ body, runningTasks: 0 });

/** Registered at 0 ms with a leader that is heard until `heardMs`; off the bus then, and back on it at `backMs`. */
function returned({ jitter = 0.5, heardMs = 1000, backMs = 5000, isRegistered = true }) {
  const registration = new Registration({ session: 's', jitter });
  registration.connected(0);
  const [first] = registration.takeDue(0, described);
  const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
  if (isRegistered && first?.kind === 'register')
    registration.answered(first.counter, { ok: true, value }, 0);
  registration.heard({ bucketCreatedMs: 1, revision: 1 }, heardMs);
  registration.disconnected();
  registration.connected(backMs);
  const atOnce = registration.takeDue(backMs, described).map(({ kind }) => kind);
  return { registration, atOnce };
}

/** After the return, by what it said of itself in steps of a second. */
function registersAfterMs(registration: Registration, backMs = 5000): number | undefined {
  for (let nowMs = backMs; nowMs <= backMs + 130_000; nowMs += STEP_MS) {
    const due = registration.takeDue(nowMs, described);
    if (due.some(({ kind }) => kind === 'register')) return nowMs - backMs;
  }
  return undefined;
}

test('back on the bus, agents that their leader knows give signs of life at once and register spread over two minutes', () => {
  const after = [0, 0.25, 0.5, 0.75, 0.999].map((jitter) => {
    const { registration, atOnce } = returned({ jitter });
    expect(atOnce).toContain('heartbeat');
    return atOnce.includes('register') ? 0 : registersAfterMs(registration);
  });
  expect(after).toEqual([0, 30_000, 60_000, 90_000, 120_000]);
});

test('it registers at once where it was away for long, or was not registered yet', () => {
  expect(returned({ backMs: 32_000 }).atOnce).toContain('register');
  expect(returned({ isRegistered: false }).atOnce).toContain('register');
});

test('agents that registered at once do so again spread over five minutes', () => {
  const agents = 600;
  const again = Array.from({ length: agents }, (_, index) => waitsMs(index / agents)[0] ?? 0);
  const perMinute = Map.groupBy(again, (atMs) => Math.floor(atMs / 60_000));
  for (const [minute, ones] of perMinute) {
    expect(ones.length, `minute ${minute}`).toBeLessThanOrEqual(agents / 5 + 3);
  }
});

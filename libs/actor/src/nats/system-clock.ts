// Owns reading this host's clocks and waiting by them, for shells. Pure code gets times as arguments.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait, setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Timers } from '../timers.ts';

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallTimeMs: () => Date.now(),
};

export const systemTimers: Timers = {
  wait: (ms) => wait(ms),
  yieldToOthers: () => yieldToOthers(),
  soon: (run) => {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  },
  after: (ms, run, { ref = true } = {}) => {
    const timer = setTimeout(run, ms);
    if (!ref) timer.unref();
    return () => clearTimeout(timer);
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
};

/** Differs from every other that any process ever made. */
export const randomNonce = (): string => randomUUID();

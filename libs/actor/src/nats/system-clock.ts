// Owns reading this host's clocks, for shells. Pure code gets times as arguments.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallTimeMs: () => Date.now(),
};

/** Differs from every other that any process ever made. */
export const randomNonce = (): string => randomUUID();

// Ends a task for good: asks every process of its unit, and kills them all when they have not gone in time. For
// callers that wait for it (an agent that leaves, a test); an agent's core keeps the time itself and uses
// `TaskLauncher.stop`.

import { setTimeout as delay } from 'node:timers/promises';
import type { TaskLauncher } from './launcher.ts';

export type StopScopeOptions = {
  /** How long the processes may take after SIGTERM before SIGKILL; 0 kills at once. */
  readonly graceMs: number;
};

const LOOK_MS = 50;
const KILL_LOOKS = 200;

/** Resolves with whether SIGKILL was needed, once the unit is gone. Rejects when it outlives even that. */
export async function stopScope(
  launcher: TaskLauncher,
  unit: string,
  options: StopScopeOptions,
): Promise<{ readonly killed: boolean }> {
  if (options.graceMs > 0) {
    await launcher.stop(unit, 'SIGTERM');
    const looks = Math.ceil(options.graceMs / LOOK_MS);
    if (await isGoneWithin(launcher, unit, looks)) return { killed: false };
  }
  await launcher.stop(unit, 'SIGKILL');
  if (await isGoneWithin(launcher, unit, KILL_LOOKS)) return { killed: true };
  throw new Error(`unit ${unit} still has processes after SIGKILL`);
}

async function isGoneWithin(launcher: TaskLauncher, unit: string, looks: number): Promise<boolean> {
  for (let look = 0; look < looks; look += 1) {
    if (!(await launcher.inspect(unit)).alive) return true;
    await delay(LOOK_MS);
  }
  return false;
}

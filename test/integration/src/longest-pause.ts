// Owns measuring how long nothing is written while something bad happens: one write after the other, the longest time
// between two that were acknowledged. For tests, which print it, and for benchmarks.
import { setTimeout as wait } from 'node:timers/promises';

/** Between two tries. */
const TRY_MS = 10;
/** Acknowledged writes before and after, so that the pause has two ends. */
const STEADY_WRITES = 20;

export type Pause = {
  /** From one acknowledged write to the next. */
  readonly longestMs: number;
  readonly acknowledged: number;
  /** Tries that were refused or not answered; each was made again. */
  readonly failed: number;
};

/**
 * @param write makes one try; whether it was acknowledged
 * @param inflict what is to happen meanwhile; it counts from its beginning, and writes go on until they are steady again
 */
export async function longestPause(
  write: () => Promise<boolean>,
  inflict: () => Promise<void> | void,
): Promise<Pause> {
  const tally = { longestMs: 0, acknowledged: 0, failed: 0, lastMs: performance.now() };
  let steady = 0;
  const writeOnce = async (): Promise<void> => {
    if (!(await write())) {
      tally.failed += 1;
      steady = 0;
      return wait(TRY_MS);
    }
    const nowMs = performance.now();
    tally.longestMs = Math.max(tally.longestMs, nowMs - tally.lastMs);
    tally.lastMs = nowMs;
    tally.acknowledged += 1;
    steady += 1;
  };
  while (steady < STEADY_WRITES) await writeOnce();
  tally.longestMs = 0;
  let isOver = false;
  const over = Promise.resolve(inflict()).finally(() => {
    isOver = true;
    steady = 0;
  });
  while (!isOver || steady < STEADY_WRITES) await writeOnce();
  await over;
  const { longestMs, acknowledged, failed } = tally;
  return { longestMs, acknowledged, failed };
}

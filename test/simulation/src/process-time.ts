// Owns the clocks and timers of a simulated process: they go by virtual time, stop while the process is held up, and end
// with it.
import type { Clock } from '@parley/actor/clock';
import type { Timers } from '@parley/actor/timers';

/** What a process lends to the shells that run in it. */
export type ProcessTime = {
  readonly nowMs: () => number;
  readonly wallTimeMs: () => number;
  /** Once, unless the process has ended by then. */
  readonly after: (delayMs: number, run: () => void) => void;
};

export const clockOf = ({ nowMs, wallTimeMs }: ProcessTime): Clock => ({ nowMs, wallTimeMs });

export function timersOf({ after }: ProcessTime): Timers {
  const once = (delayMs: number, run: () => void): (() => void) => {
    let isWanted = true;
    after(delayMs, () => {
      if (isWanted) run();
    });
    return () => {
      isWanted = false;
    };
  };
  const wait = (ms: number): Promise<void> => new Promise((resolve) => after(ms, resolve));
  return {
    wait,
    yieldToOthers: () => wait(0),
    soon: (run) => once(0, run),
    after: (ms, run) => once(ms, run),
    every: (ms, run) => {
      let end = (): void => undefined;
      const next = (): void => {
        end = once(ms, () => {
          next();
          run();
        });
      };
      next();
      return () => end();
    },
  };
}

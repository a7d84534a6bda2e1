// Owns what follows when a sandbox holds more than it may: the wish that what fills it ends.
import type { StopWish } from './stop-wish.ts';

/** MiB; the peak is what was found, which is more than the limit. */
export type DiskExcess = { readonly limitMib: number; readonly peakMib: number };

/** At once: what fills a disk goes on filling it while it is given time. */
export function overDisk({ limitMib, peakMib }: DiskExcess): StopWish {
  return {
    reason: 'diskLimit',
    graceMs: 0,
    message: `its sandbox held ${peakMib} MiB, more than its limit of ${limitMib} MiB`,
    cause: { kind: 'diskLimit', limit: limitMib, peak: peakMib },
  };
}

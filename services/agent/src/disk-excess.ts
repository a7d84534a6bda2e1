// Owns what follows when a sandbox or a volume holds more than it may: the wish that what fills it ends.
import type { VolumeId } from '@parley/protocol/ids';
import type { StopWish } from './stop-wish.ts';

/** The peak is what was found, which is more than the limit. */
export type DiskFinding =
  | { readonly limitMib: number; readonly peakMib: number }
  | { readonly limitFiles: number; readonly peakFiles: number }
  /** Nobody knows how much it holds: so many looks after one another were not done in time. */
  | { readonly missedLooks: number };

/** In a volume, or else in a sandbox. */
export type DiskExcess = DiskFinding & { readonly volumeId?: VolumeId };

/** At once: what fills a disk goes on filling it while it is given time. */
export function overDisk(excess: DiskExcess): StopWish {
  const { message, numbers } = described(excess);
  return { reason: 'diskLimit', graceMs: 0, message, cause: { kind: 'diskLimit', ...numbers } };
}

function described(excess: DiskExcess): {
  readonly message: string;
  /** MiB, as with every `diskLimit`. */
  readonly numbers?: { readonly limit: number; readonly peak: number };
} {
  const { volumeId } = excess;
  const place = volumeId === undefined ? 'its sandbox' : `its volume ${volumeId}`;
  if ('limitMib' in excess) {
    const { limitMib: limit, peakMib: peak } = excess;
    const message = `${place} held ${peak} MiB, more than its limit of ${limit} MiB`;
    return { message, numbers: { limit, peak } };
  }
  if ('limitFiles' in excess) {
    const { limitFiles, peakFiles } = excess;
    const held = `${place} held ${peakFiles} files and directories`;
    return { message: `${held}, more than its disk limit allows: ${limitFiles}` };
  }
  const { missedLooks } = excess;
  return { message: `${place} was too large to be measured, ${missedLooks} times in a row` };
}

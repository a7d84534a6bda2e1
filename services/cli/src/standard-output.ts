// Owns writing bytes to stdout as fast as whoever reads them takes them, and no faster.
import { setTimeout as delay } from 'node:timers/promises';
import type { FileSink } from '@parley/operator-sdk/file-stream';
import { printNotice } from './print.ts';

/** Rejects when nobody reads it any more. */
export async function writeOut(
  data: Uint8Array,
  stream: NodeJS.WriteStream = process.stdout,
): Promise<void> {
  if (data.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    // Stays after a failure, which is told to both.
    stream.once('error', reject);
    stream.write(data, (error) => {
      if (error != null) return reject(error);
      stream.off('error', reject);
      resolve();
    });
  });
}

export const STANDARD_OUTPUT: FileSink = {
  write: writeOut,
  notice: (text) => printNotice(`parley: ${text}`),
  pause: (durationMs) => delay(durationMs),
};

// Owns writing bytes to stdout as fast as whoever reads them takes them, and no faster.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileSink } from '@parley/operator-sdk/file-stream';
import { printNotice } from './print.ts';

export async function writeOut(
  data: Uint8Array,
  stream: NodeJS.WriteStream = process.stdout,
): Promise<void> {
  if (data.length > 0 && !stream.write(data)) await once(stream, 'drain');
}

export const STANDARD_OUTPUT: FileSink = {
  write: writeOut,
  notice: (text) => printNotice(`parley: ${text}`),
  pause: (durationMs) => delay(durationMs),
};

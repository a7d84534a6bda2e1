// Owns how large the streams of an embedded server may grow, from the disk that they share. JetStream sets the limit of
// a stream aside when it is made, so limits that the disk cannot hold would be a promise to nobody.
import { statfsSync } from 'node:fs';

/** Journal, snapshots, leases, register. */
const BOOKS_STREAMS = 2;
/** A principal has its updates and its objects. */
const STREAMS_A_PRINCIPAL = 2;
const SHARE_OF_FREE = 0.5;
const MIB = 1024 * 1024;
const LEAST_BYTES = 16 * MIB;
const STEP_BYTES = 16 * MIB;

/** Bytes a stream: half of what is free, divided among the streams. A multiple of 16 MiB, so that small changes of what is free change nothing. */
export function streamLimit(directory: string, principals: number): number {
  const { bavail, bsize } = statfsSync(directory);
  const streams = BOOKS_STREAMS + STREAMS_A_PRINCIPAL * principals;
  const each = (bavail * bsize * SHARE_OF_FREE) / streams;
  return Math.max(LEAST_BYTES, Math.floor(each / STEP_BYTES) * STEP_BYTES);
}

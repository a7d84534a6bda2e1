// Owns the port to the key that a lease stands in: read through whoever leads its stream, written by compare-and-set. The
// rules of the lease are in lease.ts, the timer between reads and writes in lease-holder.ts, the NATS adapter in nats/.
import type { LeaseAction, LeaseReadAnswer, LeaseWriteAnswer } from './lease.ts';

export type LeaseReading = LeaseReadAnswer & {
  /** Of the bucket that was read: the first half of an epoch. Of one that could not be read it says nothing. */
  readonly bucketCreatedMs: number;
};

/** Both end in an answer, also when the connection is away. */
export interface LeaseStore {
  read(): Promise<LeaseReading>;
  write(action: Extract<LeaseAction, { kind: 'write' }>): Promise<LeaseWriteAnswer>;
}

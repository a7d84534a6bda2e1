// Owns how large the splits of a job are and how much of them may lie in the bucket before it is mapped. Pure.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { InputFile } from './input-files.ts';

/** One of them, or what suits the input. */
export type SplitWish = { readonly bytes?: number; readonly count?: number };
export type SplitSize = {
  readonly splitBytes: number;
  /** Words are not cut and files may change: it may be other in the end. */
  readonly expectedSplits: number;
  /** Splits in the bucket that were not mapped yet hold together about so many bytes at most. */
  readonly maxAheadBytes: number;
};

/** A reduce task reads one object of each map task; a description holds at most 4096 inputs and must fit into a message. */
export const MAX_SPLITS = 2048;
const MIB = 1024 * 1024;
const DEFAULT_SPLIT_BYTES = MIB;
/** With a count wished: a short text is not cut into crumbs. */
const LEAST_SPLIT_BYTES = 1024;
const DEFAULT_MOST_SPLITS = 1024;
/** Enough to keep a large cluster busy, far below what a bucket holds. */
const SPLITS_AHEAD = 32;
const LEAST_AHEAD_BYTES = 64 * MIB;
const MOST_AHEAD_BYTES = 1024 * MIB;

/** Fails with `malformed` when the wish makes more splits than a job may have. */
export function splitSizeFor(files: readonly InputFile[], wish: SplitWish): Outcome<SplitSize> {
  // A separator follows each file.
  const totalBytes = files.reduce((sum, { size }) => sum + size + 1, 0);
  const splitBytes = wish.bytes ?? bytesOf(totalBytes, wish.count);
  const expectedSplits = Math.ceil(totalBytes / splitBytes);
  if (expectedSplits > MAX_SPLITS) {
    return fail(
      'malformed',
      `--split-bytes ${splitBytes} makes ${expectedSplits} splits of ${totalBytes} bytes, more than ${MAX_SPLITS}: ` +
        `give at least ${Math.ceil(totalBytes / MAX_SPLITS)}`,
    );
  }
  const maxAheadBytes = Math.min(
    Math.max(SPLITS_AHEAD * splitBytes, LEAST_AHEAD_BYTES),
    MOST_AHEAD_BYTES,
  );
  return succeed({ splitBytes, expectedSplits, maxAheadBytes });
}

function bytesOf(totalBytes: number, count: number | undefined): number {
  if (count !== undefined) return Math.max(Math.ceil(totalBytes / count), LEAST_SPLIT_BYTES);
  return Math.max(DEFAULT_SPLIT_BYTES, Math.ceil(totalBytes / DEFAULT_MOST_SPLITS));
}

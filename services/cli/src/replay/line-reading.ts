// Owns the port of reading lines of the past, and which part of it is read when nobody says.
import type { ReplayLine } from '@parley/protocol/replay';
import type { LineFilter } from '@parley/replay/line-filter';
import type { Moment } from '@parley/replay/moments';

/** Entries that are looked at when neither a begin is named nor anything is filtered. */
const LATEST_ENTRIES = 200;

/** Where they begin, counted back from the last entry that is wanted: that is older than what is latest, too. */
export const latestBegin = (firstKept: number, end: number): number =>
  Math.max(firstKept, end - LATEST_ENTRIES + 1);

export type LineRange = {
  /** Undefined: the first entry that is kept; `latest`: the last ones up to the end. */
  readonly from: Moment | 'latest' | undefined;
  /** Undefined: the end. */
  readonly to: Moment | undefined;
  readonly filter: LineFilter;
  /** Go on at the end as the journal grows, until the process is ended. */
  readonly follow: boolean;
};

export interface LineReading {
  /** Hands over each line of the range, in order. Throws a failure in words. */
  read(range: LineRange, onLine: (line: ReplayLine) => void): Promise<void>;
}

// Owns how emulated agents read what a leader tells all agents at once: thousands of them in a process get the same bytes,
// which are read for the first of them.
import type { Outcome } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, type Received } from '@parley/protocol/message';
import type { SubjectEntry } from '@parley/protocol/subject-entry';

type Read = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly outcome: Outcome<unknown>;
};

/** As `decodeMessage`, of which the last outcome for each kind of message is kept. */
export class SharedReading {
  readonly #last = new Map<SubjectEntry, Read>();

  read = <Entry extends SubjectEntry>(
    entry: Entry,
    cluster: ClusterName,
    subject: string,
    bytes: Uint8Array,
  ): Outcome<Received<Entry>> => {
    const last = this.#last.get(entry);
    if (last?.subject === subject && Buffer.compare(last.bytes, bytes) === 0) {
      return last.outcome as Outcome<Received<Entry>>;
    }
    const outcome = decodeMessage(entry, cluster, subject, bytes);
    this.#last.set(entry, { subject, bytes, outcome });
    return outcome;
  };
}

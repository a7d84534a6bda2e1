// Owns what the gateway and its thread for the past say to each other: questions and answers, and what the thread reads of
// journal and snapshots through the gateway's own connection.
import type { Journal } from '@parley/actor/journal';
import type { SnapshotStore } from '@parley/actor/snapshot-store';
import type { Outcome } from '@parley/protocol/errors';
import type { ReplaySource } from '@parley/replay/replay-source';
import type { PastQuestion } from './past-questions.ts';

/** Nothing that writes. */
export type Reads = Pick<Journal, 'info' | 'read' | 'entryAt'> &
  Pick<SnapshotStore, 'list' | 'readPart' | 'readManifest'>;
export type ReadName = keyof Reads;

/** To the thread. `wallTimeMs`: now, in milliseconds since 1970. */
export type ToThread =
  | {
      readonly kind: 'question';
      readonly id: number;
      readonly question: PastQuestion;
      readonly wallTimeMs: number;
    }
  | { readonly kind: 'have'; readonly id: number; readonly outcome: Outcome<unknown> };

export type FromThread =
  | { readonly kind: 'answer'; readonly id: number; readonly outcome: Outcome<unknown> }
  | {
      readonly kind: 'read';
      readonly id: number;
      readonly name: ReadName;
      readonly parameters: readonly unknown[];
    };

export function readsOf({ journal, snapshots }: ReplaySource): Reads {
  return {
    info: () => journal.info(),
    read: async (sequence, limit) => {
      const entries = await journal.read(sequence, limit);
      if (!entries.ok) return entries;
      return { ...entries, value: entries.value.map((entry) => withOwnBytes(entry)) };
    },
    entryAt: async (sequence) => {
      const entry = await journal.entryAt(sequence);
      if (!entry.ok || entry.value === undefined) return entry;
      return { ...entry, value: withOwnBytes(entry.value) };
    },
    list: () => snapshots.list(),
    readPart: async (name, part) => {
      const bytes = await snapshots.readPart(name, part);
      return bytes.ok && bytes.value !== undefined
        ? { ...bytes, value: new Uint8Array(bytes.value) }
        : bytes;
    },
    readManifest: async (name) => {
      const manifest = await snapshots.readManifest(name);
      if (!manifest.ok || manifest.value === undefined) return manifest;
      return { ...manifest, value: withOwnBytes(manifest.value) };
    },
  };
}

/** What goes to another thread takes all of the memory along that its bytes are a part of: these are alone in theirs. */
const withOwnBytes = <Holder extends { readonly bytes: Uint8Array }>(holder: Holder): Holder => ({
  ...holder,
  bytes: new Uint8Array(holder.bytes),
});

// Owns the proof that replaying the journal makes the same happen again: every leader's effects are compared with
// the witness' own, and replays from snapshots taken at any entry with both.
import { isDeepStrictEqual } from 'node:util';
import type { SnapshotItem } from '@parley/actor/core';
import type { SkippedInput } from '@parley/actor/replica';
import type { Effect } from '@parley/cluster/effects';
import { decode, encode } from '@parley/protocol/codec';
import type { Random } from './random.ts';
import { type ClusterReplica, replay, type Start, simulatedCore } from './simulated-core.ts';
import type { World } from './world.ts';

type Snapshot = Omit<Start, 'state'> & { readonly bytes: Uint8Array };

const SNAPSHOT_CHANCE = 0.01;
const MAX_SNAPSHOTS = 5;
const ITEMS_A_SLICE = 3;
const ENTRIES_A_HASH = 50;

export class History {
  readonly #world: World;
  readonly #random: Random;
  readonly #stepped = new Set<number>();
  readonly #snapshots: Snapshot[] = [];
  readonly #hashes = new Map<number, string>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.derive('history');
  }

  /** A leader has stepped an entry of its own. */
  stepped(sequence: number, effects: readonly Effect[], replica: ClusterReplica): void {
    const witnessed = this.#world.witness.effects.get(sequence);
    if (witnessed === undefined)
      throw new Error(`entry ${sequence} was stepped before it was stored`);
    if (this.#stepped.has(sequence))
      throw new Error(`entry ${sequence} was stepped by two leaders`);
    if (!isDeepStrictEqual(witnessed, effects))
      throw new Error(`entry ${sequence} has other effects than its leader had`);
    this.#stepped.add(sequence);
    if (this.#snapshots.length < MAX_SNAPSHOTS && this.#random.chance(SNAPSHOT_CHANCE))
      this.#snapshots.push(takeSnapshot(replica));
    if (sequence % ENTRIES_A_HASH === 0) this.#hashes.set(sequence, replica.hash());
  }

  /**
   * A replica up to `upTo`, from one of the snapshots before it or from nothing, with what must be left out beside
   * what the snapshot says.
   */
  load(random: Random, upTo?: number, skips: readonly SkippedInput[] = []): ClusterReplica {
    const { messages } = this.#world.journal;
    const end = upTo ?? messages.length;
    const usable = this.#snapshots.filter(({ sequence }) => sequence <= end);
    const snapshot = usable.length > 0 && random.chance(0.7) ? random.pick(usable) : undefined;
    const makeStart = () => (snapshot === undefined ? undefined : restore(snapshot));
    return replay(messages, { makeStart, upTo: end, skips });
  }

  /** Replays from the beginning and from every snapshot. Throws where anything differs. */
  checkReplay(): void {
    const end = this.#world.witness.replica.hash();
    this.#check(undefined, end);
    for (const snapshot of this.#snapshots) this.#check(snapshot, end);
  }

  #check(snapshot: Snapshot | undefined, end: string): void {
    const from = `the replay from ${snapshot?.sequence ?? 0}`;
    const replica = replay(this.#world.journal.messages, {
      makeStart: () => (snapshot === undefined ? undefined : restore(snapshot)),
      onApplied: (sequence, effects, at) => {
        if (!isDeepStrictEqual(this.#world.witness.effects.get(sequence), effects))
          throw new Error(`${from} has other effects at entry ${sequence}`);
        const hash = this.#hashes.get(sequence);
        if (hash !== undefined && hash !== at.hash())
          throw new Error(`${from} is in another state after entry ${sequence} than its leader`);
      },
    });
    if (replica.hash() !== end) throw new Error(`${from} ends in another state`);
  }
}

/** Through bytes, as a real one goes, and read in small slices. */
function takeSnapshot(replica: ClusterReplica): Snapshot {
  const reader = simulatedCore.snapshot(replica.state);
  const items: SnapshotItem[] = [];
  for (let slice = reader.next(ITEMS_A_SLICE); slice.length > 0; slice = reader.next(ITEMS_A_SLICE))
    items.push(...slice);
  const { sequence, coreTimeMs, epoch, rulesVersion, skips, entryChecksum } = replica;
  return { sequence, coreTimeMs, epoch, rulesVersion, skips, entryChecksum, bytes: encode(items) };
}

function restore({ bytes, ...start }: Snapshot): Start {
  return { ...start, state: simulatedCore.restore(decode(bytes) as SnapshotItem[]) };
}

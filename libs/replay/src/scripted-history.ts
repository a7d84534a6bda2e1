// Owns a history for tests: what a scripted cluster goes through, as the journal and the snapshots of a master that did.
import type { Core } from '@parley/actor/core';
import { encodeEntry } from '@parley/actor/journal-entry';
import { MemoryJournal } from '@parley/actor/memory-journal';
import { MemorySnapshotStore } from '@parley/actor/memory-snapshot-store';
import { Replica } from '@parley/actor/replica';
import { beginSnapshot, writeSnapshot } from '@parley/actor/snapshots';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import { ScriptedCluster } from '@parley/cluster/scripted-cluster';
import { encode } from '@parley/protocol/codec';
import type { ReplayLine } from '@parley/protocol/replay';
import { assert } from '@parley/protocol/unreachable';
import { ReplayCursor } from './cursor.ts';
import { LineMaker } from './line-maker.ts';
import type { ReplaySource } from './replay-source.ts';

type Entered = Parameters<ScriptedCluster['enter']>;

export class ScriptedHistory extends ScriptedCluster {
  readonly journal = new MemoryJournal();
  readonly snapshots = new MemorySnapshotStore();

  get source(): ReplaySource {
    return { core: clusterCore, journal: this.journal, snapshots: this.snapshots };
  }

  override enter(...inputs: Entered): Effect[] {
    const effects = super.enter(...inputs);
    this.append(inputs);
    return effects;
  }

  /** Whatever it is: nothing of it is stepped here. */
  append(inputs: readonly unknown[]): void {
    const head = {
      rulesVersion: this.rulesVersion,
      epoch: this.epoch,
      nonce: `n${this.journal.lastSequence + 1}`,
      coreTimeMs: this.nowMs,
      wallTimeMs: 1_700_000_000_000 + this.nowMs,
    };
    const expectedSequence = this.journal.lastSequence;
    const bytes = encodeEntry(
      head,
      inputs.map((input) => encode(input)),
    );
    this.journal.appendNow({ expectedSequence, nonce: head.nonce, bytes });
  }

  /** Of the state as it is now, or of another one in its place. */
  async snapshot(state: ClusterState = this.state): Promise<void> {
    const replica = new Replica<ClusterState, Input, Effect>(clusterCore, {
      ...{ state, sequence: this.sequence, coreTimeMs: this.nowMs, epoch: this.epoch, skips: [] },
      rulesVersion: this.rulesVersion,
    });
    const written = await writeSnapshot(this.snapshots, beginSnapshot(replica), () => 0);
    assert(written.ok, 'the snapshot is written');
  }

  /** Every line there is. */
  async lines(core: Core<ClusterState, Input, Effect> = clusterCore): Promise<ReplayLine[]> {
    const cursor = await ReplayCursor.open({ ...this.source, core }, 0);
    assert(cursor.ok, 'the journal can be replayed');
    const maker = new LineMaker(cursor.value.replica.state);
    const lines: ReplayLine[] = [];
    const advanced = await cursor.value.advance(this.journal.lastSequence, (entry) => {
      lines.push(...maker.linesOf(entry));
      return true;
    });
    assert(advanced.ok, 'every entry can be stepped');
    return lines;
  }
}

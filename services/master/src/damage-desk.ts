// Owns what a leader does about what it cannot take from a principal's stream: it is logged, and what is damaged is
// written again by who wrote it: by itself, or by agents, which it tells of all of them.
import { MAX_DAMAGED_UPDATES } from '@parley/protocol/broadcasts';
import type { Epoch } from '@parley/protocol/epoch';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { ClusterView } from './cluster-view.ts';
import type { DamagedUpdates } from './damaged-updates.ts';
import type { MasterOutput } from './master-actor.ts';
import { isDamageOfAgents, type PassedOver } from './update-batch.ts';
import type { UpdateDesk } from './update-desk.ts';

const LOOK_AT_DISKS = 'If this comes again, look at the disks of the NATS servers';
const OF_AGENT = `a stored update is damaged: its agent is told to write it again. ${LOOK_AT_DISKS}`;
const OF_LEADER = `a stored update is damaged: this master, whose own it is, writes it again. ${LOOK_AT_DISKS}`;

export type UpdateStream = {
  readonly principal: PrincipalName;
  /** Of the stream that holds them. */
  readonly createdMs: number;
};

export type DamageDeskOptions = {
  readonly cluster: ClusterName;
  readonly epoch: Epoch;
  readonly view: Pick<ClusterView, 'streamPositions'>;
};

export class DamageDesk {
  readonly #options: DamageDeskOptions;
  readonly #damaged: DamagedUpdates;
  readonly #updates: Pick<UpdateDesk, 'writeAgain'>;

  constructor(
    options: DamageDeskOptions,
    damaged: DamagedUpdates,
    updates: Pick<UpdateDesk, 'writeAgain'>,
  ) {
    this.#options = options;
    this.#damaged = damaged;
    this.#updates = updates;
  }

  /** Agents are told at once. */
  passedOver(
    stream: UpdateStream,
    passedOver: readonly PassedOver[],
    nowMs: number,
  ): MasterOutput[] {
    const { principal, createdMs } = stream;
    const outputs = passedOver.map((one): MasterOutput => {
      const { ownTask, ...fields } = one;
      if (!one.isDamaged) return logged('warn', 'an update was passed over', fields);
      if (ownTask === undefined) {
        this.#damaged.add(principal, createdMs, one.streamSequence);
        return logged('error', OF_AGENT, fields);
      }
      this.#updates.writeAgain(ownTask, nowMs);
      return logged('error', OF_LEADER, fields);
    });
    return [...outputs, ...this.tell(stream, passedOver)];
  }

  /** All of them, in as many messages as that takes; none of these covers any of them unless the books do. */
  tell({ principal, createdMs }: UpdateStream, passedOver: readonly PassedOver[]): MasterOutput[] {
    const { cluster, epoch, view } = this.#options;
    const sequences = passedOver.filter(isDamageOfAgents).map((one) => one.streamSequence);
    if (sequences.length === 0) return [];
    const known = [...view.streamPositions()].find((one) => one.principal === principal);
    const sequence = known?.createdMs === createdMs ? known.sequence : 0;
    const outputs: MasterOutput[] = [];
    for (let from = 0; from < sequences.length; from += MAX_DAMAGED_UPDATES) {
      const damaged = sequences.slice(from, from + MAX_DAMAGED_UPDATES);
      const body = { streams: [{ principal, createdMs, sequence, damaged }] };
      const message = encodeMessage(SUBJECTS.watermarks, cluster, {}, body, { epoch });
      outputs.push({ kind: 'publish', ...message });
    }
    return outputs;
  }
}

const logged = (level: 'warn' | 'error', message: string, fields: object): MasterOutput => ({
  ...{ kind: 'log', level, message, fields: { ...fields } },
});

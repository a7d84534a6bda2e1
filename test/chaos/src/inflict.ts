// Owns doing one fault to the cluster and undoing it. When and which is the schedule's.
import { setTimeout as wait } from 'node:timers/promises';
import { unreachable } from '@parley/protocol/unreachable';
import type { ChaosCluster } from './chaos-cluster.ts';
import { fillDisk, freeDisk } from './disks.ts';
import type { Fault } from './faults.ts';
import type { Layout } from './layout.ts';
import { cutOneWay, endCut, setLink } from './network.ts';

export type Field = {
  readonly run: string;
  readonly layout: Layout;
  readonly cluster: ChaosCluster;
};

/** Resolves when the fault is over. `names`: who is harmed. */
export async function inflict(field: Field, fault: Fault, names: readonly string[]): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const heal = await begin(field, fault, name);
      await wait(fault.forMs);
      await heal();
    }),
  );
}

type Heal = () => Promise<void> | void;
const NOTHING_TO_HEAL: Heal = () => undefined;

async function begin(field: Field, fault: Fault, name: string): Promise<Heal> {
  const { run, layout, cluster } = field;
  const { kind, shiftSeconds = 0 } = fault;
  switch (kind) {
    case 'kill':
      await cluster.victim(name).kill();
      return NOTHING_TO_HEAL;
    case 'restart':
      await cluster.victim(name).restart();
      return NOTHING_TO_HEAL;
    case 'freeze':
      cluster.victim(name).freeze();
      return () => cluster.victim(name).thaw();
    case 'unplug':
      await setLink(run, layout, name, 'down');
      return () => setLink(run, layout, name, 'up');
    case 'deafen':
    case 'mute': {
      const direction = kind === 'deafen' ? 'in' : 'out';
      await cutOneWay(run, name, direction);
      return () => endCut(run, name, direction);
    }
    case 'reboot':
      await cluster.reboot(name);
      return NOTHING_TO_HEAL;
    case 'fillDisk':
      await fillDisk(cluster.diskOf(name));
      return () => makeRoom(cluster, name);
    case 'shiftClock':
      cluster.clocks.shift(name, shiftSeconds);
      return () => cluster.clocks.shift(name, 0);
    case 'delay':
    case 'reorder':
    case 'duplicate':
      cluster.disturb(name, kind);
      return () => cluster.disturb(name, 'calm');
    default:
      return unreachable(kind);
  }
}

/** A server that found no space writes nothing until it is started again: whoever makes room does that. */
async function makeRoom(cluster: ChaosCluster, name: string): Promise<void> {
  freeDisk(cluster.diskOf(name));
  if (cluster.isNode(name)) await cluster.victim(name).restart();
}

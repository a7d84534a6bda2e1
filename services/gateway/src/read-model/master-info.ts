// Owns how the master reads for Mesos's clients: it is this gateway, which stands for the leader. Frameworks are told so
// when they subscribe, tools when they ask.
import { isIPv4 } from 'node:net';
import { MESOS_VERSION } from '../operator/mesos-version.ts';
import { addressOf } from './agent-model.ts';
import type { Model } from './model.ts';

/** Another one with each term, as with each master that Mesos elects. */
export function leaderId({ state }: Pick<Model, 'state'>): string {
  const { masterId, epoch } = state.record;
  return `${masterId ?? 'none'}-${epoch.bucketCreatedMs}-${epoch.revision}`;
}

/** Mesos's MasterInfo. */
export function masterInfo({ state, place }: Pick<Model, 'state' | 'place'>) {
  const { ip, port } = place;
  return {
    id: leaderId({ state }),
    ip: isIPv4(ip) ? networkOrder(ip) : 0,
    port,
    pid: `master@${addressOf(place)}`,
    hostname: ip,
    version: MESOS_VERSION,
    address: { hostname: ip, ip, port },
  };
}

/** The number of an IPv4 address as it lies in memory on a small-endian host, which is how Mesos writes it. */
const networkOrder = (address: string): number =>
  Buffer.from(address.split('.').map(Number)).readUInt32LE(0);

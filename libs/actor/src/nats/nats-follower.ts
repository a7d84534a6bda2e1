// Owns putting a follower together on NATS. Needs a credential that may read the journal and the snapshots, no more.
import type { Outcome } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import type { NatsConnection } from 'nats';
import type { Core } from '../core.ts';
import { Follower, type FollowerOptions } from '../follower.ts';
import { NatsJournal } from './nats-journal.ts';
import { NatsSnapshotStore } from './nats-snapshot-store.ts';

export type NatsFollowerOptions<State, Input, Effect> = Pick<
  FollowerOptions<State, Input, Effect>,
  'onEffect' | 'onReset' | 'onTrouble' | 'onRecovered' | 'limits'
> & {
  readonly connection: NatsConnection;
  readonly cluster: ClusterName;
  readonly core: Core<State, Input, Effect>;
};

/** Fails as `Follower.open` does. */
export function openNatsFollower<State, Input, Effect>(
  options: NatsFollowerOptions<State, Input, Effect>,
): Promise<Outcome<Follower<State, Input, Effect>>> {
  const journal = new NatsJournal(options.connection, options.cluster);
  const snapshots = new NatsSnapshotStore(options.connection, options.cluster);
  return Follower.open({ ...options, journal, tail: journal, snapshots });
}

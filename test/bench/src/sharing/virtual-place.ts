// Owns a virtual cluster as the place of frameworks that run jobs.
import { sleepFor, type VirtualCluster } from '../virtual/virtual-cluster.ts';
import type { JobPlace } from './job-place.ts';

/** Longer than a gang is gathered. */
const OFFER_TIMEOUT_MS = 600_000;
const filter = { refuseMs: 0 };

export function virtualPlace(cluster: VirtualCluster): JobPlace {
  return {
    get nowMs() {
      return cluster.nowMs;
    },
    after: (ms, act) => cluster.clock.after(ms, act),
    join: (name, listener) => {
      const how = { demand: [], offerTimeoutMs: OFFER_TIMEOUT_MS };
      const { call } = cluster.join(name, listener, how);
      return {
        demand: (demand) => call('demand', { demand }),
        decline: ({ offerId }) => call('decline', { offerIds: [offerId], filter }),
        launch: ({ offerId, agentId }, launches) => {
          const tasks = launches.map(({ taskId, resources, lengthMs }) => ({
            ...{ taskId, resources, command: sleepFor(lengthMs) },
          }));
          const operations = [{ kind: 'launch', agentId, tasks }];
          call('accept', { offerIds: [offerId], filter, operations });
        },
      };
    },
  };
}

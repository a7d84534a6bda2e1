// Owns the cluster that a benchmark measures: what `parley start` runs, in a folder of its own. It measures nothing.
import { fileURLToPath } from 'node:url';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { clusterPaths } from '@parley/cli/local-cluster/cluster-paths';
import type { AgentShare } from '@parley/cli/local-cluster/host-shares';
import type { Isolation } from '@parley/cli/local-cluster/isolation-choice';
import { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import type { HolderKind } from '@parley/protocol/credential';
import type { ClusterName } from '@parley/protocol/ids';
import type { NatsConnection } from 'nats';
import { stopWhenInterrupted } from './interruption.ts';

export type BenchClusterPlan = {
  readonly directory: string;
  readonly name: ClusterName;
  readonly isolation: Isolation;
  readonly agents: number;
  /** What each agent has. */
  readonly share: Pick<AgentShare, 'cpuMillis' | 'memoryMib' | 'diskMib'>;
};

/** Not started. `say` hears what happens to it. */
export function benchCluster(
  { directory, name, isolation, agents, share }: BenchClusterPlan,
  say: (line: string) => void,
): LocalCluster {
  const shares = Array.from({ length: agents }, (_, index): AgentShare => {
    const begin = 19_010 + index * 10;
    return { id: `agent-${index + 1}`, ...share, ports: [begin, begin + 9] };
  });
  const clone = fileURLToPath(new URL('../../..', import.meta.url));
  const paths = clusterPaths(directory, name);
  const cluster = new LocalCluster(
    {
      cluster: name,
      clone,
      paths,
      agents: shares,
      isolation,
      masterArguments: [],
      allocatorArguments: [],
      environment: process.env,
    },
    {
      nowMs: () => performance.now(),
      onNotice: say,
      onBroken: (failure) => say(failure.message),
    },
  );
  stopWhenInterrupted(() => cluster.stop());
  return cluster;
}

/** Another client under the same credential hears what its holder hears, and answers nothing. */
export async function spyOn(
  cluster: LocalCluster,
  kind: HolderKind,
  id: string,
): Promise<NatsConnection> {
  const identity = readCredentialFile(cluster.credentialFile(kind, id));
  if (!identity.ok) throw new Error(identity.failure.message);
  const connection = await openConnection(identity.value);
  if (!connection.ok) throw new Error(connection.failure.message);
  return connection.value;
}

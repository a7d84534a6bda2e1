// Owns a model of a scripted cluster for tests: an agent with a task, an offer, a reservation with a volume, and one that is
// deactivated. It tests nothing itself.
import type { ClusterState } from '@parley/cluster/cluster-state';
import {
  aCluster,
  aFramework,
  anAgentId,
  aTask,
  type ScriptedCluster,
} from '@parley/cluster/scripted-cluster';
import { PrincipalName } from '@parley/protocol/ids';
import type { Model } from './model.ts';

export const modelOf = (state: ClusterState): Model => ({
  cluster: 'test',
  state,
  place: { ip: '127.0.0.1', port: 5050 },
  coreEpochMs: 1_700_000_000_000,
  startedMs: 1_700_000_000_000,
  electedMs: 1_700_000_000_000,
});

const scalars = (cpus: number, mem: number, disk = 0) => ({
  scalars: { cpus: cpus * 1000, mem: mem * 1000, ...(disk > 0 && { disk: disk * 1000 }) },
});

export const olga = { kind: 'operator', operator: PrincipalName.parse('olga') } as const;

/**
 * `a1`: 8 CPUs, of which 1 and 100 MiB of disk are reserved for `eng` with a volume of 40 MiB; a running task `t1` of 2
 * CPUs and ports; an offer of 1 CPU; a task `t0` that has failed. `a2` is deactivated, `a3` unreachable.
 */
export function aBusyCluster(): ScriptedCluster {
  const total = { ...scalars(8, 1024, 1000), ports: [[31_000, 31_009]] as [number, number][] };
  const cluster = aCluster(total, { roles: ['eng'] });
  for (const id of ['a2', 'a3']) cluster.register(anAgentId(id), scalars(4, 512));
  cluster.call(olga, { verb: 'operatorAgent', body: { agentId: 'a2', change: 'deactivate' } });
  cluster.agentSilent(1, anAgentId('a3'));
  const reserved = { reservationId: 'x', resources: scalars(1, 0, 100), labels: { why: 'test' } };
  cluster.operateAsOperator({ kind: 'reserve', ...reserved }, anAgentId(), 'eng');
  cluster.operateAsOperator(
    { kind: 'createVolume', reservationId: 'x', volumeId: 'v', mib: 40 },
    anAgentId(),
    'eng',
  );
  const share = { weight: 2000, guarantee: { cpus: 1000 }, limit: { cpus: 6000 } };
  cluster.share([{ kind: 'role', role: 'eng', ...share }]);
  const inEng = { role: 'eng' };
  const framework = aFramework();
  cluster.update(cluster.launch(framework, 't0', scalars(1, 32), anAgentId(), inEng), 'failed', {
    reason: 'commandExited',
    message: 'exit 3',
  });
  const held = { ...scalars(2, 64), ports: [[31_000, 31_001]] as [number, number][] };
  const offerId = cluster.offer(framework, held, anAgentId(), inEng);
  cluster.accept(framework, [offerId], [aTask('t1', held)]);
  const task = { ...framework, taskId: aTask('t1').taskId };
  cluster.update(task, 'running', { wallTimeMs: 1_700_000_005_500, healthy: true });
  cluster.offer(framework, scalars(1, 32), anAgentId(), inEng);
  return cluster;
}

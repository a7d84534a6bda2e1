// Owns builders for tests about reservations and volumes: operations, tasks that use them, offers of what is reserved.
// The reservation is `x` and the volume `v`, unless a test says otherwise. Driving the core is in scripted-cluster.ts.
import type { FrameworkRef, OfferId } from '@parley/protocol/ids';
import type { OperationInput } from '@parley/protocol/offers';
import type { ResourcesInput } from '@parley/protocol/resources';
import { TaskDescription } from '@parley/protocol/tasks';
import {
  aCluster,
  aFramework,
  anAgentId,
  aTask,
  type Effects,
  factOf,
  type ScriptedCluster,
} from './scripted-cluster.ts';
import { acceptResultOf } from './scripted-tasks.ts';

/** So many CPUs and MiB of disk. */
export const cpusAndDisk = (cpus: number, disk = 0): ResourcesInput => ({
  scalars: { cpus: cpus * 1000, ...(disk > 0 && { disk: disk * 1000 }) },
});

export const reserve = (cpus: number, disk = 0): OperationInput => ({
  kind: 'reserve',
  reservationId: 'x',
  resources: cpusAndDisk(cpus, disk),
  labels: { why: 'test' },
});
export const createVolume = (volumeId = 'v', mib = 10): OperationInput => ({
  kind: 'createVolume',
  reservationId: 'x',
  volumeId,
  mib,
});
export const destroyVolume = (): OperationInput => ({ kind: 'destroyVolume', volumeId: 'v' });

export const taskWith = (taskId: string, more: Record<string, unknown>): TaskDescription =>
  TaskDescription.parse({ ...aTask(taskId), resources: cpusAndDisk(1), ...more });
export const mount = { volumes: [{ volumeId: 'v', path: 'data' }] };

/** One agent of 10 CPUs and 100 MiB of disk, `f1` in two roles of one tree, and what tests do with its offers in `eng`. */
export function aReservingCluster() {
  const framework = aFramework();
  const cluster = aCluster(cpusAndDisk(10, 100), { roles: ['eng', 'eng/ads'] });
  return {
    cluster,
    unreserved: (resources: ResourcesInput, role = 'eng') =>
      cluster.offer(framework, resources, anAgentId(), { role }),
    operate: (id: string, ...operations: OperationInput[]) =>
      cluster.operate(framework, [id], operations),
    /** As `reservedOffer`. */
    reserved: () => reservedOffer(cluster, framework),
  };
}

/** An offer of all that is free of the reservation. */
export function reservedOffer(
  cluster: ScriptedCluster,
  framework: FrameworkRef,
  role = 'eng',
  resources: ResourcesInput = {},
): OfferId {
  const record = [...cluster.state.reservations.rows()].find((one) => one.reservationId === 'x');
  if (record === undefined) throw new Error('there is a reservation');
  const part = {
    reservationId: 'x',
    role: record.role,
    resources: cluster.state.books.freeOfReservation(record),
  };
  return cluster.offer(framework, resources, anAgentId(), { role, reservations: [part] });
}

export const refusalOf = (effects: Effects) => factOf(effects, 'refused');
export const freeOf = (effects: Effects) => factOf(effects, 'agentFree');
export const refusedOperations = (effects: Effects) => acceptResultOf(effects).refusedOperations;

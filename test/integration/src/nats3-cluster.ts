// Owns a whole cluster of ours on three nodes of NATS for tests and benchmarks: masters, allocator and agents as processes, a
// framework with work to do, and how long nothing is committed while something bad happens. It tests nothing itself.
import { RoleName } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { ACTORS, alice, ClusterFixture, cluster, type ServiceId } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { longestPause, type Pause } from './longest-pause.ts';
import { type Nats3, startNats3 } from './nats3-fixture.ts';

const SERVICE_IDS = [
  'master-1',
  'master-2',
  'allocator-1',
  'a1',
  'a2',
] as const satisfies ServiceId[];

export type Nats3Cluster = {
  readonly nats: Nats3;
  readonly fixture: ClusterFixture;
  readonly work: QueueFramework;
  readonly close: () => Promise<void>;
};

export type Places = Partial<Record<ServiceId, string>>;

/**
 * `master-1` leads, `master-2` stands by.
 * @param placesOf names the node that a service connects to; any without it. It stays there as long as the node runs.
 */
export async function startNats3Cluster(
  placesOf: (nats: Nats3) => Promise<Places> | Places = () => ({}),
): Promise<Nats3Cluster> {
  const principals = [{ name: alice, roles: [RoleName.parse('*')] }];
  const nats = await startNats3({ cluster, actors: ACTORS, principals, separable: true });
  const fixture = new ClusterFixture({ nats });
  const work = new QueueFramework();
  const close = async (): Promise<void> => {
    await work.close();
    await fixture.close();
  };
  try {
    const places = await placesOf(nats);
    for (const id of SERVICE_IDS) {
      const place = places[id];
      const options = place === undefined ? [] : ['--nats', nats.node(place).url];
      fixture.service(id).start(...options);
      if (id === 'master-1') await fixture.service(id).says('"msg":"term begins"');
    }
    for (const id of ['a1', 'a2'] as const) await fixture.service(id).says('"msg":"registered"');
    await work.connect(fixture, alice, 'steady');
    return { nats, fixture, work, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * How long no call is committed: a framework's calls, one after the other, each repeated by the SDK until it is answered.
 * `failed` counts those that failed for good.
 */
export function longestPauseOfCalls(
  { work }: Nats3Cluster,
  inflict: () => Promise<void> | void,
): Promise<Pause> {
  let calls = 0;
  const call = async (): Promise<boolean> => {
    calls += 1;
    return (await work.scheduler.updateFramework({ name: `steady-${calls}` })).ok;
  };
  return longestPause(call, inflict);
}

/** Tasks that were told more or less than once, ended otherwise than well, or were run more or less than once. */
export function wrongOnes(
  { fixture, work }: Nats3Cluster,
  tasks: readonly TaskDescription[],
): readonly string[] {
  const wrong = (taskId: string): string[] => {
    const ends = work.ends.filter((end) => end.taskId === taskId).map(({ state }) => state);
    const runs = fixture.runs(taskId);
    const isRight = ends.join() === 'finished' && runs === 1;
    return isRight ? [] : [`${taskId}: told ${ends.join(', ') || 'nothing'}, run ${runs} times`];
  };
  return tasks.flatMap(({ taskId }) => wrong(taskId));
}

// Owns the scenario of lost books: journal and snapshots are deleted, or put back from an older copy, while everything
// runs. They are made anew from agents, frameworks and what operators had set: infra/docs/lost-books.md.
import { keptRecords, keptThings } from '@parley/cluster/kept-settings';
import { frameworkKey, RoleName, TaskId, taskKey } from '@parley/protocol/ids';
import type { AgentProcess } from '../agent-process.ts';
import { resources } from '../plan.ts';
import type { PooledFramework } from '../pooled-framework.ts';
import { type Scenario, type Scene, SILENCE_LIMIT_MS } from '../scenario.ts';
import { TEMPERS } from '../simulated-executor.ts';

const CPUS = 500;
/** Of each agent. */
const ROOM = 4;
const RUNNING_MS = 400_000;
const PATIENT = { offerTimeoutMs: 3600_000 } as const;

export const lostBooks: Scenario = {
  name: 'lostBooks',
  about:
    'journal and snapshots are deleted or put back: the books are made anew, tasks go on, each runs once, and what operators had set is there',
  options: {
    agents: 4,
    total: resources(2000, 2_048_000),
    leaderChanges: true,
    allocatorCrashes: true,
    losesBooks: true,
  },
  play: async (scene) => {
    const { random, world, operator } = scene;
    const withheld = scene.agent(3);
    const removed = scene.framework('removed');
    await scene.until('one is there', () => removed.session?.phase === 'subscribed');
    removed.tearDown();
    await scene.until('and no more', () => removed.stopped !== undefined);
    await scene.share({ kind: 'role', role: RoleName.parse('eng'), weight: 3000 });
    operator.change(withheld.agentId, random.pick(['deactivate', 'drain']));
    await scene.until('it is out', () => scene.service.isOut(withheld.agentId));
    const pool = scene.pool('f1', PATIENT);
    pool.want({ count: 6, cpus: CPUS, temper: random.pick([undefined, ...TEMPERS]) });
    await scene.until('six run', () => pool.running === 6, RUNNING_MS);
    const other = scene.pool('f2', PATIENT);
    other.want({ count: 1, cpus: CPUS });
    await scene.until('one more runs', () => other.running === 1, RUNNING_MS);
    const rounds = random.between(1, 2);
    for (let round = 1; round <= rounds; round += 1) await loseOnce(scene, { pool, other });
    await goesOn(scene, { pool, other });
    // Whoever leads next goes on with the new books.
    const { rebuilds } = world.witness;
    scene.crashLeader();
    await scene.until('somebody leads', () => scene.leader !== undefined, RUNNING_MS);
    for (const master of scene.masters) master.start();
    await scene.until('all masters are level', () => scene.areAllLevel(), RUNNING_MS);
    scene.must('nothing is made anew again', world.witness.rebuilds === rebuilds);
  },
};

type Pools = { readonly pool: PooledFramework; readonly other: PooledFramework };

async function loseOnce(scene: Scene, { pool, other }: Pools): Promise<void> {
  const { random, world } = scene;
  await scene.until('what operators have set is kept', () => isKept(scene), RUNNING_MS);
  await scene.until('the lease tells how far the journal goes', () => isNoted(scene), RUNNING_MS);
  await scene.until(
    'no accept is unanswered',
    () => [pool, other].every(({ session }) => session?.figures.openCalls === 0),
    RUNNING_MS,
  );
  const away = random.chance(0.4) ? random.pick(scene.agents) : undefined;
  if (away !== undefined) scene.cut(away);
  // Long enough, and the books know that it is away.
  if (away !== undefined && random.chance(0.5)) await scene.pause(80_000, 100_000);
  const before = [...world.running];
  const { rebuilds } = world.witness;
  world.loseBooks(random.chance(0.5) ? undefined : random.between(0, noted(scene) - 1));
  if (random.chance(0.3)) scene.crashLeader();
  await scene.until('they are made anew', () => world.witness.rebuilds > rebuilds, RUNNING_MS);
  // Now and then before anybody has heard of it.
  if (random.chance(0.3)) {
    await scene.pause(0, 1000);
    scene.crashLeader();
  }
  const there = scene.agents.filter((agent) => agent !== away);
  await scene.until('who is there has told', () => there.every(hasTold(scene)), RUNNING_MS);
  // Now and then beyond the time for which agents are waited for.
  await scene.pause(0, away === undefined ? 10_000 : 120_000);
  if (away !== undefined) scene.mend(away);
  await scene.until('all have', () => scene.agents.every(hasTold(scene)), SILENCE_LIMIT_MS);
  for (const one of before) scene.must(`${one} goes on`, world.running.has(one));
  scene.must('the books have what runs', areAllBooked(scene));
  scene.must('and nothing else', world.running.size === world.witness.replica.state.tasks.size);
  await scene.until(
    'frameworks are there again, and believe what they believed before',
    () =>
      [pool, other].every((one) => isSubscribed(scene, one)) &&
      pool.running === 6 &&
      other.running === 1,
    RUNNING_MS,
  );
}

const isSubscribed = ({ world }: Scene, { ref }: PooledFramework): boolean =>
  world.witness.replica.state.frameworks.get(frameworkKey(ref))?.state === 'subscribed';

/** Everything that the books hold of it, with nothing under way. */
function isKept({ world }: Scene): boolean {
  const { state } = world.witness.replica;
  const lines = (items: readonly unknown[]) => items.map((item) => JSON.stringify(item)).sort();
  const wanted = lines([...keptThings(state)].flatMap((thing) => keptRecords(state, thing)));
  return lines(world.settings.items).join() === wanted.join();
}

const noted = ({ world }: Scene): number => world.leases.noteOf('master')?.sequence ?? 0;

function isNoted(scene: Scene): boolean {
  const { leases, journal } = scene.world;
  return leases.noteOf('master')?.createdMs === journal.createdMs && noted(scene) > 1;
}

const hasTold =
  ({ world }: Scene) =>
  ({ agentId }: AgentProcess): boolean => {
    const agent = world.witness.replica.state.agents.get(agentId);
    return agent?.state === 'registered' && agent.isRecovering !== true;
  };

function areAllBooked({ world }: Scene): boolean {
  const { tasks } = world.witness.replica.state;
  return [...world.running].every((key) => tasks.get(key)?.agentId === world.starts.get(key));
}

/** All that is free can be used, old tasks can be ended, and what was decided holds. */
async function goesOn(scene: Scene, { pool, other }: Pools): Promise<void> {
  const { world } = scene;
  const { state } = world.witness.replica;
  scene.must('the weight is there', state.roleSettings.get(RoleName.parse('eng'))?.weight === 3000);
  const inService = scene.agents.length - 1;
  // One is for the task of the other one.
  const all = inService * ROOM - 1;
  pool.want({ count: 2 * all, cpus: CPUS });
  await scene.until(`${all} run`, () => pool.running === all, RUNNING_MS);
  const taskId = TaskId.parse('w1-1');
  other.kill(taskId);
  await scene.until('its end is told', () => other.isTold(taskId, 'killed'), RUNNING_MS);
  const key = taskKey({ ...other.ref, taskId });
  await scene.until('and booked', () => !world.witness.replica.state.tasks.has(key));
  await scene.until('its room is used', () => pool.running === all + 1, RUNNING_MS);
  const again = scene.framework('removed', {}, 't');
  await scene.until('who was removed stays so', () => again.stopped?.kind === 'refused');
}

// Owns the scenarios of agents that are taken out of service: emptied by an operator, for a while or to be given up, and
// by maintenance windows, while leaders, allocators and the agents themselves fail. That nothing is offered of them or
// launched on them meanwhile, and that what counts as emptied is empty, is in service-witness.ts. Mesos docs, "Agent
// draining", "Maintenance Primitives".
import type { ClusterEvent } from '@parley/cluster/events';
import { frameworkKey, WindowId } from '@parley/protocol/ids';
import type { AgentProcess } from '../agent-process.ts';
import { resources } from '../plan.ts';
import type { PooledFramework } from '../pooled-framework.ts';
import { type Scenario, type Scene, SILENCE_LIMIT_MS } from '../scenario.ts';

const OPTIONS = {
  agents: 3,
  total: resources(2000, 2_048_000),
  leaderChanges: true,
  allocatorCrashes: true,
} as const;
const CPUS = 500;
/** Of an agent. */
const ROOM = 4;
const GRACES_MS = [undefined, 0, 3000, 30_000] as const;
/** Grace, the time for messages, and absences that nobody takes for an end. */
const EMPTIED_MS = 400_000;
const PATIENT = { offerTimeoutMs: 3600_000 } as const;
/** None that ends nothing when it is told to: an executor answers for its tasks, and a drain waits for it. */
const TEMPERS = [undefined, undefined, 'stops', 'needsTime', 'silent'] as const;

const runs = ({ running }: PooledFramework, count: number) => running === count;

/** Of those on which something runs. */
function anyInUse(scene: Scene): AgentProcess {
  return scene.random.pick(scene.agents.filter((agent) => agent.runningTasks().length > 0));
}

export const drained: Scenario = {
  name: 'drained',
  about:
    'a drained agent ends empty whoever fails meanwhile, its tasks run elsewhere, and it is used again or gone for good',
  options: OPTIONS,
  play: async (scene) => {
    const { random, operator, world } = scene;
    const pool = scene.pool('f1', PATIENT);
    pool.want({
      count: 6,
      cpus: CPUS,
      kind: random.pick(['lasts', 'stubborn']),
      durationMs: 3600_000,
      temper: random.pick(TEMPERS),
    });
    await scene.until('six run', () => runs(pool, 6), EMPTIED_MS);
    const agent = anyInUse(scene);
    const { agentId } = agent;
    const sinceMs = world.clock.nowMs;
    const marksGone = random.chance(0.4);
    const graceMs = random.pick(GRACES_MS);
    operator.empty(agentId, { marksGone, ...(graceMs !== undefined && { graceMs }) });
    await scene.until('the drain is in the books', () => scene.service.isOut(agentId));
    scene.must('its tasks are asked to stop', areAskedToStop(scene, agent));
    await trouble(scene, agent);
    const happened = (type: 'agentDrained' | 'agentGone') =>
      scene.happened((event) => event.type === type && event.agentId === agentId, sinceMs);
    await scene.until('it is empty', () => happened('agentDrained') !== undefined, EMPTIED_MS);
    scene.must('nothing runs on it', agent.runningTasks().length === 0);
    await scene.until('six run on the others', () => runs(pool, 6), EMPTIED_MS);
    if (marksGone) {
      await scene.until('it is gone', () => happened('agentGone') !== undefined);
      await scene.until('the agent hears of it and leaves', () => !agent.alive, SILENCE_LIMIT_MS);
    }
    await scene.pause(0, 60_000);
    scene.must('it stays empty', agent.runningTasks().length === 0);
    // One that is gone stays so, whatever is asked.
    operator.change(agentId, 'reactivate');
    const all = scene.agents.length * ROOM - (marksGone ? ROOM : 0);
    pool.want({ count: 2 * all, cpus: CPUS });
    await scene.until(`${all} run`, () => runs(pool, all), EMPTIED_MS);
    scene.must(
      'it is used again, unless it is gone',
      agent.runningTasks().length > 0 !== marksGone,
    );
  },
};

/** One failure at most: of who is to see to it, or of the agent. */
async function trouble(scene: Scene, agent: AgentProcess): Promise<void> {
  const { random, world } = scene;
  const downMs = random.between(100, 20_000);
  switch (random.pick(['none', 'leader', 'agent', 'machine', 'cut', 'long'] as const)) {
    case 'leader':
      scene.crashLeader();
      break;
    case 'agent':
      agent.crash();
      world.clock.after(downMs, () => agent.start());
      break;
    case 'machine':
      agent.reboot();
      world.clock.after(downMs, () => agent.start());
      break;
    case 'cut':
      scene.cut(agent);
      world.clock.after(downMs, () => scene.mend(agent));
      break;
    case 'long':
      scene.cut(agent);
      await scene.pause(80_000, 150_000);
      scene.mend(agent);
      break;
    default:
      break;
  }
}

type Ending = 'over' | 'stopped' | 'cancelled' | 'startedEarly';
type WindowState = Extract<ClusterEvent, { type: 'maintenanceChanged' }>['to'];

export const maintained: Scenario = {
  name: 'maintained',
  about:
    'agents in a maintenance window are left alone from its notice on and empty from its start, whatever frameworks answer, and used again after it',
  options: OPTIONS,
  play: async (scene) => {
    const { random } = scene;
    const pools = (['accept', 'decline', undefined] as const).map((answer, index) =>
      scene.pool(`f${index + 1}`, PATIENT, { statesDemand: true, answer }),
    );
    for (const pool of pools) pool.want({ count: 3, cpus: CPUS, temper: random.pick(TEMPERS) });
    const allRun = (count: number) => pools.every((pool) => runs(pool, count));
    await scene.until('all of it runs', () => allRun(3), EMPTIED_MS);
    const agent = anyInUse(scene);
    const ending = random.pick<Ending>(['over', 'over', 'stopped', 'cancelled', 'startedEarly']);
    const window = schedule(scene, agent);
    const isIn = (state: WindowState) => () => scene.service.stateOf(window.windowId) === state;
    await scene.until('it is announced', isIn('announced'), EMPTIED_MS);
    const asked = pools.filter((pool) => isAsked(scene, pool));
    scene.must('somebody is asked', asked.length > 0);
    if (random.chance(0.4)) scene.crashLeader();
    await scene.until('who has something there is asked', () =>
      asked.every((pool) => eventsOf(pool, 'agentInverseOffer', window.windowId) === 1),
    );
    if (ending === 'startedEarly')
      scene.operator.maintain({ change: 'start', windowId: window.windowId });
    if (ending === 'cancelled') return cancel(scene, { window, asked, pools });
    await scene.until('it begins', isIn('underWay'), EMPTIED_MS);
    mustBeInTime(scene, window, ending);
    scene.must('its tasks are asked to stop', areAskedToStop(scene, agent));
    await trouble(scene, agent);
    const isEmptied = () => scene.happened(({ type }) => type === 'agentDrained') !== undefined;
    await scene.until(
      'the agent is empty, or it is over',
      () => isEmptied() || isIn('ended')(),
      EMPTIED_MS,
    );
    scene.must('it is empty before it is over', isEmptied());
    scene.must('nothing runs on it', agent.runningTasks().length === 0 || isIn('ended')());
    if (ending === 'stopped')
      scene.operator.maintain({ change: 'stop', windowId: window.windowId });
    await scene.until('it is over', isIn('ended'), 2 * EMPTIED_MS);
    for (const pool of pools)
      scene.must(
        'nobody was asked twice',
        eventsOf(pool, 'agentInverseOffer', window.windowId) <= 1,
      );
    await fillUp(scene, pools);
  },
};

type Window = { readonly windowId: WindowId; readonly startsMs: number };

function schedule(scene: Scene, { agentId }: AgentProcess): Window {
  const { random, operator, world } = scene;
  const windowId = WindowId.parse('w1');
  const inMs = random.between(60_000, 120_000);
  /** Longer than its agent is away. */
  const durationMs = random.between(250_000, 400_000);
  const graceMs = random.pick(GRACES_MS);
  operator.maintain({
    change: 'schedule',
    window: {
      windowId,
      agents: [agentId],
      startWallTimeMs: operator.wallClockMs + inMs,
      durationMs,
      noticeMs: random.pick([40_000, 60_000, 900_000]),
      ...(graceMs !== undefined && { graceMs }),
      reason: 'a new kernel',
    },
  });
  return { windowId, startsMs: world.clock.nowMs + inMs };
}

function mustBeInTime(scene: Scene, { startsMs }: Window, ending: Ending): void {
  const begun = scene.happened(
    (event) => event.type === 'maintenanceChanged' && event.to === 'underWay',
  );
  scene.must(
    `it does not begin before its time (${begun} of ${startsMs})`,
    ending === 'startedEarly' || (begun ?? 0) >= startsMs,
  );
  const kept = scene.happened((event) => event.type === 'agentDrained');
  scene.must('nothing counts as emptied before', kept === undefined || kept >= (begun ?? 0));
}

/** According to the books. */
function areAskedToStop({ world }: Scene, { agentId }: AgentProcess): boolean {
  const tasks = [...world.witness.replica.state.tasks.rows()];
  return tasks.every((task) => task.agentId !== agentId || task.kill !== undefined);
}

/** Nobody has to go, and whoever was asked is told so. */
async function cancel(
  scene: Scene,
  {
    window: { windowId },
    asked,
    pools,
  }: {
    readonly window: Window;
    readonly asked: readonly PooledFramework[];
    readonly pools: readonly PooledFramework[];
  },
): Promise<void> {
  scene.operator.maintain({ change: 'cancel', windowId });
  await scene.until('the operator has his answer', () => scene.operator.isIdle);
  if (scene.service.stateOf(windowId) !== 'cancelled') {
    // It has begun before that.
    scene.operator.maintain({ change: 'stop', windowId });
  } else {
    await scene.until('they are told', () =>
      asked.every((pool) => eventsOf(pool, 'agentInverseOfferWithdrawn', windowId) === 1),
    );
    scene.must('nothing was emptied', scene.service.emptied === 0);
  }
  await fillUp(scene, pools);
}

/** All agents are used to the last: whoever has ended tasks by itself wants as many again. */
async function fillUp(scene: Scene, pools: readonly PooledFramework[]): Promise<void> {
  const each = (scene.agents.length * ROOM) / pools.length;
  const areFull = () =>
    pools.every((pool) => {
      const lacking = each - pool.live - pool.waiting;
      if (lacking > 0) pool.want({ count: lacking, cpus: CPUS });
      return runs(pool, each);
    });
  await scene.until('all agents are used again', areFull, EMPTIED_MS);
}

/** According to the books, which ask as the window is announced. */
function isAsked({ world }: Scene, { ref }: PooledFramework): boolean {
  const { inverseOffers } = world.witness.replica.state;
  return [...inverseOffers.rows()].some(
    ({ framework }) => frameworkKey(framework) === frameworkKey(ref),
  );
}

function eventsOf(
  { events }: PooledFramework,
  kind: 'agentInverseOffer' | 'agentInverseOfferWithdrawn',
  windowId: WindowId,
): number {
  return events.filter((event) => event.kind === kind && event.windowId === windowId).length;
}

// Owns one run: a cluster drawn from a seed, a time of faults, a time of healing, and what must hold at the end.
// The same seed makes the same run, event by event.

import type { Effect } from '@parley/cluster/effects';
import { AgentId, FrameworkId, PrincipalName, type TaskKey, taskKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import { AgentProcess } from './agent-process.ts';
import { AllocatorProcess } from './allocator-process.ts';
import { Chaos } from './chaos.ts';
import { drawFaults } from './faults.ts';
import { FrameworkProcess } from './framework-process.ts';
import { History } from './history.ts';
import { MasterProcess } from './master-process.ts';
import { Random } from './random.ts';
import { World } from './world.ts';

/** Virtual time in which everything must have come to rest after the faults end. */
const REST_LIMIT_MS = 3_600_000;
const MAX_EVENTS = 5_000_000;

export type RunReport = {
  readonly seed: number;
  readonly virtualMs: number;
  readonly entries: number;
  readonly tasks: number;
  readonly terms: number;
  readonly faults: string;
};

export class SimulationFailure extends Error {
  readonly seed: number;

  constructor(seed: number, world: World, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const faults = JSON.stringify(world.faults);
    super(
      `seed ${seed}: ${what}\nrepeat with: npm run sim -- --seed ${seed}\nfaults: ${faults}\n${world.trace.slice(-60).join('\n')}`,
      { cause },
    );
    this.seed = seed;
  }
}

/** Runs one seed; throws a SimulationFailure that says which rule broke. */
export function simulate(seed: number): RunReport {
  const random = new Random(seed);
  const faults = drawFaults(random.derive('faults'));
  const world = new World(random, faults);
  try {
    const cast = drawCast(world);
    const chaos = new Chaos(world, cast);
    chaos.begin();
    const faultyMs = random.derive('length').pick([20_000, 60_000, 180_000]);
    runUntil(world, () => world.clock.nowMs >= faultyMs);
    chaos.heal();
    runUntil(world, () => cast.frameworks.every((framework) => framework.finished), cast);
    for (const framework of cast.frameworks) framework.tearDownWhenDone();
    runUntil(world, () => isAtRest(cast), cast);
    checkEnd(world, cast);
    const { length } = world.journal.messages;
    return {
      seed,
      virtualMs: world.clock.nowMs,
      entries: length,
      tasks: world.starts.size,
      terms: chaos.terms,
      faults: JSON.stringify(faults),
    };
  } catch (error) {
    throw new SimulationFailure(seed, world, error);
  }
}

export type Cast = {
  readonly masters: readonly MasterProcess[];
  readonly allocator: AllocatorProcess;
  readonly agents: readonly AgentProcess[];
  readonly frameworks: readonly FrameworkProcess[];
  readonly history: History;
};

function drawCast(world: World): Cast {
  const random = world.random.derive('cast');
  const principals = new Map([
    ['alice', { roles: ['*'] }],
    ['bob', { roles: ['*'] }],
  ]);
  const history = new History(world);
  const masters = ['master-1', 'master-2'].map(
    (name) => new MasterProcess(world, name, history, principals),
  );
  const agents = Array.from({ length: random.between(1, 4) }, (_, index) => {
    const scalars = { cpus: random.between(1, 4) * 1000, mem: random.between(1, 4) * 1_024_000 };
    return new AgentProcess(world, AgentId.parse(`a${index + 1}`), {
      scalars,
      ports: [],
      sets: {},
    });
  });
  const frameworks = Array.from({ length: random.between(1, 3) }, (_, index) => {
    const ref = {
      principal: PrincipalName.parse(random.pick(['alice', 'bob'])),
      frameworkId: FrameworkId.parse(`f${index + 1}`),
    };
    const wishes = Array.from({ length: random.between(3, 15) }, () => drawWish(random));
    return new FrameworkProcess(world, ref, { role: random.pick(['eng', 'ops']), wishes });
  });
  return { masters, allocator: new AllocatorProcess(world), agents, frameworks, history };
}

function drawWish(random: Random) {
  const scalars = {
    cpus: random.pick([100, 250, 500, 1000]),
    mem: random.pick([64_000, 256_000, 900_000]),
  };
  const kind = random.pick(['works', 'works', 'works', 'fails', 'stubborn']);
  const durationMs = random.pick([0, 10, 500, 3000, 20_000]);
  return { resources: { scalars, ports: [], sets: {} }, argv: [kind, String(durationMs)] };
}

function runUntil(world: World, isDone: () => boolean, cast?: Cast): void {
  const limitMs = world.clock.nowMs + REST_LIMIT_MS;
  for (let events = 0; !isDone(); events += 1) {
    const late = world.clock.nowMs > limitMs || events > MAX_EVENTS;
    if (late || !world.clock.step())
      throw new Error(`does not come to rest\n${cast ? describe(cast) : ''}`);
  }
}

function isAtRest({ frameworks, agents, masters }: Cast): boolean {
  const leader = masters.find((master) => master.isLeading)?.state;
  const quiet =
    leader !== undefined &&
    leader.tasks.size === 0 &&
    leader.offers.size === 0 &&
    leader.unwritten.size === 0 &&
    leader.orders.size === 0;
  const done = frameworks.every((framework) => framework.removed);
  return (
    quiet &&
    done &&
    agents.every((agent) => agent.runningTasks().length === 0 && agent.recordCount === 0)
  );
}

function describe(cast: Cast): string {
  const leader = cast.masters.find((master) => master.isLeading);
  const tasks = [...(leader?.state?.tasks.rows() ?? [])].map(
    (task) => `${taskKey(task.task)}@${task.agentId}=${task.state}`,
  );
  const agents = cast.agents.map(
    (agent) =>
      `${agent.name}: runs ${agent.runningTasks().join(' ')}, ${agent.recordCount} records`,
  );
  const books = `leader ${leader?.name}: tasks ${tasks.join(' ')}, ${leader?.state?.offers.size} offers, ${leader?.state?.orders.size} orders, ${leader?.state?.unwritten.size} unwritten`;
  return [books, ...agents, ...cast.frameworks.map((framework) => framework.describe())].join('\n');
}

function checkEnd(world: World, cast: Cast): void {
  for (const [task, count] of world.starts)
    if (count > 1) throw new Error(`task ${task} was started ${count} times`);
  const ends = endsOfTasks(cast.history.checkReplay());
  for (const [task, count] of ends)
    if (count !== 1) throw new Error(`task ${task} has ${count} terminal states`);
  for (const task of world.accepted)
    if (!ends.has(task)) throw new Error(`task ${task} was accepted and never ended`);
}

/** How many terminal states the journal gave each accepted task; 0 for one that never ended. */
function endsOfTasks(effects: readonly Effect[]): Map<TaskKey, number> {
  const ends = new Map<TaskKey, number>();
  for (const effect of effects) {
    if (effect.kind !== 'event' || effect.event.type !== 'taskStateChanged') continue;
    const key = taskKey(effect.event.task);
    ends.set(key, (ends.get(key) ?? 0) + (isTerminal(effect.event.to) ? 1 : 0));
  }
  return ends;
}

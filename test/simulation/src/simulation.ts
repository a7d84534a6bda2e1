// Owns one run: a cluster drawn from a seed, a time of faults, a time of healing, and what must hold at rest.
// The same seed makes the same run, event by event.

import { AgentId, RoleName, taskKey } from '@parley/protocol/ids';
import { AgentProcess } from './agent-process.ts';
import { AllocatorProcess, type Whims } from './allocator-process.ts';
import { Chaos } from './chaos.ts';
import { FrameworkDisk } from './framework-disk.ts';
import { FrameworkProcess } from './framework-process.ts';
import { History } from './history.ts';
import { MasterProcess } from './master-process.ts';
import { OperatorProcess } from './operator-process.ts';
import { drawPlan, type Plan } from './plan.ts';
import { Random } from './random.ts';
import { checkEnd, checkEvents, disagreements, isAtRest, isSettled } from './rest.ts';
import { ServiceWitness } from './service-witness.ts';
import { World } from './world.ts';

/** Virtual time in which everything must have come to rest after the faults end. */
const REST_LIMIT_MS = 600_000;
const MAX_EVENTS = 5_000_000;
/** Between two looks whether it has come to rest. */
const LOOK_MS = 50;
const TRACE_LINES_SHOWN = 100;

export type RunReport = {
  readonly seed: number;
  readonly virtualMs: number;
  readonly entries: number;
  readonly tasks: number;
  readonly terms: number;
  /** Inputs that made the core throw. */
  readonly skipped: number;
  readonly hash: string;
};

class SimulationFailure extends Error {
  readonly seed: number;

  constructor(plan: Plan, world: World, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const trace = world.trace.slice(-TRACE_LINES_SHOWN).join('\n');
    super(
      `seed ${plan.seed}: ${what}\nat ${world.clock.nowMs} ms; repeat with: npm run sim -- --seed ${plan.seed}\n` +
        `${JSON.stringify({ faults: plan.faults, faultyMs: plan.faultyMs })}\n${trace}`,
      { cause },
    );
    this.seed = plan.seed;
  }
}

/** Runs one seed; throws a SimulationFailure that says which rule broke. */
export async function simulate(seed: number): Promise<RunReport> {
  const plan = drawPlan(seed);
  const world = new World(new Random(seed), plan.faults);
  try {
    return await run(plan, world);
  } catch (error) {
    throw new SimulationFailure(plan, world, error);
  }
}

async function run(plan: Plan, world: World): Promise<RunReport> {
  const cast = makeCast(plan, world);
  const chaos = new Chaos(world, cast);
  chaos.begin();
  await runUntil(world, () => world.clock.nowMs >= plan.faultyMs);
  chaos.heal();
  await runUntil(world, () => isSettled(world, cast), cast);
  const state = cast.masters.find((master) => master.isLeading)?.state;
  if (state) checkEvents(world, state);
  for (const framework of cast.frameworks) framework.tearDownWhenDone();
  await runUntil(world, () => isAtRest(world, cast), cast);
  checkEnd(world, cast);
  return {
    seed: plan.seed,
    virtualMs: world.clock.nowMs,
    entries: world.journal.messages.length,
    tasks: world.starts.size,
    terms: world.witness.terms,
    skipped: world.witness.replica.skips.length,
    hash: world.witness.replica.hash(),
  };
}

export type Cast = {
  readonly masters: readonly MasterProcess[];
  readonly allocators: readonly AllocatorProcess[];
  readonly agents: readonly AgentProcess[];
  readonly operator: OperatorProcess;
  /** Of one that has two processes, both. */
  readonly frameworks: readonly FrameworkProcess[];
  readonly history: History;
};

function makeCast(plan: Plan, world: World): Cast {
  const principals = new Map([
    ['alice', { roles: ['*'] }],
    ['bob', { roles: ['*'] }],
  ]);
  const history = new History(world);
  // Throws by itself at what must not be.
  new ServiceWitness(world);
  const { settings } = plan;
  const masters = plan.masters.map(
    (name) => new MasterProcess(world, name, { principals, settings }),
  );
  return {
    masters,
    operator: new OperatorProcess(world, masters),
    allocators: ['allocator-1', 'allocator-2'].map(
      (name) => new AllocatorProcess(world, name, whimsOf(plan)),
    ),
    agents: plan.agents.map(
      (total, index) => new AgentProcess(world, AgentId.parse(`a${index + 1}`), total),
    ),
    frameworks: plan.frameworks.flatMap((framework) => {
      const disk = new FrameworkDisk(framework);
      const first = new FrameworkProcess(world, disk);
      return framework.habits.hasTwin ? [first, new FrameworkProcess(world, disk, 't')] : [first];
    }),
    history,
  };
}

/** Any framework in any of its roles may be wanted something for. */
function whimsOf({ frameworks, faultyMs, revocationsPerMinute }: Plan): Whims {
  const sharers = frameworks.flatMap(({ ref, roles }) =>
    roles.map((role) => ({ framework: ref, role: RoleName.parse(role) })),
  );
  return { sharers, perMinute: revocationsPerMinute, untilMs: faultyMs };
}

async function runUntil(world: World, isDone: () => boolean, cast?: Cast): Promise<void> {
  const limitMs = world.clock.nowMs + REST_LIMIT_MS;
  let lookMs = Number.NEGATIVE_INFINITY;
  const isOver = (): boolean => {
    if (world.clock.nowMs < lookMs) return false;
    lookMs = world.clock.nowMs + LOOK_MS;
    return isDone();
  };
  for (let events = 0; !isOver(); events += 1) {
    const late = world.clock.nowMs > limitMs || events > MAX_EVENTS;
    if (late || !(await world.step()))
      throw new Error(`does not come to rest\n${cast ? describe(world, cast) : ''}`);
  }
}

function describe(world: World, cast: Cast): string {
  const leader = cast.masters.find((master) => master.isLeading);
  const tasks = [...(leader?.state?.tasks.rows() ?? [])].map(
    (task) => `${taskKey(task.task)}@${task.agentId}=${task.state}`,
  );
  const agents = cast.agents.map(
    (agent) =>
      `${agent.name}: runs ${agent.runningTasks().join(' ')}, ${agent.recordCount} records`,
  );
  const books = `leader ${leader?.name}: tasks ${tasks.join(' ')}, ${leader?.state?.offers.size} offers, ${leader?.state?.orders.size} orders, ${leader?.state?.unwritten.size} unwritten, ${leader?.state?.frameworkEvents.size} events, reservations ${[...(leader?.state?.reservations.keys() ?? [])]}, ${cast.allocators.map(({ name, isInStep }) => `${name} ${isInStep ? 'in' : 'out of'} step`)}`;
  return [
    books,
    ...agents,
    ...cast.frameworks.map((framework) => framework.describe()),
    ...cast.frameworks.flatMap((framework) => disagreements(world, framework)),
  ].join('\n');
}

// Owns how a named scenario is played: a small cluster, faults of the messages and changes of the leader from the seed,
// steps with random timings, and at the end what must hold in every run. What happens is in the files of scenarios/.
import type { ClusterEvent } from '@parley/cluster/events';
import { ClusterSettings } from '@parley/cluster/inputs';
import { AgentId, type FrameworkRef, RoleName, TaskId, taskKey } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { OperatorSharingRequest } from '@parley/protocol/operators';
import type { Resources } from '@parley/protocol/resources';
import { TaskDescription, type TaskDescriptionInput, type TaskState } from '@parley/protocol/tasks';
import { AgentProcess } from './agent-process.ts';
import { AllocatorProcess } from './allocator-process.ts';
import { Chaos } from './chaos.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { History } from './history.ts';
import { MasterProcess } from './master-process.ts';
import { OperatorProcess } from './operator-process.ts';
import { resources, type WishKind } from './plan.ts';
import { PooledFramework, type PoolHabits } from './pooled-framework.ts';
import { Random } from './random.ts';
import { checkEnd, isEmpty } from './rest.ts';
import { ScriptedFramework } from './scripted-framework.ts';
import { ServiceWitness } from './service-witness.ts';
import type { SessionWishes } from './session-process.ts';
import { SharingWitness } from './sharing-witness.ts';
import { World } from './world.ts';

const REST_LIMIT_MS = 600_000;
const MAX_EVENTS = 20_000_000;
const TRACE_LINES_SHOWN = 80;
const MAX_LAUNCHES = 10;
/** For a verdict about silence: each new leader waits anew. */
export const SILENCE_LIMIT_MS = 3_600_000;
/** For whatever takes a few messages: each may be lost and repeated some times, the leader may change meanwhile. */
const SOON_MS = 120_000;

export type ScenarioOptions = {
  /** How many. */
  readonly agents: number;
  /** Now and then the leader ends, or another one is told to lead. */
  readonly leaderChanges: boolean;
  /** Refusals live in the allocator alone: where they are at stake, nothing of what it hears and says is lost. */
  readonly keepsFilters?: boolean;
  /** Now and then the allocator is killed, too. */
  readonly allocatorCrashes?: boolean;
  /** Of each agent; absent: 1,000 milli-CPUs and 1,000 MiB. */
  readonly total?: Resources;
  readonly settings?: Partial<ClusterSettings>;
  /** Journal and snapshots get lost. */
  readonly losesBooks?: boolean;
};

export type Scenario = {
  readonly name: string;
  readonly about: string;
  readonly options: ScenarioOptions;
  readonly play: (scene: Scene) => Promise<void>;
};

/** Throws what broke, with the command that repeats it. */
export async function playScenario(scenario: Scenario, seed: number): Promise<void> {
  const random = new Random(seed).derive(scenario.name);
  const faults = drawMessageFaults(random.derive('faults'), scenario.options);
  const world = new World(random.derive('world'), faults);
  try {
    const scene = new Scene(world, random, scenario.options);
    await scene.begin();
    await scenario.play(scene);
    await scene.finish();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const trace = world.trace.slice(-TRACE_LINES_SHOWN).join('\n');
    throw new Error(
      `${scenario.name}, seed ${seed}: ${what}\nat ${world.clock.nowMs} ms; repeat with: npm run sim -- --scenario ${scenario.name} --seed ${seed}\n${JSON.stringify(faults)}\n${trace}`,
      { cause: error },
    );
  }
}

function drawMessageFaults(random: Random, options: ScenarioOptions): Faults {
  const { leaderChanges, keepsFilters = false, allocatorCrashes = false } = options;
  return {
    ...NO_FAULTS,
    dropChance: random.pick([0, 0.02, 0.1]),
    duplicateChance: random.pick([0, 0.1]),
    maxDelayMs: random.pick([1, 5, 50, 200]),
    reorder: random.chance(0.4),
    lostAckChance: keepsFilters ? 0 : random.pick([0, 0.1]),
    lateStoreChance: keepsFilters ? 0 : random.pick([0, 0.05]),
    leaseTimeoutChance: keepsFilters ? 0 : random.pick([0, 0.1]),
    masterEndsPerMinute: leaderChanges ? random.pick([0, 0.5, 1]) : 0,
    mistakesPerMinute: leaderChanges ? random.pick([0, 0.25]) : 0,
    ...(allocatorCrashes && {
      allocatorCrashesPerMinute: random.pick([0, 1, 4]),
      maxDownMs: random.pick([200, 3000]),
    }),
  };
}

export class Scene {
  readonly world: World;
  readonly random: Random;
  readonly masters: readonly MasterProcess[];
  readonly allocators: readonly AllocatorProcess[];
  readonly agents: readonly AgentProcess[];
  readonly operator: OperatorProcess;
  readonly frameworks: ScriptedFramework[] = [];
  readonly history: History;
  readonly sharing: SharingWitness;
  readonly service: ServiceWitness;
  readonly #chaos: Chaos;

  constructor(world: World, random: Random, options: ScenarioOptions) {
    this.world = world;
    this.random = random.derive('steps');
    world.losesBooks = options.losesBooks === true;
    this.history = new History(world);
    const principals = new Map([['alice', { roles: ['*'] }]]);
    this.sharing = new SharingWitness(world);
    this.service = new ServiceWitness(world);
    const settings = ClusterSettings.parse({ outstandingCapPermille: 1000, ...options.settings });
    this.masters = ['master-1', 'master-2'].map(
      (name) => new MasterProcess(world, name, { principals, settings }),
    );
    this.operator = new OperatorProcess(world, this.masters);
    const allocators = options.keepsFilters ? ['allocator-1'] : ['allocator-1', 'allocator-2'];
    this.allocators = allocators.map((name) => new AllocatorProcess(world, name));
    if (options.keepsFilters) {
      for (const { name } of this.allocators) world.bus.spare(name);
      // An append that is lost is repeated after seconds.
      world.journal.heal({ ...world.faults, dropChance: 0 });
      // Without its lease the allocator would begin anew.
      world.leases.heal({ ...world.faults, dropChance: 0 });
    }
    const { total = resources(1000, 1_024_000) } = options;
    this.agents = Array.from(
      { length: options.agents },
      (_, index) => new AgentProcess(world, AgentId.parse(`a${index + 1}`), total),
    );
    this.#chaos = new Chaos(world, this);
  }

  async begin(): Promise<void> {
    this.#chaos.begin();
    const everybody = [...this.masters, ...this.allocators, ...this.agents, this.operator];
    await this.until('everybody is there', () => everybody.every(({ alive }) => alive));
    await this.until('somebody leads', () => this.leader !== undefined);
  }

  get leader(): MasterProcess | undefined {
    return this.masters.find((master) => master.isLeading && master.state !== undefined);
  }

  /** Leader and standbys have stepped every entry of the journal. */
  areAllLevel(): boolean {
    return this.masters.every(({ sequence }) => sequence === this.world.journal.lastSequence);
  }

  /** A framework that is there from now on; of the same id: another process of it. */
  framework(id: string, wishes: Partial<SessionWishes> = {}, label = 's'): ScriptedFramework {
    const roles = [RoleName.parse('eng')];
    const made = new ScriptedFramework(
      this.world,
      id,
      { name: id, roles, failoverTimeoutMs: 3600_000, ...wishes },
      label,
    );
    this.frameworks.push(made);
    made.start();
    return made;
  }

  /** Likewise one that gets its work done by itself; it begins with none. */
  pool(
    id: string,
    { role = 'eng', ...wishes }: Partial<SessionWishes> & { readonly role?: string } = {},
    habits: PoolHabits = { statesDemand: true },
  ): PooledFramework {
    const named = { name: id, roles: [RoleName.parse(role)], failoverTimeoutMs: 3600_000 };
    const made = new PooledFramework(this.world, id, { ...named, ...wishes }, habits);
    this.frameworks.push(made);
    made.start();
    return made;
  }

  /** What an operator sets about sharing, for certain and as the books have it then. */
  async share(...changes: OperatorSharingRequest['changes']): Promise<void> {
    this.operator.share({ changes, force: true });
    await this.until('what the operator sets is set', () => this.operator.isIdle);
  }

  agent(index: number): AgentProcess {
    const agent = this.agents[index];
    if (agent === undefined) throw new Error(`there is no agent ${index}`);
    return agent;
  }

  cut(agent: AgentProcess): void {
    this.world.note(`${agent.name} is cut off`);
    this.world.bus.cut(agent.name);
  }

  mend(agent: AgentProcess): void {
    this.world.note(`${agent.name} is reached again`);
    this.world.bus.mend(agent.name);
  }

  async elapse(ms: number): Promise<void> {
    const endMs = this.world.clock.nowMs + ms;
    // Something happens at that moment, so that time gets there.
    this.world.clock.after(ms, () => undefined);
    await this.#run(() => this.world.clock.nowMs >= endMs);
  }

  /** Random milliseconds in between. */
  async pause(lowMs: number, highMs: number): Promise<void> {
    await this.elapse(this.random.between(lowMs, highMs));
  }

  async until(what: string, isSo: () => boolean, limitMs = SOON_MS): Promise<void> {
    const endMs = this.world.clock.nowMs + limitMs;
    await this.#run(() => isSo() || this.world.clock.nowMs > endMs);
    if (!isSo()) throw new Error(`not in ${limitMs} ms: ${what}\n${this.#describe()}`);
  }

  must(what: string, isSo: boolean): void {
    if (!isSo) throw new Error(`it does not hold that ${what}\n${this.#describe()}`);
  }

  /** Offers until one of this agent, or of any, is held; the first that is. */
  async offerOf(framework: ScriptedFramework, agent?: AgentProcess): Promise<Offer> {
    const find = () =>
      [...framework.held.values()].find(({ agentId }) => (agent?.agentId ?? agentId) === agentId);
    await this.until(`${framework.name} holds an offer`, () => find() !== undefined);
    const offer = find();
    if (offer === undefined) throw new Error('it was just there');
    return offer;
  }

  /** Launched for certain: where an offer came to nothing meanwhile, under another id. What is left goes back at once. */
  async launch(
    framework: ScriptedFramework,
    task: TaskDescription,
    agent?: AgentProcess,
  ): Promise<TaskDescription> {
    for (let attempt = 1; attempt <= MAX_LAUNCHES; attempt += 1) {
      const taskId = attempt === 1 ? task.taskId : TaskId.parse(`${task.taskId}-${attempt}`);
      const launched = { ...task, taskId };
      const offers = [await this.offerOf(framework, agent)];
      const id = framework.accept({ offers, launches: [launched], filter: { refuseMs: 0 } });
      await this.until('the accept is answered', () => framework.outcomes.has(id));
      const outcome = framework.outcomes.get(id);
      if (outcome?.ok && outcome.value.launched.includes(taskId)) return launched;
    }
    throw new Error(`${task.taskId} is never launched`);
  }

  /** What the books say of the task. */
  booked(
    framework: { readonly ref: FrameworkRef },
    { taskId }: TaskDescription,
  ): TaskState | undefined {
    return this.world.witness.tasks.get(taskKey({ ...framework.ref, taskId }))?.state;
  }

  runs(framework: ScriptedFramework, { taskId }: TaskDescription): boolean {
    return this.world.running.has(taskKey({ ...framework.ref, taskId }));
  }

  /** When this happened, according to the journal. */
  happened(isIt: (event: ClusterEvent) => boolean, sinceMs = 0): number | undefined {
    return this.world.events.find(({ atMs, event }) => atMs >= sinceMs && isIt(event))?.atMs;
  }

  /** The leader is gone at once; somebody else leads soon. */
  crashLeader(): void {
    const { leader } = this;
    leader?.crash();
    this.world.clock.after(this.random.between(1000, 8000), () => leader?.start());
  }

  /** Whatever the scenario did: what is healed comes to rest, and every rule of the random runs holds. */
  async finish(): Promise<void> {
    this.#chaos.heal();
    await this.elapse(1);
    for (const framework of this.frameworks)
      if (framework.stopped === undefined) framework.tearDown();
    await this.until(
      'all is at rest',
      () =>
        this.frameworks.every(({ stopped }) => stopped !== undefined) && isEmpty(this.world, this),
      REST_LIMIT_MS,
    );
    checkEnd(this.world, this);
  }

  async #run(isDone: () => boolean): Promise<void> {
    for (let events = 0; !isDone(); events += 1) {
      if (events > MAX_EVENTS || !(await this.world.step()))
        throw new Error('nothing happens any more');
    }
  }

  #describe(): string {
    const state = this.leader?.state;
    const tasks = [...(state?.tasks.rows() ?? [])].map(
      ({ task, state: now }) => `${task.taskId}=${now}`,
    );
    return `leader ${this.leader?.name}: tasks ${tasks.join(' ')}, ${state?.offers.size} offers, ${state?.orders.size} orders, ${state?.unwritten.size} unwritten, ${state?.frameworkEvents.size} events`;
  }
}

/** By default it lasts until it is killed, on 100 milli-CPUs and 64 MiB. */
export function aTask(
  id: string,
  {
    kind = 'lasts',
    durationMs = 0,
    cpus = 100,
    ...rest
  }: { kind?: WishKind; durationMs?: number; cpus?: number } & Partial<TaskDescriptionInput> = {},
): TaskDescription {
  return TaskDescription.parse({
    taskId: TaskId.parse(id),
    resources: resources(cpus, 64_000),
    command: { argv: [kind, String(durationMs)] },
    inputs: [{ object: 'o', path: 'p' }],
    ...rest,
  });
}

// Owns a whole cluster in one process, for the tests of a framework: the real core and the real allocator, agents that run
// nothing, virtual time, faults from a seed, and the list of what the framework did wrong. Real hosts, servers and
// processes are not in it.

import { setImmediate as turn } from 'node:timers/promises';
import { Allocator, type AllocatorEffect } from '@parley/allocation/allocator';
import type { ClusterEvent } from '@parley/cluster/events';
import { ClusterSettings, type Order } from '@parley/cluster/inputs';
import type { TaskRecord } from '@parley/cluster/records';
import type { Domain } from '@parley/protocol/constraints';
import { inboxPrefix } from '@parley/protocol/credential';
import { succeed } from '@parley/protocol/errors';
import {
  AgentId,
  ClusterName,
  type FrameworkRef,
  frameworkKey,
  PrincipalName,
} from '@parley/protocol/ids';
import type { Attributes } from '@parley/protocol/offers';
import type { ResourcesInput } from '@parley/protocol/resources';
import { parametersOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription, TaskState } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import { normalise } from '@parley/resources/resources';
import type { SchedulerPorts } from '@parley/scheduler-sdk/scheduler-ports';
import { Chance, type Faults, NO_FAULTS } from './faults.ts';
import { readFrameworkCall } from './framework-calls.ts';
import { MemoryBus, type MemoryConnection, type Message } from './memory-bus.ts';
import { MemoryObjects } from './memory-objects.ts';
import { MemoryUpdates } from './memory-updates.ts';
import { type TaskCourse, TestAgent } from './test-agent.ts';
import { TestLeader } from './test-leader.ts';
import { type Violation, ViolationWatch } from './violations.ts';
import { VirtualClock } from './virtual-clock.ts';

export type TestAgentPlan = {
  /** How many such agents; 1 by default. */
  readonly count?: number;
  /** Thousandths: `{ scalars: { cpus: 4000, mem: 8192000 } }` is 4 CPUs and 8 GiB. */
  readonly resources: ResourcesInput;
  /** What these agents fail together with. */
  readonly domain?: Domain;
  readonly attributes?: Attributes;
};

export type TestClusterOptions = {
  readonly agents: readonly TestAgentPlan[];
  /** Equal seeds make equal runs. */
  readonly seed?: number;
  readonly faults?: Partial<Faults>;
  readonly settings?: Partial<ClusterSettings>;
  /** By default a task ends well after a second; `sleep N` after N seconds; `false` at once and badly. */
  readonly courseOf?: (description: TaskDescription) => TaskCourse;
};

const ORDER_RETRY_MS = 250;
const UNTIL_MS = 600_000;

export class TestCluster {
  readonly #cluster = ClusterName.parse('test');
  readonly #clock = new VirtualClock();
  readonly #chance: Chance;
  readonly #bus: MemoryBus;
  readonly #updates = new Map<PrincipalName, MemoryUpdates>();
  readonly #objects = new Map<PrincipalName, MemoryObjects>();
  readonly #allocator: Allocator;
  readonly #allocatorEpoch = { bucketCreatedMs: 1, revision: 1 };
  readonly #leader: TestLeader;
  readonly #agents: TestAgent[] = [];
  readonly #watch: ViolationWatch;
  readonly #connections = new Map<string, MemoryConnection>();
  /** By framework: since when it has been subscribed and in reach. */
  readonly #thereSinceMs = new Map<string, number>();
  #areSchedulersCut = false;
  #tokens = 0;
  #connectionCount = 0;

  constructor(options: TestClusterOptions) {
    this.#chance = new Chance(options.seed ?? 1);
    this.#bus = new MemoryBus(this.#clock, this.#chance, (message) => this.#sent(message));
    this.#allocator = new Allocator({ seed: options.seed ?? 1 });
    this.#watch = new ViolationWatch({
      clock: this.#clock,
      isAcknowledged: (framework, { sequence }) =>
        this.#streamOf(framework.principal).isAcknowledged(framework, sequence),
      deliveredMs: ({ principal }, { sequence }, sinceMs) =>
        this.#streamOf(principal).firstDeliveryMs(sequence, sinceMs),
      isGone: (framework) =>
        this.#leader.state.frameworks.get(frameworkKey(framework)) === undefined,
      hasSeen: (framework, offerId) => this.#leader.hasSeen(framework, offerId),
      thereSinceMs: (framework) => this.#thereSince(framework),
    });
    this.#leader = new TestLeader({
      cluster: this.#cluster,
      clock: this.#clock,
      bus: this.#bus,
      settings: ClusterSettings.parse(options.settings ?? {}),
      listener: {
        onFacts: (message, epoch) =>
          this.#allocated(this.#allocator.facts(message, this.#clock.nowMs(), epoch)),
        onOrder: (order) => this.#send(order),
        onUpdate: (update) => void this.#streamOf(update.task.principal).append(update),
        onEvent: (event) => this.#happened(event),
        onCall: (call) => this.#watch.called(call),
        onRescind: (framework, offerIds, number) =>
          this.#watch.rescindTold(framework, offerIds, number),
        onConfirmed: (framework, number) => this.#watch.confirmed(framework, number),
        heardAgents: () =>
          this.#agents.filter(({ isReachable }) => isReachable).map(({ agentId }) => agentId),
      },
    });
    this.#agents.push(...this.#makeAgents(options));
    this.#allocated(this.#allocator.started(this.#allocatorEpoch, this.#clock.nowMs()));
    this.#bus.faults = { ...NO_FAULTS, ...options.faults };
  }

  /** What a scheduler of this principal needs: `new Scheduler(options, cluster.ports('team'))`. */
  ports(principal = 'tester'): SchedulerPorts {
    const name = PrincipalName.parse(principal);
    this.#connectionCount += 1;
    const connection = `${name} ${this.#connectionCount}`;
    return {
      cluster: this.#cluster,
      principal: name,
      clock: this.#clock,
      openBus: (listener) => {
        const inbox = `${inboxPrefix({ kind: 'principal', id: name })}.${this.#connectionCount}`;
        const made = this.#bus.connection(connection, inbox, listener);
        this.#connections.set(connection, made);
        return made;
      },
      openUpdates: (reader) =>
        this.#streamOf(name).open(reader, () => !this.#bus.isCut(connection)),
      openBucket: async () => succeed(this.#objectsOf(name)),
      randomToken: () => {
        this.#tokens += 1;
        return `token-${this.#tokens}`;
      },
      warn: (error) => process.emitWarning(error),
      close: async () => undefined,
    };
  }

  /** Milliseconds of virtual time since the cluster began. */
  get nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Lets so much virtual time pass, with everything that happens in it. */
  async advance(forMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + forMs;
    await turn();
    while (this.#clock.step(untilMs)) await turn();
  }

  /** Lets virtual time pass until it is so. Throws when it is not within `limitMs` (ten minutes by default). */
  async until(isSo: () => boolean, limitMs = UNTIL_MS): Promise<void> {
    const untilMs = this.#clock.nowMs() + limitMs;
    await turn();
    while (!isSo()) {
      if (!this.#clock.step(untilMs)) {
        throw new Error(`it is not so after ${limitMs / 1000} s of virtual time: ${isSo}`);
      }
      await turn();
    }
  }

  /** Live tasks as the books have them; of one state where it is given. */
  tasks(state?: TaskState): TaskRecord[] {
    return [...this.#leader.state.tasks.rows()].filter(
      (task) => state === undefined || task.state === state,
    );
  }

  /** Outstanding offers of all frameworks. */
  get offerCount(): number {
    return this.#leader.state.offers.size;
  }

  agent(index: number): TestAgent {
    const agent = this.#agents[index];
    if (agent === undefined) throw new Error(`there are ${this.#agents.length} agents`);
    return agent;
  }

  /** Another master leads from now on: outstanding offers stay valid, unanswered calls are to be repeated. */
  failOverMaster(): void {
    this.#leader.failOver();
  }

  /** From now on; what is not named stays as it is. */
  setFaults(faults: Partial<Faults>): void {
    this.#bus.faults = { ...this.#bus.faults, ...faults };
  }

  /** All schedulers lose the bus. */
  cutSchedulers(): void {
    this.#areSchedulersCut = true;
    for (const [name, connection] of this.#connections) {
      this.#bus.cut(name);
      connection.changed(false);
    }
  }

  mendSchedulers(): void {
    this.#areSchedulersCut = false;
    for (const key of this.#thereSinceMs.keys()) this.#thereSinceMs.set(key, this.#clock.nowMs());
    for (const [name, connection] of this.#connections) {
      this.#bus.mend(name);
      connection.changed(true);
    }
  }

  /** An operator gives the agent up: it never comes back. */
  async declareGone(index: number): Promise<void> {
    const { agentId } = this.agent(index);
    this.agent(index).partition();
    const operator = PrincipalName.parse('operator');
    await this.#leader.call(
      { kind: 'operator', operator },
      { verb: 'operatorAgent', body: { agentId, change: 'gone' } },
    );
  }

  /** What frameworks did wrong, in the order in which it was found. */
  violations(): readonly Violation[] {
    return this.#watch.found;
  }

  #makeAgents({ agents, courseOf = defaultCourse }: TestClusterOptions): TestAgent[] {
    const plans = agents.flatMap((plan) => Array.from({ length: plan.count ?? 1 }, () => plan));
    return plans.map(
      ({ resources, domain, attributes = {} }, index) =>
        new TestAgent({
          agentId: AgentId.parse(`agent-${index}`),
          hostname: `host-${index}`,
          total: normalise(resources),
          ...(domain !== undefined && { domain }),
          attributes,
          clock: this.#clock,
          courseOf,
          call: (caller, call) => this.#leader.call(caller, call),
          write: (update) => void this.#streamOf(update.task.principal).append(update),
        }),
    );
  }

  #streamOf(principal: PrincipalName): MemoryUpdates {
    const known = this.#updates.get(principal);
    if (known !== undefined) return known;
    const made = new MemoryUpdates(this.#cluster, this.#clock);
    made.onStored((stored) => {
      this.#leader.updateStored(stored);
      this.#watch.stored(stored);
    });
    this.#updates.set(principal, made);
    return made;
  }

  #objectsOf(principal: PrincipalName): MemoryObjects {
    const known = this.#objects.get(principal) ?? new MemoryObjects();
    this.#objects.set(principal, known);
    return known;
  }

  /** Repeated until the agent has answered it or the books need it no more. */
  #send(order: Order): void {
    const { state } = this.#leader;
    if (!state.orders.has(order.orderId)) return;
    const agent = this.#agents.find(({ agentId }) => agentId === order.agentId);
    const answer = agent?.take(order);
    if (answer === undefined) {
      this.#clock.startTimer(ORDER_RETRY_MS, () => this.#send(order));
      return;
    }
    const { orderId, agentId } = order;
    this.#leader.submit({ kind: 'orderAnswered', agentId, orderId, ...answer });
  }

  #allocated(effects: readonly AllocatorEffect[]): void {
    for (const effect of effects) {
      this.#allocatedOne(effect);
    }
    const wakeMs = this.#allocator.nextWakeMs();
    if (wakeMs === undefined) return;
    this.#clock.startTimer(wakeMs - this.#clock.nowMs(), () => {
      const nowMs = this.#clock.nowMs();
      // Whatever came meanwhile has planned another one.
      if ((this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY) <= nowMs)
        this.#allocated(this.#allocator.tick(nowMs));
    });
  }

  #allocatedOne(effect: AllocatorEffect): void {
    const epoch = this.#allocatorEpoch;
    switch (effect.kind) {
      case 'requestSnapshot':
        this.#clock.startTimer(0, () => this.#leader.sendAllFacts());
        return;
      case 'propose':
        this.#leader.submit({ kind: 'proposals', epoch, proposals: effect.proposals });
        return;
      case 'revoke': {
        const { revocations, calledOff } = effect;
        this.#leader.submit({ kind: 'revocations', epoch, revocations, calledOff });
        return;
      }
      case 'askCandidates':
        this.#clock.startTimer(0, () => {
          const answer = this.#leader.candidates(effect.question);
          this.#allocated(this.#allocator.candidates(answer, this.#clock.nowMs()));
        });
        return;
      default:
        unreachable(effect);
    }
  }

  /** Only of accepts it matters when they were sent. */
  #sent({ subject, bytes }: Message): void {
    if (parametersOf(SUBJECTS.accept, this.#cluster, subject) === undefined) return;
    const call = readFrameworkCall(this.#cluster, subject, bytes);
    if (call?.ok === true) this.#watch.sent(call.value);
  }

  #thereSince(framework: FrameworkRef): number | undefined {
    const key = frameworkKey(framework);
    const isThere = this.#leader.state.frameworks.get(key)?.state === 'subscribed';
    return isThere && !this.#areSchedulersCut ? this.#thereSinceMs.get(key) : undefined;
  }

  #happened(event: ClusterEvent): void {
    this.#watch.happened(event);
    if (event.type !== 'frameworkSubscribed') return;
    this.#thereSinceMs.set(frameworkKey(event.framework), this.#clock.nowMs());
  }
}

function defaultCourse({ command }: TaskDescription): TaskCourse {
  const [program, seconds] = command?.argv ?? [];
  if (program === 'false') return { afterMs: 0, exitCode: 1 };
  if (program === 'sleep') return { afterMs: Number(seconds) * 1000, exitCode: 0 };
  return { afterMs: 1000, exitCode: 0 };
}

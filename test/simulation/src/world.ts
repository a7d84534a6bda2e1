// Owns what all simulated processes of a run share: time, the bus, what JetStream keeps, and the record of
// what really happened, against which the invariants are checked.
import type { ClusterEvent } from '@parley/cluster/events';
import {
  type AgentId,
  ClusterName,
  type FrameworkKey,
  type PrincipalName,
  type TaskKey,
} from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import { Clock } from './clock.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { JournalWitness } from './journal-witness.ts';
import { JOURNAL_TAIL } from './process-place.ts';
import type { Random } from './random.ts';
import { SimulatedBus } from './simulated-bus.ts';
import { SimulatedLeases } from './simulated-lease.ts';
import { SimulatedSettings } from './simulated-settings.ts';
import { SimulatedSnapshots } from './simulated-snapshots.ts';
import { SimulatedStream } from './simulated-streams.ts';

/** Lines kept for the report of a failing run. */
const TRACE_LINES = 2000;

export class World {
  readonly cluster = ClusterName.parse('sim');
  readonly clock = new Clock();
  readonly random: Random;
  readonly bus: SimulatedBus;
  readonly journal: SimulatedStream;
  readonly leases: SimulatedLeases;
  readonly snapshots: SimulatedSnapshots;
  readonly settings = new SimulatedSettings();
  /** Journal and snapshots may be lost: what operators have set is kept beside them then. */
  losesBooks = false;
  readonly #updates = new Map<PrincipalName, SimulatedStream>();
  readonly witness: JournalWitness;
  /** The agent that has really started each task. */
  readonly starts = new Map<TaskKey, AgentId>();
  /** Tasks whose processes run now. */
  readonly running = new Set<TaskKey>();
  /** Tasks that the leader told a framework it has launched. */
  readonly accepted = new Set<TaskKey>();
  /** Calls that made the core throw and were answered so. */
  poisoned = 0;
  readonly trace: string[] = [];
  /** What the journal says happened, and when it was stored. */
  readonly events: { readonly atMs: number; readonly event: ClusterEvent }[] = [];
  /** Told of each, one by one in their order. */
  readonly listeners: ((event: ClusterEvent) => void)[] = [];
  readonly #rebuiltListeners: (() => void)[] = [];
  /** Volumes that a task that runs uses, by agent, role and volume. */
  readonly #volumes = new Map<string, TaskKey>();
  readonly #consumers = new Map<FrameworkKey, Set<number>>();
  readonly #told = new Map<FrameworkKey, Set<number>>();
  #isHealed = false;
  #isTouched = false;
  #failure: { readonly error: unknown } | undefined;
  #faults: Faults;

  constructor(random: Random, faults: Faults) {
    this.random = random;
    this.#faults = faults;
    this.bus = new SimulatedBus(this.clock, random.derive('bus'), faults);
    this.journal = new SimulatedStream(this.clock, random.derive('journal'), faults);
    this.leases = new SimulatedLeases(this.clock, random.derive('leases'), faults);
    this.snapshots = new SimulatedSnapshots(() => this.clock.nowMs);
    this.witness = new JournalWitness(this.cluster, this.journal.messages, {
      ended: (task) => this.#ended(task),
      happened: (event) => {
        this.events.push({ atMs: this.clock.nowMs, event });
        for (const hear of this.listeners) hear(event);
      },
      rebuilt: () => {
        this.note('the books are made anew');
        for (const hear of this.#rebuiltListeners) hear();
      },
    });
    this.journal.onStored((stored) => this.witness.stored(stored));
    this.journal.onStored(({ sequence, bytes }) =>
      this.bus.publish('jetstream', { subject: `${JOURNAL_TAIL}.${sequence}`, bytes }),
    );
  }

  get faults(): Faults {
    return this.#faults;
  }

  /** The next thing that happens, to its end; false when nothing is left. Throws what was found wrong. */
  async step(): Promise<boolean> {
    const isLeft = this.clock.step();
    // What was said to a process may be awaited there: it goes on before virtual time does.
    if (this.#isTouched) await new Promise<void>((resolve) => setImmediate(resolve));
    this.#isTouched = false;
    if (this.#failure !== undefined) throw this.#failure.error;
    return isLeft;
  }

  /** Something has reached a process. */
  touch(): void {
    this.#isTouched = true;
  }

  /** The run has failed, wherever that was found. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** For checks in the midst of what a process does: it goes on, the run does not. */
  guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Told when books are made anew, before anything that is in them. */
  onRebuilt(hear: () => void): void {
    this.#rebuiltListeners.push(hear);
  }

  /** Journal and snapshots are deleted and made again, or put back as they were at an earlier entry. */
  loseBooks(upTo?: number): void {
    this.note(upTo === undefined ? 'the books are deleted' : `the books are put back to ${upTo}`);
    this.witness.booksLost();
    this.snapshots.cutBack(upTo ?? 0);
    if (upTo === undefined) this.journal.makeAnew();
    else this.journal.cutBack(upTo);
  }

  updates(principal: PrincipalName): SimulatedStream {
    const existing = this.#updates.get(principal);
    if (existing !== undefined) return existing;
    const made = new SimulatedStream(
      this.clock,
      this.random.derive(`updates ${principal}`),
      this.#faults,
    );
    this.#updates.set(principal, made);
    return made;
  }

  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** Stream sequences that the framework has acknowledged: its durable consumer. */
  consumer(framework: FrameworkKey): Set<number> {
    return entryOf(this.#consumers, framework);
  }

  /** The user of the session was told this event. */
  told(framework: FrameworkKey, eventId: number): void {
    entryOf(this.#told, framework).add(eventId);
  }

  toldTo(framework: FrameworkKey): ReadonlySet<number> {
    return entryOf(this.#told, framework);
  }

  /** No faults from now on: what remains must come to rest by itself. */
  heal(): void {
    this.#isHealed = true;
    this.#faults = NO_FAULTS;
    this.bus.heal(NO_FAULTS);
    this.journal.heal(NO_FAULTS);
    this.leases.heal(NO_FAULTS);
    for (const stream of this.#updates.values()) stream.heal(NO_FAULTS);
  }

  /** A process of the task was started: only what the books hold live on that agent may be, and once. */
  started(task: TaskKey, agentId: AgentId, volumes: readonly string[] = []): void {
    this.note(`${task} starts on ${agentId}`);
    const before = this.starts.get(task);
    if (before !== undefined) throw new Error(`${task} is started on ${agentId} after ${before}`);
    const booked = this.witness.find(task);
    if (!this.witness.wasLaunched(task) || booked === undefined)
      throw new Error(`${task} is started on ${agentId} and nobody has launched it`);
    if (booked.agentId !== agentId)
      throw new Error(`${task} is started on ${agentId} and was launched on ${booked.agentId}`);
    // One that was declared gone is not asked: what it does until it hears of it nobody can prevent.
    if (isTerminal(booked.state) && !this.witness.gone.has(agentId))
      throw new Error(`${task} is started on ${agentId} although it is ${booked.state}`);
    for (const volume of volumes) this.#use(`${agentId} ${volume}`, task);
    this.starts.set(task, agentId);
    this.running.add(task);
  }

  /** Nothing of the task runs any more. */
  stopped(task: TaskKey): void {
    this.note(`${task} runs no more`);
    this.running.delete(task);
    for (const [volume, user] of this.#volumes) if (user === task) this.#volumes.delete(volume);
  }

  #use(volume: string, task: TaskKey): void {
    const user = this.#volumes.get(volume);
    if (user !== undefined) throw new Error(`${task} uses volume ${volume} beside ${user}`);
    this.#volumes.set(volume, task);
  }

  /** The data of a volume is deleted: nobody may be at it. */
  destroyed(agentId: AgentId, volume: string): void {
    const user = this.#volumes.get(`${agentId} ${volume}`);
    if (user !== undefined) throw new Error(`volume ${volume} is destroyed and ${user} uses it`);
  }

  /** The books let go of a task. */
  #ended(task: TaskKey): void {
    this.note(`${task} is ${this.witness.tasks.get(task)?.state} in the books`);
    const agentId = this.witness.tasks.get(task)?.agentId;
    if (agentId !== undefined && this.witness.gone.has(agentId)) return;
    if (this.running.has(task)) throw new Error(`${task} has ended in the books and still runs`);
  }

  note(line: string): void {
    this.trace.push(`${String(this.clock.nowMs).padStart(8)} ms  ${line}`);
    if (this.trace.length > TRACE_LINES) this.trace.shift();
  }
}

function entryOf<Key, Item>(map: Map<Key, Set<Item>>, key: Key): Set<Item> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = new Set<Item>();
  map.set(key, made);
  return made;
}

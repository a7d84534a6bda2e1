// Owns what all simulated processes of a run share: time, the bus, what JetStream keeps, and the record of
// what really happened, against which the invariants are checked.
import { ClusterName, type PrincipalName, type TaskKey } from '@parley/protocol/ids';
import { Clock } from './clock.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import type { Random } from './random.ts';
import { SimulatedBus } from './simulated-bus.ts';
import { SimulatedStream } from './simulated-streams.ts';

/** Lines kept for the report of a failing run. */
const TRACE_LINES = 400;

export class World {
  readonly cluster = ClusterName.parse('sim');
  readonly clock = new Clock();
  readonly random: Random;
  readonly bus: SimulatedBus;
  readonly journal: SimulatedStream;
  readonly #updates = new Map<PrincipalName, SimulatedStream>();
  /** How often each task was really started, on whatever agent. */
  readonly starts = new Map<TaskKey, number>();
  /** Tasks that the leader told a framework it has launched. */
  readonly accepted = new Set<TaskKey>();
  readonly trace: string[] = [];
  #faults: Faults;

  constructor(random: Random, faults: Faults) {
    this.random = random;
    this.#faults = faults;
    this.bus = new SimulatedBus(this.clock, random.derive('bus'), faults);
    this.journal = new SimulatedStream(this.clock, random.derive('journal'), faults);
  }

  get faults(): Faults {
    return this.#faults;
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

  /** No faults from now on: what remains must come to rest by itself. */
  heal(): void {
    this.#faults = NO_FAULTS;
    this.bus.heal(NO_FAULTS);
    this.journal.heal(NO_FAULTS);
    for (const stream of this.#updates.values()) stream.heal(NO_FAULTS);
  }

  started(task: TaskKey): void {
    this.starts.set(task, (this.starts.get(task) ?? 0) + 1);
  }

  note(line: string): void {
    this.trace.push(`${String(this.clock.nowMs).padStart(8)} ms  ${line}`);
    if (this.trace.length > TRACE_LINES) this.trace.shift();
  }
}

// Owns the life of one simulated process: it starts, crashes at any moment, is held up as by SIGSTOP and goes on, starts
// again with nothing in memory and another monotonic clock; what it had asked for does not reach its successor.
import { inboxPrefix } from '@parley/protocol/credential';
import type { Place } from './process-place.ts';
import type { Random } from './random.ts';
import type { Delivered } from './simulated-bus.ts';
import type { World } from './world.ts';

const BEGINNING_MS = 1_700_000_000_000;

export abstract class SimulatedProcess {
  readonly name: string;
  protected readonly world: World;
  protected readonly random: Random;
  #incarnation = 0;
  #alive = false;
  #clockOffsetMs = 0;
  #wallOffsetMs = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #nonces = 0;
  /** What has reached the process while it was held up; undefined while it runs. */
  #held: (() => void)[] | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.random = world.random.derive(name);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get isPaused(): boolean {
    return this.#held !== undefined;
  }

  protected get incarnation(): number {
    return this.#incarnation;
  }

  /** Monotonic clock of this process: of another origin after each start. */
  protected get nowMs(): number {
    return this.world.clock.nowMs + this.#clockOffsetMs;
  }

  protected get wallTimeMs(): number {
    return BEGINNING_MS + this.world.clock.nowMs + this.#wallOffsetMs;
  }

  /** Whether this process can talk to the bus and to JetStream. */
  protected readonly reachable = (): boolean =>
    this.#alive && !this.isPaused && !this.world.bus.isCut(this.name);

  start(): void {
    if (this.#alive) return;
    this.#incarnation += 1;
    this.#alive = true;
    this.#clockOffsetMs = this.random.between(0, 1_000_000);
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.world.note(`${this.name} starts`);
    this.started();
    this.world.touch();
  }

  crash(): void {
    if (!this.#alive) return;
    this.world.note(`${this.name} crashes`);
    this.#alive = false;
    this.#held = undefined;
    this.world.bus.unsubscribeAll(this.name);
    this.crashed();
  }

  /** Nothing happens in it until it goes on; what reaches it meanwhile waits. Its sockets stay open. */
  pause(): void {
    if (!this.#alive || this.isPaused) return;
    this.world.note(`${this.name} is held up`);
    this.#held = [];
  }

  goOn(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.world.note(`${this.name} goes on`);
    this.#held = undefined;
    // One by one, as a process works through what waits in its sockets.
    for (const run of held) this.after(0, run);
  }

  /** Its wall clock jumps; the monotonic one does not. */
  jumpWallClock(byMs: number): void {
    this.world.note(`the wall clock of ${this.name} jumps by ${byMs} ms`);
    this.#wallOffsetMs += byMs;
  }

  protected abstract started(): void;
  protected abstract crashed(): void;
  protected abstract tick(): void;

  /** Runs later unless the process has died meanwhile. */
  protected after(delayMs: number, run: () => void): void {
    this.world.clock.after(delayMs, this.whileAlive(run));
  }

  /** What may be called from outside at any time: it has its effect in this life of the process only, when it runs. */
  protected whileAlive<Arguments extends unknown[]>(
    run: (...given: Arguments) => void,
  ): (...given: Arguments) => void {
    const incarnation = this.#incarnation;
    const isOver = (): boolean => !this.#alive || this.#incarnation !== incarnation;
    return (...given) => {
      if (isOver()) return;
      if (this.#held !== undefined) {
        this.#held.push(() => run(...given));
        return;
      }
      run(...given);
      this.world.touch();
    };
  }

  /** Has `tick` called at this time of the process' own clock at the latest. */
  protected wakeAt(ownMs: number | undefined): void {
    if (ownMs === undefined || ownMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = ownMs;
    this.after(ownMs - this.nowMs, () => {
      if (this.#wakeAtMs !== ownMs) return;
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.tick();
    });
  }

  /** What production's shells see in this life of the process; `publishes` sees what they say, before it is sent. */
  protected place(
    kind: 'master' | 'allocator',
    publishes: Place['publishes'] = () => undefined,
  ): Place {
    const { world, name } = this;
    const incarnation = this.#incarnation;
    return {
      world,
      name,
      inbox: `${inboxPrefix({ kind, id: name })}.${incarnation}`,
      nowMs: () => this.nowMs,
      wallTimeMs: () => this.wallTimeMs,
      after: (delayMs, run) => this.after(delayMs, run),
      whileAlive: (run) => this.whileAlive(run),
      isAlive: () => this.#alive && this.#incarnation === incarnation,
      subscribe: (pattern, handle) => this.subscribe(pattern, handle),
      publishes,
    };
  }

  protected makeNonce(): string {
    this.#nonces += 1;
    return `${this.name}-${this.#nonces}`;
  }

  protected subscribe(pattern: string, handle: (message: Delivered) => void): () => void {
    return this.world.bus.subscribe(this.name, pattern, this.whileAlive(handle));
  }

  protected publish(subject: string, bytes: Uint8Array, reply?: string): void {
    const message = reply === undefined ? { subject, bytes } : { subject, bytes, reply };
    this.world.bus.publish(this.name, message);
  }
}

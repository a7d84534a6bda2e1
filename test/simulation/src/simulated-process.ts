// Owns the life of one simulated process: it starts, crashes at any moment, starts again with nothing in
// memory and another monotonic clock; what it had asked for does not reach its successor.
import type { Random } from './random.ts';
import type { Delivered } from './simulated-bus.ts';
import type { World } from './world.ts';

export abstract class SimulatedProcess {
  readonly name: string;
  protected readonly world: World;
  protected readonly random: Random;
  #incarnation = 0;
  #alive = false;
  #clockOffsetMs = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.random = world.random.derive(name);
  }

  get alive(): boolean {
    return this.#alive;
  }

  protected get incarnation(): number {
    return this.#incarnation;
  }

  /** Monotonic clock of this process: of another origin after each start. */
  protected get nowMs(): number {
    return this.world.clock.nowMs + this.#clockOffsetMs;
  }

  protected get wallTimeMs(): number {
    return 1_700_000_000_000 + this.world.clock.nowMs;
  }

  /** Whether this process can talk to the bus and to JetStream. */
  protected readonly reachable = (): boolean => this.#alive && !this.world.bus.isCut(this.name);

  start(): void {
    if (this.#alive) return;
    this.#incarnation += 1;
    this.#alive = true;
    this.#clockOffsetMs = this.random.between(0, 1_000_000);
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.world.note(`${this.name} starts`);
    this.started();
  }

  crash(): void {
    if (!this.#alive) return;
    this.world.note(`${this.name} crashes`);
    this.#alive = false;
    this.world.bus.unsubscribeAll(this.name);
    this.crashed();
  }

  protected abstract started(): void;
  protected abstract crashed(): void;
  protected abstract tick(): void;

  /** Runs later unless the process has died meanwhile. */
  protected after(delayMs: number, run: () => void): void {
    const incarnation = this.#incarnation;
    this.world.clock.after(delayMs, () => {
      if (this.#alive && this.#incarnation === incarnation) run();
    });
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

  protected subscribe(pattern: string, handle: (message: Delivered) => void): void {
    this.world.bus.subscribe(this.name, pattern, handle);
  }

  protected publish(subject: string, bytes: Uint8Array, reply?: string): void {
    const message = reply === undefined ? { subject, bytes } : { subject, bytes, reply };
    this.world.bus.publish(this.name, message);
  }
}

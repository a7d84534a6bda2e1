// Owns what goes wrong in a run and when: crashes, restarts, cuts, and who is told to lead, now and then
// while another still does.
import type { MasterProcess } from './master-process.ts';
import type { Random } from './random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Cast } from './simulation.ts';
import type { World } from './world.ts';

const CHECK_MS = 1000;
const LEASE_MS = 3000;

export class Chaos {
  readonly #world: World;
  readonly #cast: Cast;
  readonly #random: Random;
  #healed = false;
  #terms = 0;

  constructor(world: World, cast: Cast) {
    this.#world = world;
    this.#cast = cast;
    this.#random = world.random.derive('chaos');
  }

  get terms(): number {
    return this.#terms;
  }

  begin(): void {
    for (const one of this.#everybody())
      this.#world.clock.after(this.#random.between(0, 500), () => one.start());
    this.#world.clock.after(600, () => this.#watchLeadership());
    this.#world.clock.after(CHECK_MS, () => this.#harm());
  }

  /** Everybody runs and reaches everybody from now on. */
  heal(): void {
    this.#world.note('everything heals');
    this.#healed = true;
    this.#world.heal();
    for (const one of this.#everybody()) one.start();
  }

  #everybody(): SimulatedProcess[] {
    const { masters, allocator, agents, frameworks } = this.#cast;
    return [...masters, allocator, ...agents, ...frameworks];
  }

  /** Once a virtual second each actor may crash or be cut off. */
  #harm(): void {
    if (this.#healed) return;
    const { crashesPerMinute, cutsPerMinute, maxDownMs } = this.#world.faults;
    for (const one of this.#everybody()) {
      if (one.alive && this.#random.chance(crashesPerMinute / 60)) {
        one.crash();
        this.#world.clock.after(this.#random.between(1, maxDownMs), () => one.start());
      }
      if (!this.#world.bus.isCut(one.name) && this.#random.chance(cutsPerMinute / 60)) {
        this.#world.note(`${one.name} is cut off`);
        this.#world.bus.cut(one.name);
        this.#world.clock.after(this.#random.between(1, maxDownMs), () =>
          this.#world.bus.mend(one.name),
        );
      }
    }
    this.#world.clock.after(CHECK_MS, () => this.#harm());
  }

  /** Stands for the lease: somebody leads soon after nobody did, and rarely somebody else does by mistake. */
  #watchLeadership(): void {
    const leading = this.#cast.masters.filter((one) => one.isLeading);
    const reachable = leading.filter((one) => !this.#world.bus.isCut(one.name));
    const mistaken = !this.#healed && this.#random.chance(0.01);
    if (reachable.length === 0 || mistaken) this.#elect(leading, mistaken);
    this.#world.clock.after(mistaken ? CHECK_MS : LEASE_MS, () => this.#watchLeadership());
  }

  #elect(leading: readonly MasterProcess[], mistaken: boolean): void {
    const candidates = this.#cast.masters.filter(
      (one) => one.alive && !leading.includes(one) && !this.#world.bus.isCut(one.name),
    );
    if (candidates.length === 0) return;
    if (mistaken) this.#world.note('somebody is told to lead by mistake');
    this.#terms += 1;
    this.#random.pick(candidates).lead(this.#terms);
  }
}

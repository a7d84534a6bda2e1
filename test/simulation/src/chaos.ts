// Owns what goes wrong in a run and when: crashes, stops, restarts, cuts, long absences, and who is told to lead,
// now and then while another still does.
import type { AgentId } from '@parley/protocol/ids';
import type { AgentProcess } from './agent-process.ts';
import type { AllocatorProcess } from './allocator-process.ts';
import type { MasterProcess } from './master-process.ts';
import type { OperatorProcess } from './operator-process.ts';
import type { Random } from './random.ts';
import { drawShares } from './shares.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

const CHECK_MS = 1000;
const LEASE_MS = 3000;
/** Beyond the silence that is tolerated of a framework (20 s), or of an agent too (75 s). */
const LONG_ABSENCE_MS: readonly [number, number] = [25_000, 130_000];

/** Who takes part, whatever the frameworks do. */
export type Actors = {
  readonly masters: readonly MasterProcess[];
  readonly allocator: AllocatorProcess;
  readonly agents: readonly AgentProcess[];
  readonly operator: OperatorProcess;
  readonly frameworks: readonly SimulatedProcess[];
};

export class Chaos {
  readonly #world: World;
  readonly #cast: Actors;
  readonly #random: Random;
  /** A stream of its own, so that what is set leaves all other draws as they are. */
  readonly #shares: Random;
  #healed = false;
  #terms = 0;

  constructor(world: World, cast: Actors) {
    this.#world = world;
    this.#cast = cast;
    this.#random = world.random.derive('chaos');
    this.#shares = world.random.derive('shares');
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
    this.#cast.operator.tidy();
  }

  #everybody(): SimulatedProcess[] {
    return [...this.#cast.masters, this.#cast.operator, ...this.#others()];
  }

  #others(): SimulatedProcess[] {
    const { allocator, agents, frameworks } = this.#cast;
    return [allocator, ...agents, ...frameworks];
  }

  /** Once a virtual second something may happen to each actor. */
  #harm(): void {
    if (this.#healed) return;
    const { faults } = this.#world;
    for (const one of this.#everybody()) this.#hit(one);
    const { allocatorCrashesPerMinute, maxDownMs } = faults;
    if (allocatorCrashesPerMinute > 0 && this.#isTime(allocatorCrashesPerMinute))
      this.#down(this.#cast.allocator, this.#random.between(1, maxDownMs));
    for (const one of this.#others())
      if (this.#isTime(faults.longAbsencesPerMinute)) this.#stayAway(one);
    for (const agent of this.#cast.agents)
      if (this.#isTime(faults.rebootsPerMinute)) this.#reboot(agent, faults.maxDownMs);
    for (const master of this.#cast.masters) {
      if (master.isLeading && this.#isTime(faults.masterEndsPerMinute)) this.#end(master);
    }
    this.#operate();
    this.#world.clock.after(CHECK_MS, () => this.#harm());
  }

  /** An agent is taken out of service for a while, or for good; the first one always stays, so that work gets done. */
  #operate(): void {
    const { deactivationsPerMinute, declarationsPerMinute } = this.#world.faults;
    const { agents, operator } = this.#cast;
    for (const { agentId } of agents)
      if (this.#isTime(deactivationsPerMinute)) this.#deactivate(agentId);
    for (const { agentId } of agents.slice(1))
      if (this.#isTime(declarationsPerMinute)) operator.change(agentId, 'gone');
    const chance = (this.#world.faults.sharesPerMinute * CHECK_MS) / 60_000;
    if (this.#shares.chance(chance)) operator.share(drawShares(this.#shares));
  }

  #deactivate(agentId: AgentId): void {
    const { operator } = this.#cast;
    operator.change(agentId, this.#random.chance(0.5) ? 'deactivate' : 'drain');
    this.#world.clock.after(this.#random.between(1000, 30_000), () =>
      operator.change(agentId, 'reactivate'),
    );
  }

  #hit(one: SimulatedProcess): void {
    const { crashesPerMinute, cutsPerMinute, maxDownMs } = this.#world.faults;
    const downMs = this.#random.between(1, maxDownMs);
    if (this.#isTime(crashesPerMinute)) this.#down(one, downMs);
    if (this.#isTime(cutsPerMinute)) this.#cut(one, downMs);
  }

  #stayAway(one: SimulatedProcess): void {
    const awayMs = this.#random.between(...LONG_ABSENCE_MS);
    if (this.#random.chance(0.5)) this.#down(one, awayMs);
    else this.#cut(one, awayMs);
  }

  #reboot(agent: AgentProcess, maxDownMs: number): void {
    agent.reboot();
    this.#startAfter(agent, this.#random.between(1, maxDownMs));
  }

  #isTime(perMinute: number): boolean {
    return this.#random.chance((perMinute * CHECK_MS) / 60_000);
  }

  #down(one: SimulatedProcess, forMs: number): void {
    if (!one.alive) return;
    one.crash();
    this.#startAfter(one, forMs);
  }

  #startAfter(one: SimulatedProcess, forMs: number): void {
    this.#world.clock.after(forMs, () => one.start());
  }

  #cut(one: SimulatedProcess, forMs: number): void {
    if (this.#world.bus.isCut(one.name)) return;
    this.#world.note(`${one.name} is cut off`);
    this.#world.bus.cut(one.name);
    this.#world.clock.after(forMs, () => this.#world.bus.mend(one.name));
  }

  /** Often the other takes over at once, as after a clean stop or with a standby that sees the lease end. */
  #end(master: MasterProcess): void {
    if (this.#random.chance(0.5)) master.stop();
    else master.crash();
    this.#startAfter(master, this.#random.between(1000, 10_000));
    if (this.#random.chance(0.5)) this.#world.clock.after(10, () => this.#elect());
  }

  /** Stands for the lease: somebody leads soon after nobody did, and rarely somebody else does by mistake. */
  #watchLeadership(): void {
    const isReached = this.#leading().some((one) => !this.#world.bus.isCut(one.name));
    const isMistaken = !this.#healed && this.#isTime(this.#world.faults.mistakesPerMinute * 3);
    if (isMistaken) this.#world.note('somebody is told to lead by mistake');
    if (!isReached || isMistaken) this.#elect();
    this.#world.clock.after(LEASE_MS, () => this.#watchLeadership());
  }

  #leading(): MasterProcess[] {
    return this.#cast.masters.filter((one) => one.isLeading);
  }

  #elect(): void {
    const leading = this.#leading();
    const candidates = this.#cast.masters.filter(
      (one) => one.alive && !leading.includes(one) && !this.#world.bus.isCut(one.name),
    );
    if (candidates.length === 0) return;
    this.#terms += 1;
    this.#random.pick(candidates).lead(this.#terms);
  }
}

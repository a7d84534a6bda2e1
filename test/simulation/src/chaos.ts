// Owns what goes wrong in a run and when: crashes, stops, restarts, pauses, cuts, long absences, disks, clocks, and
// leases that are free while somebody still leads.
import type { AgentId } from '@parley/protocol/ids';
import type { AgentProcess } from './agent-process.ts';
import type { AllocatorProcess } from './allocator-process.ts';
import type { MasterProcess } from './master-process.ts';
import type { OperatorProcess } from './operator-process.ts';
import type { Random } from './random.ts';
import { ServiceChanges } from './service-changes.ts';
import { drawShares } from './shares.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

const CHECK_MS = 1000;
const MAX_JUMP_MS = 3 * 3600_000;
const CUTS = ['both', 'both', 'in', 'out'] as const;
/** Beyond the silence that is tolerated of a framework (20 s), or of an agent too (75 s). */
const LONG_ABSENCE_MS: readonly [number, number] = [25_000, 130_000];

/** Who takes part, whatever the frameworks do. */
export type Actors = {
  readonly masters: readonly MasterProcess[];
  readonly allocators: readonly AllocatorProcess[];
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
  /** Likewise for what was added to the faults last. */
  readonly #disturbances: Random;
  readonly #service: ServiceChanges;
  #healed = false;

  constructor(world: World, cast: Actors) {
    this.#world = world;
    this.#cast = cast;
    this.#random = world.random.derive('chaos');
    this.#shares = world.random.derive('shares');
    this.#disturbances = world.random.derive('disturbances');
    this.#service = new ServiceChanges(world, cast);
  }

  begin(): void {
    for (const one of this.#everybody())
      this.#world.clock.after(this.#random.between(0, 500), () => one.start());
    this.#world.clock.after(CHECK_MS, () => this.#harm());
  }

  /** Everybody runs and reaches everybody from now on. */
  heal(): void {
    this.#world.note('everything heals');
    this.#healed = true;
    this.#world.heal();
    for (const one of this.#everybody()) {
      one.goOn();
      one.start();
    }
    this.#cast.operator.tidy();
  }

  #everybody(): SimulatedProcess[] {
    return [...this.#cast.masters, this.#cast.operator, ...this.#others()];
  }

  #others(): SimulatedProcess[] {
    const { allocators, agents, frameworks } = this.#cast;
    return [...allocators, ...agents, ...frameworks];
  }

  /** Once a virtual second something may happen to each actor. */
  #harm(): void {
    if (this.#healed) return;
    const { pausesPerMinute } = this.#world.faults;
    this.#strike();
    this.#operate();
    this.#service.during(CHECK_MS);
    this.#disturb();
    for (const one of this.#everybody()) if (this.#happens(pausesPerMinute)) this.#pause(one);
    this.#world.clock.after(CHECK_MS, () => this.#harm());
  }

  /** Processes end, or are cut off. */
  #strike(): void {
    const { faults } = this.#world;
    for (const one of this.#everybody()) this.#hit(one);
    const { allocatorCrashesPerMinute, maxDownMs } = faults;
    for (const allocator of this.#cast.allocators)
      if (allocatorCrashesPerMinute > 0 && this.#isTime(allocatorCrashesPerMinute))
        this.#down(allocator, this.#random.between(1, maxDownMs));
    for (const one of this.#others())
      if (this.#isTime(faults.longAbsencesPerMinute)) this.#stayAway(one);
    for (const agent of this.#cast.agents)
      if (this.#isTime(faults.rebootsPerMinute)) this.#reboot(agent, faults.maxDownMs);
    for (const master of this.#cast.masters) {
      if (master.isLeading && this.#isTime(faults.masterEndsPerMinute)) this.#end(master);
    }
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
    this.#world.bus.cut(one.name, this.#disturbances.pick(CUTS));
    this.#world.clock.after(forMs, () => this.#world.bus.mend(one.name));
  }

  /** One that leads is told to stop, or killed. */
  #end(master: MasterProcess): void {
    if (this.#random.chance(0.5)) master.stop();
    else master.crash();
    this.#startAfter(master, this.#random.between(1000, 10_000));
  }

  /** To all that there is beside the bus: leases, snapshots, disks, clocks. */
  #disturb(): void {
    const { faults, leases, snapshots, journal } = this.#world;
    const { masters, agents } = this.#cast;
    if (this.#happens(faults.mistakesPerMinute)) this.#freeLease();
    if (this.#happens(faults.damagesPerMinute)) {
      const damaged = snapshots.damageOne(this.#disturbances);
      if (damaged !== undefined) this.#world.note(`snapshot ${damaged} is damaged`);
    }
    for (const one of [...masters, ...agents])
      if (this.#happens(faults.clockJumpsPerMinute))
        one.jumpWallClock(this.#disturbances.between(-MAX_JUMP_MS, MAX_JUMP_MS));
    if (this.#happens(faults.fullDisksPerMinute)) {
      this.#world.note('the disk of the journal is full');
      journal.fill(true);
      this.#world.clock.after(this.#disturbances.between(100, 10_000), () => journal.fill(false));
    }
    if (this.#happens(faults.slowDisksPerMinute)) {
      this.#world.note('the disk of the journal is slow');
      journal.slowDown(this.#disturbances.between(10, 3000));
      this.#world.clock.after(this.#disturbances.between(1000, 20_000), () => journal.slowDown(0));
    }
    if (this.#happens(faults.rolloutsPerMinute)) this.#rollOut([...masters]);
    if (this.#happens(faults.rolloutsPerMinute)) this.#cast.operator.stepDown();
    // A free lease of the allocators is nobody's to lose but a few seconds.
    if (this.#happens(faults.mistakesPerMinute)) leases.free('allocator');
  }

  #freeLease(): void {
    this.#world.note('the lease is free although somebody leads');
    this.#world.leases.free('master');
  }

  #rollOut([next, ...others]: readonly MasterProcess[]): void {
    if (next === undefined || this.#healed) return;
    next.stop();
    const downMs = this.#disturbances.between(500, 3000);
    this.#startAfter(next, downMs);
    this.#world.clock.after(2 * downMs, () => this.#rollOut(others));
  }

  #pause(one: SimulatedProcess): void {
    if (!one.alive || one.isPaused) return;
    one.pause();
    const { maxPausedMs } = this.#world.faults;
    this.#world.clock.after(this.#disturbances.between(10, maxPausedMs), () => one.goOn());
  }

  #happens(perMinute: number): boolean {
    return this.#disturbances.chance((perMinute * CHECK_MS) / 60_000);
  }
}

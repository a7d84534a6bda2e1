// Owns what the operator of a random run does to agents for a while: empties them, and plans maintenance windows that
// begin by themselves, or that he begins, ends or cancels. It draws from a stream of its own.
import { WindowId } from '@parley/protocol/ids';
import type { AgentProcess } from './agent-process.ts';
import type { OperatorProcess } from './operator-process.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const GRACES_MS = [undefined, undefined, 0, 2000, 20_000] as const;

export class ServiceChanges {
  readonly #world: World;
  readonly #random: Random;
  readonly #agents: readonly AgentProcess[];
  readonly #operator: OperatorProcess;
  #windows = 0;

  constructor(
    world: World,
    {
      agents,
      operator,
    }: { readonly agents: readonly AgentProcess[]; readonly operator: OperatorProcess },
  ) {
    this.#world = world;
    this.#agents = agents;
    this.#operator = operator;
    this.#random = world.random.derive('service changes');
  }

  /** Something may happen in that time; where one is given up for good, the first one always stays. */
  during(ms: number): void {
    const { emptyingsPerMinute, maintenancesPerMinute, declarationsPerMinute } = this.#world.faults;
    const happens = (perMinute: number) => this.#random.chance((perMinute * ms) / 60_000);
    for (const agent of this.#agents) {
      if (!happens(emptyingsPerMinute)) continue;
      const mayGo = declarationsPerMinute > 0 && agent !== this.#agents[0];
      this.#empty(agent, mayGo && this.#random.chance(0.3));
    }
    if (happens(maintenancesPerMinute)) this.#maintain();
  }

  #empty({ agentId }: AgentProcess, marksGone: boolean): void {
    const graceMs = this.#random.pick(GRACES_MS);
    this.#operator.empty(agentId, { marksGone, ...(graceMs !== undefined && { graceMs }) });
    this.#world.clock.after(this.#random.between(1000, 60_000), () =>
      this.#operator.change(agentId, 'reactivate'),
    );
  }

  #maintain(): void {
    this.#windows += 1;
    const windowId = WindowId.parse(`w${this.#windows}`);
    const some = this.#agents.filter(() => this.#random.chance(0.5));
    const agents = (some.length > 0 ? some : this.#agents).map(({ agentId }) => agentId);
    const graceMs = this.#random.pick(GRACES_MS);
    const inMs = this.#random.between(0, 60_000);
    this.#operator.maintain({
      change: 'schedule',
      window: {
        windowId,
        agents,
        startWallTimeMs: this.#operator.wallClockMs + inMs,
        durationMs: this.#random.between(1000, 60_000),
        noticeMs: this.#random.pick([0, 10_000, 60_000]),
        ...(graceMs !== undefined && { graceMs }),
        reason: 'simulated',
      },
    });
    const change = this.#random.pick([undefined, undefined, 'cancel', 'start', 'stop'] as const);
    if (change === undefined) return;
    this.#world.clock.after(this.#random.between(0, 2 * inMs), () =>
      this.#operator.maintain({ change, windowId }),
    );
  }
}

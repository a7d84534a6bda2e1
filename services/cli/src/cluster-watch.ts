// Owns what a start measures while it runs: it takes every change of the followed state, the events and the agents'
// usage reports, and keeps the metrics. It knows no clock but the times that come with these, and prints nothing.
import type { ClusterEvent } from '@parley/cluster/events';
import type { UsageReport } from '@parley/protocol/agents';
import type { AgentId } from '@parley/protocol/ids';
import { MILLI } from '@parley/protocol/resources';
import type { ClusterSummary } from './cluster-summary.ts';
import { type Job, JobFold } from './metrics/jobs.ts';
import { countSlots, SlotMeter, type SlotReport } from './metrics/slots.ts';
import { type Amounts, type ResourceUtilisation, UtilisationMeter } from './metrics/utilisation.ts';

export type Measured = {
  readonly jobs: readonly Job[];
  readonly utilisation: readonly ResourceUtilisation[];
  readonly slots: SlotReport;
};

export class ClusterWatch {
  readonly #slot: Amounts;
  readonly #jobs = new JobFold();
  readonly #utilisation = new UtilisationMeter();
  readonly #slots = new SlotMeter();
  readonly #used = new Map<AgentId, Amounts>();
  #total: Amounts = {};
  #measuring = false;

  /** `slot`: one map task's resources, in thousandths of the unit. */
  constructor(slot: Amounts) {
    this.#slot = slot;
  }

  /** From here on utilisation and slots count: the first framework is submitted. */
  begin(): void {
    this.#measuring = true;
  }

  /** The last framework has ended: what is idle afterwards does not count. */
  end(): void {
    this.#measuring = false;
  }

  /** `coreTimeMs`: of the journal entry. */
  event(coreTimeMs: number, event: ClusterEvent): void {
    this.#jobs.apply(coreTimeMs, event);
  }

  state(nowMs: number, summary: ClusterSummary): void {
    this.#total = summary.total;
    if (!this.#measuring) return;
    this.#utilisation.recordAllocated(nowMs, summary.allocated, summary.total);
    const agents = summary.agents.filter((agent) => agent.state === 'registered');
    const waiting = summary.frameworks.some(
      (framework) => framework.state === 'subscribed' && framework.demandedTasks > 0,
    );
    this.#slots.record(nowMs, countSlots(agents, this.#slot), waiting);
  }

  usage(nowMs: number, agentId: AgentId, report: UsageReport): void {
    this.#used.set(agentId, { cpus: report.cpuMillis, mem: report.memoryMib * MILLI });
    if (!this.#measuring) return;
    const used: Record<string, number> = {};
    for (const amounts of this.#used.values()) {
      for (const [name, amount] of Object.entries(amounts)) used[name] = (used[name] ?? 0) + amount;
    }
    this.#utilisation.recordUsed(nowMs, used, this.#total);
  }

  /** `columns`: of the plot. */
  measured(untilMs: number, columns: number): Measured {
    return {
      jobs: this.#jobs.jobs(),
      utilisation: this.#utilisation.report(untilMs, columns),
      slots: this.#slots.report(untilMs),
    };
  }
}

// Owns how the cluster went lately: a sample each second, the last so many, of sums, of what agents measure, and of each
// framework's part by the share that decides who is offered next. Kept by this gateway alone, since it was started.
import { clusterShare } from '@parley/cluster/cluster-share';
import type { ClusterState } from '@parley/cluster/cluster-state';
import { roleSharesOf } from '@parley/cluster/shares';
import type { Amounts, FrameworkRow, View } from '@parley/cluster-view/view';
import type { UsageReport } from '@parley/protocol/agents';
import { RoleName } from '@parley/protocol/ids';
import { MILLI } from '@parley/protocol/resources';
import { shareAsNumber } from '@parley/resources/dominant-share';

export const SAMPLE_MS = 1000;
export const MAX_SAMPLES = 900;
/** Of more frameworks those with the largest shares are told. */
const MAX_FRAMEWORKS = 40;
/** An agent measures at least every ten seconds; after two that were lost it is silent. */
const SILENT_MS = 25_000;

export type FrameworkShare = {
  readonly framework: string;
  readonly name: string;
  /** The largest part of any one resource that it holds, divided by the weight of its role. */
  readonly share: number;
  readonly resource?: string;
};
export type Sample = {
  /** Milliseconds since 1970. */
  readonly wallTimeMs: number;
  readonly total: Amounts;
  readonly allocated: Amounts;
  readonly offered: Amounts;
  /** As agents measure it; absent while none has told. */
  readonly used?: Amounts;
  readonly shares: readonly FrameworkShare[];
};

/** Of one agent. */
export type AgentSample = Omit<Sample, 'shares'>;

/** An agent is sampled so long after somebody last looked, and at most so many are at once. */
const WATCHED_MS = 60_000;
const MAX_WATCHED = 100;

type Source = { readonly view: View; readonly state: ClusterState };

export class Course {
  readonly #source: () => Source;
  readonly #usage = new Map<string, { readonly report: UsageReport; readonly atMs: number }>();
  readonly #watched = new Map<string, { untilMs: number; samples: AgentSample[] }>();
  #samples: Sample[] = [];

  constructor(source: () => Source) {
    this.#source = source;
  }

  /** The oldest first. */
  after(wallTimeMs: number): readonly Sample[] {
    return this.#samples.filter((sample) => sample.wallTimeMs > wallTimeMs);
  }

  /** Since somebody first looked, the oldest first; it goes on while somebody does. */
  ofAgent(agentId: string, wallTimeMs: number, nowMs: number): readonly AgentSample[] {
    const { view } = this.#source();
    if (!view.agents.has(agentId)) return [];
    const known = this.#watched.get(agentId) ?? { untilMs: 0, samples: [] };
    this.#watched.delete(agentId);
    this.#watched.set(agentId, known);
    known.untilMs = nowMs + WATCHED_MS;
    for (const oldest of this.#watched.keys()) {
      if (this.#watched.size <= MAX_WATCHED) break;
      this.#watched.delete(oldest);
    }
    return known.samples.filter((sample) => sample.wallTimeMs > wallTimeMs);
  }

  measured(agentId: string, report: UsageReport, atMs: number): void {
    this.#usage.set(agentId, { report, atMs });
  }

  /** To be called each second. */
  sample(wallTimeMs: number): void {
    const { view, state } = this.#source();
    const used = this.#used(view, wallTimeMs);
    const { total, allocated, offered } = view;
    this.#samples.push({
      ...{ wallTimeMs, total, allocated, offered, shares: sharesOf(view, state) },
      ...(used !== undefined && { used }),
    });
    if (this.#samples.length > 2 * MAX_SAMPLES) this.#samples = this.#samples.slice(-MAX_SAMPLES);
    for (const agentId of this.#watched.keys()) this.#sampleAgent(agentId, view, wallTimeMs);
  }

  #sampleAgent(agentId: string, view: View, wallTimeMs: number): void {
    const watched = this.#watched.get(agentId);
    const agent = view.agents.get(agentId);
    if (watched === undefined || agent === undefined || watched.untilMs < wallTimeMs) {
      this.#watched.delete(agentId);
      return;
    }
    const report = this.#usage.get(agentId)?.report;
    const { total, allocated, offered } = agent;
    watched.samples.push({
      ...{ wallTimeMs, total, allocated, offered },
      ...(report !== undefined && { used: usedOf(report) }),
    });
    if (watched.samples.length > MAX_SAMPLES) watched.samples.shift();
  }

  #used(view: View, nowMs: number): Amounts | undefined {
    let [cpus, mem] = [0, 0];
    for (const [agentId, { report, atMs }] of this.#usage) {
      const isThere = view.agents.get(agentId)?.state === 'registered';
      if (nowMs - atMs > SILENT_MS || !isThere) {
        this.#usage.delete(agentId);
        continue;
      }
      const used = usedOf(report);
      cpus += used.cpus;
      mem += used.mem;
    }
    return this.#usage.size === 0 ? undefined : { cpus, mem };
  }
}

const usedOf = ({ cpuMillis, memoryMib }: UsageReport) => ({
  cpus: cpuMillis,
  mem: memoryMib * MILLI,
});

function sharesOf(view: View, state: ClusterState): FrameworkShare[] {
  return [...view.frameworks]
    .map(([framework, row]) => {
      const share = clusterShare(state, row.allocated);
      const { resource } = share;
      return {
        ...{ framework, name: row.name, share: shareAsNumber(share) / weightOf(row, state) },
        ...(resource !== undefined && { resource }),
      };
    })
    .sort((a, b) => b.share - a.share)
    .slice(0, MAX_FRAMEWORKS);
}

/** Of the first of its roles. */
function weightOf({ roles }: FrameworkRow, state: ClusterState): number {
  const role = RoleName.safeParse(roles[0]);
  if (!role.success) return 1;
  return roleSharesOf(state.roleSettings.get(role.data)).weight / MILLI;
}

// Owns what `parley top` knows: the newest whole sample of each agent, whose tasks are shown and in which order, and
// which agents have told nothing. Pure.
import type { AgentId, ExecutorRef, TaskRef } from '@parley/protocol/ids';
import type { UnitsUsage, UnitUsage } from '@parley/protocol/usage';

export const USAGE_ORDERS = ['cpu', 'memory', 'io', 'network', 'pids'] as const;
export type UsageOrder = (typeof USAGE_ORDERS)[number];

export type UsageSelection = {
  readonly sort: UsageOrder;
  readonly agent?: string | undefined;
  readonly framework?: string | undefined;
};

export type UsageRow = Omit<UnitUsage, 'task' | 'executor' | 'cpuUs'> & {
  readonly agentId: AgentId;
  readonly kind: 'task' | 'executor';
  /** PRINCIPAL/FRAMEWORK/TASK, or EXECUTOR. */
  readonly name: string;
  /** Over the interval of the sample. */
  readonly cpuMillis: number;
};

export type AgentUsage = {
  readonly agentId: AgentId;
  readonly wallTimeMs: number;
  readonly units: number;
  /** Of all its units, those that have ended in the interval included. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Of its units that live, since the beginning of each; undefined where none is counted. */
  readonly ioReadBytes: number | undefined;
  readonly ioWriteBytes: number | undefined;
  readonly receivedBytes: number | undefined;
  readonly sentBytes: number | undefined;
};

export type UsageView = {
  readonly agents: readonly AgentUsage[];
  readonly rows: readonly UsageRow[];
  /** Agents that should have told something and have not. */
  readonly missing: readonly string[];
};

type Sample = { readonly parts: readonly UnitsUsage[]; readonly atMs: number };

/** An agent measures at least every ten seconds; after two that were lost it is silent. */
const SILENT_MS = 25_000;

export class UsageBoard {
  readonly #whole = new Map<AgentId, Sample>();
  readonly #open = new Map<AgentId, UnitsUsage[]>();

  /** Parts of an older sample that come late, or whose others were lost, make no sample. */
  add(agentId: AgentId, part: UnitsUsage, nowMs: number): void {
    const open = this.#open.get(agentId) ?? [];
    const parts = open.filter(
      ({ wallTimeMs, part: other }) => wallTimeMs === part.wallTimeMs && other !== part.part,
    );
    parts.push(part);
    this.#open.set(agentId, parts);
    if (parts.length === part.parts) this.#whole.set(agentId, { parts, atMs: nowMs });
  }

  /** `expected`: agents that are there, as the books say. */
  view(expected: readonly string[], selection: UsageSelection, nowMs: number): UsageView {
    const isChosen = (agentId: string): boolean =>
      selection.agent === undefined || selection.agent === agentId;
    const fresh = [...this.#whole].filter(
      ([agentId, { atMs }]) => isChosen(agentId) && nowMs - atMs < SILENT_MS,
    );
    const told = new Set<string>(fresh.map(([agentId]) => agentId));
    const rows = fresh.flatMap(([agentId, { parts }]) =>
      parts.flatMap((part) => part.units.flatMap((unit) => rowOf(agentId, part, unit))),
    );
    return {
      agents: fresh.map(([agentId, { parts }]) => sumOf(agentId, parts)).sort(byAgent),
      rows: rows.filter((row) => isOfFramework(row, selection.framework)).sort(by(selection.sort)),
      missing: expected.filter((agentId) => isChosen(agentId) && !told.has(agentId)).sort(),
    };
  }
}

function rowOf(agentId: AgentId, { intervalMs }: UnitsUsage, unit: UnitUsage): UsageRow[] {
  const { task, executor, cpuUs, ...rest } = unit;
  const owner = task ?? executor;
  if (owner === undefined) return [];
  const kind = task === undefined ? 'executor' : 'task';
  return [{ ...rest, agentId, kind, name: nameOf(owner), cpuMillis: millis(cpuUs, intervalMs) }];
}

function sumOf(agentId: AgentId, parts: readonly UnitsUsage[]): AgentUsage {
  const units = parts.flatMap((part) => part.units);
  const { endedCpuUs = 0, intervalMs = 1, wallTimeMs = 0 } = parts[0] ?? {};
  const cpuUs = units.reduce((sum, unit) => sum + unit.cpuUs, endedCpuUs);
  const memoryBytes = units.reduce((sum, unit) => sum + unit.memoryBytes, 0);
  return {
    agentId,
    wallTimeMs,
    units: units.length,
    cpuMillis: millis(cpuUs, intervalMs),
    memoryBytes,
    ioReadBytes: sumOfKnown(units, ({ ioReadBytes }) => ioReadBytes),
    ioWriteBytes: sumOfKnown(units, ({ ioWriteBytes }) => ioWriteBytes),
    receivedBytes: sumOfKnown(units, ({ network }) => network?.inBytes),
    sentBytes: sumOfKnown(units, ({ network }) => network?.outBytes),
  };
}

function sumOfKnown(
  units: readonly UnitUsage[],
  amountOf: (unit: UnitUsage) => number | undefined,
): number | undefined {
  const known = units.map(amountOf).filter((amount) => amount !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, amount) => sum + amount, 0);
}

const millis = (cpuUs: number, intervalMs: number): number => Math.round(cpuUs / intervalMs);

const nameOf = (owner: TaskRef | ExecutorRef): string =>
  `${owner.principal}/${owner.frameworkId}/${'taskId' in owner ? owner.taskId : owner.executorId}`;

/** FRAMEWORK, or PRINCIPAL/FRAMEWORK where two principals have one of the name. */
const isOfFramework = ({ name }: UsageRow, wanted: string | undefined): boolean => {
  const [principal, frameworkId] = name.split('/');
  return wanted === undefined || wanted === frameworkId || wanted === `${principal}/${frameworkId}`;
};

const AMOUNTS: Record<UsageOrder, (row: UsageRow) => number> = {
  cpu: ({ cpuMillis }) => cpuMillis,
  memory: ({ memoryBytes }) => memoryBytes,
  io: ({ ioReadBytes = 0, ioWriteBytes = 0 }) => ioReadBytes + ioWriteBytes,
  network: ({ network }) => (network ? network.inBytes + network.outBytes : 0),
  pids: ({ pids = 0 }) => pids,
};

/** Most first; of equal ones by name, so that a table does not jump about. */
const by = (order: UsageOrder) => (one: UsageRow, other: UsageRow) =>
  AMOUNTS[order](other) - AMOUNTS[order](one) || (one.name < other.name ? -1 : 1);

const byAgent = (one: AgentUsage, other: AgentUsage): number =>
  one.agentId < other.agentId ? -1 : 1;

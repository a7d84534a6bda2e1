// Owns what tasks and executors use, as their agents tell it while somebody looks: agents tell of each unit for a while when
// they are asked to, and who looks asks again.
import { News } from '@parley/actor/news';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import {
  type AgentId,
  type ExecutorRef,
  executorKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { UnitsUsage, UnitUsage } from '@parley/protocol/usage';

const LEASE_MS = 15_000;
/** What was told is forgotten when nobody has told it again for so long. */
const SILENT_MS = 25_000;

export type Usage = Omit<UnitUsage, 'task' | 'executor' | 'cpuUs'> & {
  /** Over the last interval. */
  readonly cpuMillis: number;
};
/** As it was measured, at a time of its agent. */
export type Measured = { readonly usage: Usage; readonly wallTimeMs: number };

type Link = Pick<OperatorLink, 'onUnitsUsage' | 'watchUsage'>;
type Known = Measured & { readonly atMs: number };
type Unit = Pick<UnitUsage, 'task' | 'executor'>;

export class UsageBoard {
  readonly #link: Link;
  readonly #nowMs: () => number;
  readonly #units = new Map<string, Known>();
  readonly #agents = new Map<AgentId, number>();
  readonly #news = new News();
  #isListening = false;

  /** `nowMs`: a clock that never goes back. */
  constructor(link: Link, nowMs: () => number) {
    this.#link = link;
    this.#nowMs = nowMs;
  }

  /** What is known of it; undefined until its agent has told. Asking keeps the agents telling for a while. */
  usageOf(task: TaskRef): Usage | undefined {
    this.#watch();
    return this.#known(keyOfTask(task))?.usage;
  }

  /** Likewise of what runs on an agent; waits for its first word, at most so long. Undefined of what it tells nothing of. */
  async measuredOn(
    agentId: AgentId,
    patienceMs: number,
  ): Promise<(unit: { task: TaskRef } | { executor: ExecutorRef }) => Measured | undefined> {
    this.#watch();
    const untilMs = this.#nowMs() + patienceMs;
    while (!this.#hasTold(agentId) && this.#nowMs() < untilMs) {
      await this.#news.next(untilMs - this.#nowMs());
    }
    return (unit) => this.#known(keyOf(unit) ?? '');
  }

  #watch(): void {
    if (!this.#isListening) {
      this.#isListening = true;
      this.#link.onUnitsUsage((agentId, part) => this.#hear(agentId, part));
    }
    this.#link.watchUsage(LEASE_MS);
  }

  #known(key: string): Known | undefined {
    const known = this.#units.get(key);
    return known !== undefined && this.#isFresh(known.atMs) ? known : undefined;
  }

  #hasTold(agentId: AgentId): boolean {
    const atMs = this.#agents.get(agentId);
    return atMs !== undefined && this.#isFresh(atMs);
  }

  #isFresh(atMs: number): boolean {
    return this.#nowMs() - atMs < SILENT_MS;
  }

  #hear(agentId: AgentId, { wallTimeMs, intervalMs, part, parts, units }: UnitsUsage): void {
    const atMs = this.#nowMs();
    for (const { task, executor, cpuUs, ...rest } of units) {
      const key = keyOf({ task, executor });
      if (key === undefined) continue;
      const usage = { ...rest, cpuMillis: Math.round(cpuUs / intervalMs) };
      // Put last, so that the first ones are those that were told longest ago.
      this.#units.delete(key);
      this.#units.set(key, { usage, wallTimeMs, atMs });
    }
    for (const [key, known] of this.#units) {
      if (this.#isFresh(known.atMs)) break;
      this.#units.delete(key);
    }
    if (part + 1 < parts) return;
    this.#agents.set(agentId, atMs);
    this.#news.tell();
  }
}

const keyOfTask = (task: TaskRef): string => `task ${taskKey(task)}`;

function keyOf({
  task,
  executor,
}: {
  task?: Unit['task'];
  executor?: Unit['executor'];
}): string | undefined {
  if (task !== undefined) return keyOfTask(task);
  return executor && `executor ${executorKey(executor)}`;
}

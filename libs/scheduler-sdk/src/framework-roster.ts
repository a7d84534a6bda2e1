// Owns the entries of a framework's keys together: who waits, what runs where, whose a task is, when something is due. Pure
// bookkeeping; what is launched is decided elsewhere.
import type { ConstrainedAgent } from '@parley/protocol/constraints';
import type { AgentId, TaskId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { TaskState } from '@parley/protocol/tasks';
import type { PlanDecision } from './framework-decisions.ts';
import { type Attempt, FrameworkEntry } from './framework-entry.ts';
import { readTaskId, type TaskName } from './framework-task-id.ts';
import type { PlacedTask } from './placement/tally.ts';

/** Agents whose attributes are remembered; beyond, those seen longest ago are forgotten. */
const MAX_AGENTS = 20_000;

export type FoundAttempt = {
  readonly entry: FrameworkEntry;
  readonly attempt: Attempt;
  readonly taskId: TaskId;
};

export class FrameworkRoster {
  /** What is desired is known: what is not may be killed. */
  mayKill = false;
  readonly #entries = new Map<string, FrameworkEntry>();
  readonly #open = new Set<FrameworkEntry>();
  readonly #wakes = new Map<FrameworkEntry, number>();
  readonly #agents = new Map<AgentId, ConstrainedAgent>();

  entries(): Iterable<FrameworkEntry> {
    return [...this.#entries.values()];
  }

  find(token: string): FrameworkEntry | undefined {
    return this.#entries.get(token);
  }

  entryOf(key: string, token: string): FrameworkEntry {
    const entry = this.#entries.get(token) ?? new FrameworkEntry(key, token);
    this.#entries.set(token, entry);
    entry.key = key;
    return entry;
  }

  /** Offers tell what agents are like. */
  see(offers: readonly Offer[]): void {
    for (const { agentId, hostname, domain, attributes } of offers) {
      this.#agents.delete(agentId);
      this.#agents.set(agentId, { agentId, hostname, domain, attributes });
    }
    for (const agentId of this.#agents.keys()) {
      if (this.#agents.size <= MAX_AGENTS) break;
      this.#agents.delete(agentId);
    }
  }

  /** To be called after each change of an entry. Kills what of it is too much. */
  refresh(entry: FrameworkEntry, nowMs: number): PlanDecision[] {
    const kills = this.mayKill ? entry.superfluous(nowMs) : [];
    for (const attempt of kills) attempt.isKillSent = true;
    if (entry.isOpen(nowMs)) this.#open.add(entry);
    else this.#open.delete(entry);
    const wakeMs = entry.wakeMs(nowMs);
    if (wakeMs === undefined) this.#wakes.delete(entry);
    else this.#wakes.set(entry, wakeMs);
    if (entry.isForgettable()) this.#entries.delete(entry.token);
    return kills.flatMap(killsOf);
  }

  /** Those whose backoff is over, in the order of the list. */
  waiting(nowMs: number): FrameworkEntry[] {
    return [...this.#open].filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.rank - b.rank);
  }

  running(): PlacedTask[] {
    const running: PlacedTask[] = [];
    for (const { attempts } of this.#entries.values())
      for (const { group, agentId } of attempts.values())
        if (agentId !== undefined)
          running.push({ group, agentId, agent: this.#agents.get(agentId) });
    return running;
  }

  /** The task lives, as far as is known. */
  knows(taskId: TaskId): boolean {
    const name = readTaskId(taskId);
    const entry = name && this.#entries.get(name.token);
    if (name === undefined || entry === undefined) return false;
    return entry.attempts.get(attemptIdOf(name))?.tasks.has(taskId) ?? false;
  }

  /** Its attempt has not ended, as far as is known. */
  isLive(taskId: TaskId): boolean {
    const name = readTaskId(taskId);
    return (
      name !== undefined && this.#entries.get(name.token)?.attempts.has(attemptIdOf(name)) === true
    );
  }

  /** With `isLive` a task of which nothing was known is taken up: one that an earlier scheduler launched. */
  attemptOf(
    taskId: TaskId,
    isLive: boolean,
    agentId: AgentId | undefined,
  ): FoundAttempt | undefined {
    const name = readTaskId(taskId);
    if (name === undefined) return undefined;
    const known = this.#entries.get(name.token);
    // Of a key that nobody wants an end is no news.
    if (known === undefined && !isLive) return undefined;
    const entry = known ?? this.entryOf(name.token, name.token);
    const attemptId = attemptIdOf(name);
    if (entry.wasEnded(attemptId)) return undefined;
    const attempt = entry.attempts.get(attemptId) ?? adopt(entry, attemptId, name);
    attempt.agentId = agentId ?? attempt.agentId;
    return { entry, attempt, taskId };
  }

  taskLives(attempt: Attempt, taskId: TaskId, state: TaskState, nowMs: number): void {
    attempt.forgotten.delete(taskId);
    attempt.tasks.set(taskId, { state, agentId: attempt.agentId });
    const isAway = [...attempt.tasks.values()].some((task) => task.state === 'unreachable');
    if (!isAway) attempt.unreachableSinceMs = undefined;
    else attempt.unreachableSinceMs ??= nowMs;
  }

  taskEnded(attempt: Attempt, taskId: TaskId, state: TaskState): void {
    attempt.forgotten.delete(taskId);
    attempt.tasks.delete(taskId);
    attempt.ended.set(taskId, state);
  }

  due(nowMs: number): FrameworkEntry[] {
    return [...this.#wakes].filter(([, wakeMs]) => wakeMs <= nowMs).map(([entry]) => entry);
  }

  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const wakeMs of this.#wakes.values())
      if (next === undefined || wakeMs < next) next = wakeMs;
    return next;
  }

  liveTasks(): TaskId[] {
    return this.#attempts().flatMap(({ tasks }) => [...tasks.keys()]);
  }

  #attempts(): Attempt[] {
    return [...this.#entries.values()].flatMap(({ attempts }) => [...attempts.values()]);
  }
}

export const attemptIdOf = ({ incarnation, attempt }: TaskName): string =>
  `${incarnation}-${attempt}`;

function adopt(entry: FrameworkEntry, attemptId: string, name: TaskName): Attempt {
  const attempt: Attempt = {
    id: attemptId,
    number: name.attempt,
    isTakenUp: true,
    tasks: new Map(),
    ended: new Map(),
    forgotten: new Set(),
    isRevoked: false,
    group: entry.prepared?.group ?? '',
    agentId: undefined,
    unreachableSinceMs: undefined,
    isKillSent: false,
  };
  entry.attempts.set(attemptId, attempt);
  return attempt;
}

function killsOf({ tasks }: Attempt): PlanDecision[] {
  return [...tasks].map(([taskId, { agentId }]) => ({
    kind: 'kill',
    taskId,
    ...(agentId !== undefined && { agentId }),
  }));
}

// Owns how long the sandboxes of executors that are no more stay on the disk: the newest ones, and no more than a number.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '@parley/actor/nats/system-clock';
import { removeExecutorSandbox } from '@parley/isolation/sandbox';
import type { AgentIdentity } from '@parley/isolation/unit-name';
import { ExecutorRef } from '@parley/protocol/ids';
import type { Kept } from '../sandbox-collector.ts';
import type { ExecutorPlace } from './executor-messages.ts';

const LIMIT = 100;

export class ExecutorRetention implements Kept {
  readonly #agent: AgentIdentity;
  readonly #workDirectory: string;
  readonly #onFailure: (executor: ExecutorRef, message: string) => void;
  readonly #wallTimeMs: () => number;
  /** Oldest first. */
  readonly #kept: { readonly place: ExecutorPlace; readonly sinceMs: number }[] = [];

  constructor(
    agent: AgentIdentity,
    workDirectory: string,
    onFailure: (executor: ExecutorRef, message: string) => void,
    wallTimeMs: () => number = systemClock.wallTimeMs,
  ) {
    this.#wallTimeMs = wallTimeMs;
    this.#agent = agent;
    this.#workDirectory = workDirectory;
    this.#onFailure = onFailure;
  }

  /** Takes charge of what an earlier process left behind, but for the executors that are still known. What is too much: `trim`. */
  async adopt(known: readonly ExecutorPlace[]): Promise<void> {
    const names = new Set(known.map(nameOf));
    const root = path.join(this.#workDirectory, 'executor-sandboxes');
    const left = (await readdir(root).catch(() => []))
      .filter((name) => !names.has(name))
      .map(placeOf)
      .filter((place) => place !== undefined);
    left.sort((one, other) => one.incarnation - other.incarnation);
    for (const place of left) {
      const status = await stat(path.join(root, nameOf(place))).catch(() => undefined);
      this.#kept.push({ place, sinceMs: status?.mtimeMs ?? 0 });
    }
  }

  async keep(place: ExecutorPlace): Promise<void> {
    this.#kept.push({ place, sinceMs: this.#wallTimeMs() });
    await this.trim();
  }

  /** Removes what is too much. */
  async trim(): Promise<void> {
    while (this.#kept.length > LIMIT) await this.removeOldest();
  }

  get oldestMs(): number | undefined {
    return this.#kept[0]?.sinceMs;
  }

  async removeOldest(): Promise<void> {
    const oldest = this.#kept.shift();
    if (oldest === undefined) return;
    const { executor, incarnation } = oldest.place;
    const identity = { ...this.#agent, ...executor, incarnation };
    const removed = await removeExecutorSandbox(this.#workDirectory, identity);
    if (!removed.ok) this.#onFailure(executor, removed.failure.message);
  }
}

const nameOf = ({ executor, incarnation }: ExecutorPlace): string =>
  [executor.principal, executor.frameworkId, executor.executorId, incarnation].join('.');

function placeOf(name: string): ExecutorPlace | undefined {
  const [principal, frameworkId, executorId, incarnation] = name.split('.');
  const executor = ExecutorRef.safeParse({ principal, frameworkId, executorId });
  return executor.success && /^\d+$/.test(incarnation ?? '')
    ? { executor: executor.data, incarnation: Number(incarnation) }
    : undefined;
}

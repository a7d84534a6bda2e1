// Owns how long the sandboxes of executors that are no more stay on the disk: the newest ones, and no more than a number.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { removeExecutorSandbox } from '@parley/isolation/sandbox';
import type { AgentId } from '@parley/protocol/ids';
import { ExecutorRef } from '@parley/protocol/ids';
import type { ExecutorPlace } from './executor-messages.ts';

const LIMIT = 100;

export class ExecutorRetention {
  readonly #agentId: AgentId;
  readonly #workDirectory: string;
  readonly #onFailure: (executor: ExecutorRef, message: string) => void;
  #kept: ExecutorPlace[] = [];

  constructor(
    agentId: AgentId,
    workDirectory: string,
    onFailure: (executor: ExecutorRef, message: string) => void,
  ) {
    this.#agentId = agentId;
    this.#workDirectory = workDirectory;
    this.#onFailure = onFailure;
  }

  /** Takes charge of what an earlier process left behind, but for the executors that are still known. */
  async adopt(known: readonly ExecutorPlace[]): Promise<void> {
    const names = new Set(known.map(nameOf));
    const root = path.join(this.#workDirectory, 'executor-sandboxes');
    const left = (await readdir(root).catch(() => []))
      .filter((name) => !names.has(name))
      .map(placeOf)
      .filter((place) => place !== undefined);
    left.sort((one, other) => one.incarnation - other.incarnation);
    for (const place of left) await this.keep(place);
  }

  async keep(place: ExecutorPlace): Promise<void> {
    this.#kept.push(place);
    while (this.#kept.length > LIMIT) {
      const [oldest, ...rest] = this.#kept;
      this.#kept = rest;
      if (oldest === undefined) return;
      const { executor, incarnation } = oldest;
      const identity = { agentId: this.#agentId, ...executor, incarnation };
      const removed = await removeExecutorSandbox(this.#workDirectory, identity);
      if (!removed.ok) this.#onFailure(executor, removed.failure.message);
    }
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

// Owns how long the directories of tasks that are over stay on the disk: the newest ones, so that their output can still be read,
// no more than a number, and none for longer than an operator says. When room is needed the oldest go first: sandbox-collector.ts.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '@parley/actor/nats/system-clock';
import { removeSandbox } from '@parley/isolation/sandbox';
import {
  type AgentId,
  type ClusterName,
  type TaskKey,
  TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { Kept } from './sandbox-collector.ts';

export type SandboxRetentionOptions = {
  readonly cluster: ClusterName;
  readonly agentId: AgentId;
  readonly workDirectory: string;
  /** A task of this id is not over: it may have run before, and runs again in the same directories. */
  readonly isLive: (task: TaskKey) => boolean;
  /** Told when a directory cannot be removed; it is tried again after the next start. */
  readonly onFailure: (task: TaskRef, message: string) => void;
  /** Told when a task's directories are gone. */
  readonly onRemoved: (task: TaskRef) => Promise<void>;
  readonly wallTimeMs?: () => number;
  readonly limit?: number;
};

type Entry = { readonly ref: TaskRef; readonly sinceMs: number };

const DEFAULT_LIMIT = 500;

export class SandboxRetention implements Kept {
  readonly #options: SandboxRetentionOptions;
  /** Oldest first. */
  readonly #kept = new Map<TaskKey, Entry>();
  readonly #removing = new Map<TaskKey, Promise<void>>();

  constructor(options: SandboxRetentionOptions) {
    this.#options = options;
  }

  get oldestMs(): number | undefined {
    for (const { sinceMs } of this.#kept.values()) return sinceMs;
    return undefined;
  }

  /** Takes charge of what an earlier process left behind, but for the tasks that are live. What is too much: `trim`. */
  async adopt(): Promise<void> {
    const found: Entry[] = [];
    const root = path.join(this.#options.workDirectory, 'sandboxes');
    for (const principal of await list(root)) {
      for (const frameworkId of await list(path.join(root, principal))) {
        for (const taskId of await list(path.join(root, principal, frameworkId))) {
          const ref = TaskRef.safeParse({ principal, frameworkId, taskId });
          if (!ref.success || this.#options.isLive(taskKey(ref.data))) continue;
          found.push({ ref: ref.data, sinceMs: await modifiedMs(root, ref.data) });
        }
      }
    }
    found.sort((a, b) => a.sinceMs - b.sinceMs);
    for (const entry of found) this.#kept.set(taskKey(entry.ref), entry);
  }

  /** A task is over: its directories stay until enough others are, or they are too old, or their room is needed. */
  async keep(ref: TaskRef): Promise<void> {
    const { isLive, wallTimeMs = systemClock.wallTimeMs } = this.#options;
    // Where it was kept before, it goes to the end.
    this.#kept.delete(taskKey(ref));
    if (isLive(taskKey(ref))) return;
    this.#kept.set(taskKey(ref), { ref, sinceMs: wallTimeMs() });
    await this.trim();
  }

  /** Resolves when what is being removed of a task of this id is gone, so that the id can run again. */
  async settled(ref: TaskRef): Promise<void> {
    await this.#removing.get(taskKey(ref));
  }

  /** Removes what is too much. */
  async trim(): Promise<void> {
    const { limit = DEFAULT_LIMIT } = this.#options;
    while (this.#kept.size > limit) await this.removeOldest();
  }

  async removeOldest(): Promise<void> {
    for (const [key, { ref }] of this.#kept) {
      this.#kept.delete(key);
      // The directories are those of the run that is not over.
      if (this.#options.isLive(key)) continue;
      const removing = this.#remove(ref).finally(() => this.#removing.delete(key));
      this.#removing.set(key, removing);
      await removing;
      return;
    }
  }

  async #remove(ref: TaskRef): Promise<void> {
    const { cluster, agentId, workDirectory, onFailure, onRemoved } = this.#options;
    const removed = await removeSandbox(workDirectory, { cluster, agentId, ...ref });
    if (removed.ok) await onRemoved(ref);
    else onFailure(ref, removed.failure.message);
  }
}

async function modifiedMs(root: string, ref: TaskRef): Promise<number> {
  const { principal, frameworkId, taskId } = ref;
  try {
    return (await stat(path.join(root, principal, frameworkId, taskId))).mtimeMs;
  } catch {
    // It went meanwhile, or cannot be looked at: the first to be removed.
    return 0;
  }
}

async function list(directory: string): Promise<string[]> {
  // Nothing has run yet, or the last task of a framework went meanwhile.
  return readdir(directory).catch(() => []);
}

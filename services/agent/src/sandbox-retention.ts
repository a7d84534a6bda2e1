// Owns how long the directories of tasks that are over stay on the disk: the newest ones, so that their output can
// still be read, and no more than a number.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { removeSandbox } from '@parley/isolation/sandbox';
import { type AgentId, type TaskKey, TaskRef, taskKey } from '@parley/protocol/ids';

export type SandboxRetentionOptions = {
  readonly agentId: AgentId;
  readonly workDirectory: string;
  /** Told when a directory cannot be removed; it is tried again after the next start. */
  readonly onFailure: (task: TaskRef, message: string) => void;
  /** Told when a task's directories are gone. */
  readonly onRemoved: (task: TaskRef) => Promise<void>;
  readonly limit?: number;
};

const DEFAULT_LIMIT = 500;

export class SandboxRetention {
  readonly #options: SandboxRetentionOptions;
  readonly #kept = new Map<TaskKey, TaskRef>();

  constructor(options: SandboxRetentionOptions) {
    this.#options = options;
  }

  /** Takes charge of what an earlier process left behind, but for the tasks that are still known. */
  async adopt(isKnown: (task: TaskKey) => boolean): Promise<void> {
    const found: { ref: TaskRef; modifiedMs: number }[] = [];
    const root = path.join(this.#options.workDirectory, 'sandboxes');
    for (const principal of await list(root)) {
      for (const frameworkId of await list(path.join(root, principal))) {
        for (const taskId of await list(path.join(root, principal, frameworkId))) {
          const ref = TaskRef.safeParse({ principal, frameworkId, taskId });
          if (!ref.success || isKnown(taskKey(ref.data))) continue;
          found.push({ ref: ref.data, modifiedMs: await modifiedMs(root, ref.data) });
        }
      }
    }
    found.sort((a, b) => a.modifiedMs - b.modifiedMs);
    for (const { ref } of found) await this.keep(ref);
  }

  /** A task is over: its directories stay until enough others are. */
  async keep(ref: TaskRef): Promise<void> {
    this.#kept.set(taskKey(ref), ref);
    const { agentId, workDirectory, limit = DEFAULT_LIMIT, onFailure, onRemoved } = this.#options;
    for (const [key, oldest] of this.#kept) {
      if (this.#kept.size <= limit) return;
      this.#kept.delete(key);
      const removed = await removeSandbox(workDirectory, { agentId, ...oldest });
      if (removed.ok) await onRemoved(oldest);
      else onFailure(oldest, removed.failure.message);
    }
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

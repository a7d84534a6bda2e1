// Owns the directories that the tasks of a group share: one a framework and executor, which lives until the sandbox of
// the last task in it goes. Beside the shared directory, out of the tasks' reach, stands an empty file a task.
import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { removeTree } from '@parley/isolation/remove-tree';
import type { Owner } from '@parley/isolation/sandbox';
import {
  ExecutorId,
  FrameworkRef,
  TaskId,
  type TaskKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';

const SHARED = 'shared';
const MEMBERS = 'members';

export class GroupDirectories {
  readonly #root: string;
  readonly #executors = new Map<TaskKey, ExecutorId>();
  /** The last operation on each group's directory; the next one waits for it. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(workDirectory: string) {
    this.#root = path.join(workDirectory, 'groups');
  }

  /** Takes up what an earlier process has left; what no sandbox belongs to any more goes. Rejects with the file error. */
  async adopt(hasSandbox: (task: TaskRef) => Promise<boolean>): Promise<void> {
    for (const { framework, executorId } of await this.#groups()) {
      const directory = this.#directoryOf(framework, executorId);
      for (const name of await list(path.join(directory, MEMBERS))) {
        const taskId = TaskId.safeParse(name);
        if (!taskId.success) continue;
        const ref = { ...framework, taskId: taskId.data };
        this.#executors.set(taskKey(ref), executorId);
        if (!(await hasSandbox(ref))) await this.leave(ref);
      }
    }
  }

  sharedOf(framework: FrameworkRef, executorId: ExecutorId): string {
    return path.join(this.#directoryOf(framework, executorId), SHARED);
  }

  /** The shared directory, made if need be, with this task in it; `owner`: whom the tasks run as. Rejects with the file error. */
  async join(ref: TaskRef, executorId: ExecutorId, owner?: Owner): Promise<string> {
    const directory = this.#directoryOf(ref, executorId);
    this.#executors.set(taskKey(ref), executorId);
    await this.#inTurn(directory, async () => {
      await mkdir(path.join(directory, MEMBERS), { recursive: true, mode: 0o711 });
      const shared = path.join(directory, SHARED);
      const made = await mkdir(shared, { recursive: true, mode: 0o755 });
      if (owner !== undefined && made !== undefined) {
        await chown(shared, owner.userId, owner.groupId);
      }
      await writeFile(path.join(directory, MEMBERS, ref.taskId), '', { mode: 0o600 });
    });
    return path.join(directory, SHARED);
  }

  /** The task's sandbox is gone; with the last one goes the shared directory. Rejects with the file error. */
  async leave(ref: TaskRef): Promise<void> {
    const executorId = this.#executors.get(taskKey(ref));
    if (executorId === undefined) return;
    this.#executors.delete(taskKey(ref));
    const directory = this.#directoryOf(ref, executorId);
    await this.#inTurn(directory, async () => {
      await rm(path.join(directory, MEMBERS, ref.taskId), { force: true });
      if ((await list(path.join(directory, MEMBERS))).length === 0) await removeTree(directory);
    });
  }

  async #groups(): Promise<{ framework: FrameworkRef; executorId: ExecutorId }[]> {
    const found: { framework: FrameworkRef; executorId: ExecutorId }[] = [];
    for (const principal of await list(this.#root)) {
      for (const frameworkId of await list(path.join(this.#root, principal))) {
        for (const name of await list(path.join(this.#root, principal, frameworkId))) {
          const framework = FrameworkRef.safeParse({ principal, frameworkId });
          const executorId = ExecutorId.safeParse(name);
          if (!framework.success || !executorId.success) continue;
          found.push({ framework: framework.data, executorId: executorId.data });
        }
      }
    }
    return found;
  }

  async #inTurn(directory: string, work: () => Promise<void>): Promise<void> {
    const result = (this.#last.get(directory) ?? Promise.resolve()).then(work);
    const settled = result.catch(() => undefined);
    this.#last.set(directory, settled);
    try {
      await result;
    } finally {
      if (this.#last.get(directory) === settled) this.#last.delete(directory);
    }
  }

  // Ids were parsed when they came: each is a safe file name.
  #directoryOf({ principal, frameworkId }: FrameworkRef, executorId: ExecutorId): string {
    return path.join(this.#root, principal, frameworkId, executorId);
  }
}

async function list(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

// The directories of a task below an agent's work directory: its sandbox, which is the task's own, and its run
// directory, which is the agent's. Names come from ids only, so nothing outside the work directory is reached.

import { constants } from 'node:fs';
import { chmod, chown, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, type FileFailure, fileFailure } from './file-failure.ts';
import { removeTree } from './remove-tree.ts';
import { createRunRoot, removeRun } from './run-directory.ts';
import {
  type ExecutorIdentity,
  executorUnitNameFor,
  isSafeId,
  type TaskIdentity,
  unitNameFor,
} from './unit-name.ts';

export type TaskDirectories = {
  readonly unit: string;
  readonly runRoot: string;
  readonly runDirectory: string;
  readonly sandboxDirectory: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
};

export type SandboxFailure =
  | FileFailure
  | { readonly code: 'invalidId'; readonly message: string }
  | { readonly code: 'notFound'; readonly message: string };

export type SandboxOutcome<Value> =
  | ({ readonly ok: true } & Value)
  | { readonly ok: false; readonly failure: SandboxFailure };

export type Owner = { readonly userId: number; readonly groupId: number };

export type LogRead = {
  readonly sandboxDirectory: string;
  readonly stream: 'stdout' | 'stderr';
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly maxBytes: number;
};

const MAX_READ_BYTES = 8 * 1024 * 1024;

export function runRootOf(workDirectory: string): string {
  return path.join(workDirectory, 'runs');
}

/** Where everything of a task is; a failure when an id is not of `[A-Za-z0-9_-]{1,64}`. */
export function locateTask(
  workDirectory: string,
  identity: TaskIdentity,
): SandboxOutcome<{ readonly directories: TaskDirectories }> {
  const { cluster, agentId, principal, frameworkId, taskId } = identity;
  const unsafe = [cluster, agentId, principal, frameworkId, taskId].find((id) => !isSafeId(id));
  if (unsafe !== undefined) {
    const message = `${JSON.stringify(unsafe)} is not an id of [A-Za-z0-9_-]{1,64}`;
    return { ok: false, failure: { code: 'invalidId', message } };
  }
  const unit = unitNameFor(identity);
  const sandboxDirectory = path.join(workDirectory, 'sandboxes', principal, frameworkId, taskId);
  return { ok: true, directories: directoriesOf(workDirectory, unit, sandboxDirectory) };
}

/** Where everything of an executor is. Throws when an id is none: they were parsed before. */
export function locateExecutor(workDirectory: string, identity: ExecutorIdentity): TaskDirectories {
  const { cluster, agentId, principal, frameworkId, executorId, incarnation } = identity;
  const unsafe = [cluster, agentId, principal, frameworkId, executorId].find((id) => !isSafeId(id));
  if (unsafe !== undefined) throw new RangeError(`${JSON.stringify(unsafe)} is no id`);
  // The dot is in no id, so no two executors share a name.
  const name = [principal, frameworkId, executorId, incarnation].join('.');
  const sandboxDirectory = path.join(workDirectory, 'executor-sandboxes', name);
  return directoriesOf(workDirectory, executorUnitNameFor(identity), sandboxDirectory);
}

function directoriesOf(
  workDirectory: string,
  unit: string,
  sandboxDirectory: string,
): TaskDirectories {
  const runRoot = runRootOf(workDirectory);
  return {
    unit,
    runRoot,
    runDirectory: path.join(runRoot, unit),
    sandboxDirectory,
    stdoutPath: path.join(sandboxDirectory, 'stdout'),
    stderrPath: path.join(sandboxDirectory, 'stderr'),
  };
}

/** Creates the sandbox, which may exist already; `owner` is the user that the task will run as. */
export async function createSandbox(
  workDirectory: string,
  identity: TaskIdentity,
  owner?: Owner,
): Promise<SandboxOutcome<{ readonly directories: TaskDirectories }>> {
  const located = locateTask(workDirectory, identity);
  return located.ok ? makeSandbox(located.directories, owner) : located;
}

/** Likewise for an executor and the tasks in it. */
export async function createExecutorSandbox(
  workDirectory: string,
  identity: ExecutorIdentity,
  owner?: Owner,
): Promise<SandboxOutcome<{ readonly directories: TaskDirectories }>> {
  return makeSandbox(locateExecutor(workDirectory, identity), owner);
}

async function makeSandbox(
  directories: TaskDirectories,
  owner: Owner | undefined,
): Promise<SandboxOutcome<{ readonly directories: TaskDirectories }>> {
  const { runRoot, sandboxDirectory } = directories;
  try {
    await createRunRoot(runRoot);
    // The way to the sandbox may be passed, not listed, by the users that tasks run as.
    await mkdir(path.dirname(sandboxDirectory), { recursive: true, mode: 0o711 });
    await mkdir(sandboxDirectory, { recursive: true });
    await chmod(sandboxDirectory, 0o700);
    if (owner !== undefined) await chown(sandboxDirectory, owner.userId, owner.groupId);
    return { ok: true, directories };
  } catch (error) {
    return { ok: false, failure: fileFailure(error) };
  }
}

/** Removes the sandbox and the run directory; what is not there is removed already. */
export async function removeSandbox(
  workDirectory: string,
  identity: TaskIdentity,
): Promise<SandboxOutcome<object>> {
  const located = locateTask(workDirectory, identity);
  return located.ok ? removeDirectories(located.directories) : located;
}

/** Likewise those of an executor. */
export function removeExecutorSandbox(
  workDirectory: string,
  identity: ExecutorIdentity,
): Promise<SandboxOutcome<object>> {
  return removeDirectories(locateExecutor(workDirectory, identity));
}

async function removeDirectories({
  runRoot,
  unit,
  sandboxDirectory,
}: TaskDirectories): Promise<SandboxOutcome<object>> {
  try {
    await removeTree(sandboxDirectory);
    await removeRun(runRoot, unit);
    return { ok: true };
  } catch (error) {
    return { ok: false, failure: fileFailure(error) };
  }
}

/**
 * Part of a task's output; `size` is the file's size now, so a reader knows where the end is. At most 8 MiB at a
 * time. A task can put anything into its sandbox: links are not followed and only a regular file is read.
 */
export async function readLog(
  read: LogRead,
): Promise<SandboxOutcome<{ readonly data: Buffer; readonly size: number }>> {
  const file = path.join(read.sandboxDirectory, read.stream);
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile()) return notFound(file);
      const wanted = Math.min(read.maxBytes, MAX_READ_BYTES, status.size - read.offset);
      const buffer = Buffer.alloc(Math.max(0, wanted));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, read.offset);
      return { ok: true, data: buffer.subarray(0, bytesRead), size: status.size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    // ELOOP is what O_NOFOLLOW answers for a link.
    const isMissing = errorCode(error) === 'ENOENT' || errorCode(error) === 'ELOOP';
    return isMissing ? notFound(file) : { ok: false, failure: fileFailure(error) };
  }
}

function notFound(file: string): { readonly ok: false; readonly failure: SandboxFailure } {
  return { ok: false, failure: { code: 'notFound', message: `there is no file ${file}` } };
}

// Owns the files in which an agent keeps its tasks: one a task, written whole or not at all. What they mean is in
// task-record.ts. A file that cannot be read is set aside and reported: it must never keep an agent from starting.
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileFailure } from '@parley/isolation/file-failure';
import { decode, encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type TaskKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { describeIssues } from '@parley/protocol/message';
import { ReadableTaskRecord, type TaskRecord } from './task-record.ts';

export type Damage = { readonly file: string; readonly movedTo: string; readonly why: string };
export type Recovered = { readonly records: TaskRecord[]; readonly damaged: Damage[] };

const SUFFIX = '.task';
const PARTIAL_SUFFIX = '.partial';
const MAX_SPARES = 256;

export class CheckpointStore {
  readonly #directory: string;
  readonly #damagedDirectory: string;
  /** The last operation asked for on each task's file; the next one waits for it. */
  readonly #last = new Map<TaskKey, Promise<unknown>>();

  /**
   * Files of records that are out of date, to be used again: for a minute after a file was deleted ext4 looks at its
   * inode whenever it needs a free one, so where many are deleted each new one costs up to 0.7 ms.
   */
  readonly #spares: string[] = [];
  readonly #spareDirectory: string;
  #spareCount = 0;

  /** `workDirectory`: of the agent; the files are in `tasks` below it. */
  constructor(workDirectory: string) {
    this.#directory = path.join(workDirectory, 'tasks');
    this.#damagedDirectory = path.join(workDirectory, 'damaged-tasks');
    this.#spareDirectory = path.join(workDirectory, 'spare-task-files');
  }

  /** Every record that can be read. Rejects when the directory itself cannot be made or listed. */
  async readAll(): Promise<Recovered> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    this.#spares.length = 0;
    await rm(this.#spareDirectory, { recursive: true, force: true });
    await mkdir(this.#spareDirectory, { mode: 0o700 });
    const records: TaskRecord[] = [];
    const damaged: Damage[] = [];
    for (const name of await readdir(this.#directory)) {
      const file = path.join(this.#directory, name);
      if (name.endsWith(PARTIAL_SUFFIX)) {
        // A write that the process did not live to finish: what was there before still counts.
        await rm(file, { force: true });
        continue;
      }
      const read = await readRecord(file, name);
      if (read.ok) records.push(read.value);
      else damaged.push(await this.#setAside(name, read.failure.message));
    }
    return { records, damaged };
  }

  /**
   * Replaces the task's record; with the system when it resolves, so it outlives this process. It need not outlive
   * the host, as the task itself does not. Fails with `diskFull`, or `internalError` for any other trouble with the
   * file; what was there before is then still there.
   */
  write(record: TaskRecord): Promise<Outcome<undefined>> {
    const task = taskKey(record.task);
    return this.#inTurn(task, async () => {
      const file = this.#fileOf(record.task);
      const partial = `${file}${PARTIAL_SUFFIX}`;
      try {
        await this.#takeSpare(partial);
        await writeFile(partial, encode(record), { mode: 0o600 });
        await this.#keepSpare(file);
        await rename(partial, file);
        return succeed(undefined);
      } catch (error) {
        await rm(partial, { force: true }).catch(() => undefined);
        const { code, message } = fileFailure(error);
        const what = `the task's record could not be written: ${message}`;
        return fail(code === 'diskFull' ? 'diskFull' : 'internalError', what);
      }
    });
  }

  /** Removes the task's record; one that is not there is removed already. */
  remove(task: TaskRef): Promise<Outcome<undefined>> {
    return this.#inTurn(taskKey(task), async () => {
      try {
        await this.#keepSpare(this.#fileOf(task));
        await rm(this.#fileOf(task), { force: true });
        return succeed(undefined);
      } catch (error) {
        return fail('internalError', fileFailure(error).message);
      }
    });
  }

  /** Puts a spare file there, to be overwritten; what is in the way stays. */
  async #takeSpare(partial: string): Promise<void> {
    const spare = this.#spares.pop();
    if (spare === undefined) return;
    await link(spare, partial).catch(() => undefined);
    await rm(spare, { force: true });
  }

  /** Gives the file a second name, so that it is not deleted with its first. */
  async #keepSpare(file: string): Promise<void> {
    if (this.#spares.length >= MAX_SPARES) return;
    this.#spareCount += 1;
    const spare = path.join(this.#spareDirectory, String(this.#spareCount));
    try {
      await link(file, spare);
      this.#spares.push(spare);
    } catch {
      // There is no such file yet, or no room: the next write makes a new one.
    }
  }

  #inTurn<Result>(task: TaskKey, operation: () => Promise<Result>): Promise<Result> {
    const result = (this.#last.get(task) ?? Promise.resolve()).then(operation);
    this.#last.set(task, result);
    void result.finally(() => {
      if (this.#last.get(task) === result) this.#last.delete(task);
    });
    return result;
  }

  // The dot is in no id, so no two tasks share a name.
  #fileOf({ principal, frameworkId, taskId }: TaskRef): string {
    return path.join(this.#directory, `${principal}.${frameworkId}.${taskId}${SUFFIX}`);
  }

  async #setAside(name: string, why: string): Promise<Damage> {
    await mkdir(this.#damagedDirectory, { recursive: true, mode: 0o700 });
    const file = path.join(this.#directory, name);
    const movedTo = path.join(this.#damagedDirectory, name);
    await rename(file, movedTo);
    return { file, movedTo, why };
  }
}

async function readRecord(file: string, name: string): Promise<Outcome<TaskRecord>> {
  let value: unknown;
  try {
    value = decode(await readFile(file));
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
  const parsed = ReadableTaskRecord.safeParse(value);
  if (!parsed.success) return fail('malformed', describeIssues('task record', parsed.error));
  const { principal, frameworkId, taskId } = parsed.data.task;
  return name === `${principal}.${frameworkId}.${taskId}${SUFFIX}`
    ? succeed(parsed.data)
    : fail('malformed', `it is the record of ${taskKey(parsed.data.task)}`);
}

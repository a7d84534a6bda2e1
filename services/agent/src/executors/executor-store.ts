// Owns the files in which an agent keeps its custom executors: one an executor, written whole or not at all. What they
// mean is in executor-record.ts. One that cannot be read is set aside and told: it must never keep an agent from starting.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileFailure } from '@parley/isolation/file-failure';
import { decode, encode } from '@parley/protocol/codec';
import { type ExecutorKey, type ExecutorRef, executorKey } from '@parley/protocol/ids';
import { describeIssues } from '@parley/protocol/message';
import type { StepFailure } from '../supervisor-messages.ts';
import { ExecutorRecord } from './executor-record.ts';

export type ExecutorDamage = { readonly file: string; readonly why: string };

const SUFFIX = '.executor';
const PARTIAL_SUFFIX = '.partial';

export class ExecutorStore {
  readonly #directory: string;
  readonly #damagedDirectory: string;
  /** The last operation asked for on each executor's file; the next one waits for it. */
  readonly #last = new Map<ExecutorKey, Promise<unknown>>();

  constructor(workDirectory: string) {
    this.#directory = path.join(workDirectory, 'executors');
    this.#damagedDirectory = path.join(workDirectory, 'damaged-executors');
  }

  /** Every record that can be read. Rejects when the directory itself cannot be made or listed. */
  async readAll(): Promise<{ records: ExecutorRecord[]; damaged: ExecutorDamage[] }> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const records: ExecutorRecord[] = [];
    const damaged: ExecutorDamage[] = [];
    for (const name of await readdir(this.#directory)) {
      const file = path.join(this.#directory, name);
      if (name.endsWith(PARTIAL_SUFFIX)) {
        await rm(file, { force: true });
        continue;
      }
      const read = await readRecord(file);
      if ('why' in read) damaged.push(await this.#setAside(name, read.why));
      else records.push(read.record);
    }
    return { records, damaged };
  }

  /** Replaces the executor's record; undefined once it is with the system, so that it outlives this process. */
  write(record: ExecutorRecord): Promise<StepFailure | undefined> {
    return this.#inTurn(executorKey(record.executor), async () => {
      const file = this.#fileOf(record.executor);
      const partial = `${file}${PARTIAL_SUFFIX}`;
      try {
        await writeFile(partial, encode(record), { mode: 0o600 });
        await rename(partial, file);
        return undefined;
      } catch (error) {
        await rm(partial, { force: true }).catch(() => undefined);
        const { code, message } = fileFailure(error);
        return { code: code === 'diskFull' ? code : 'failed', message };
      }
    });
  }

  /** Rejects with the file error; one that is not there is removed already. */
  remove(executor: ExecutorRef): Promise<void> {
    return this.#inTurn(executorKey(executor), () => rm(this.#fileOf(executor), { force: true }));
  }

  #inTurn<Result>(key: ExecutorKey, operation: () => Promise<Result>): Promise<Result> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(operation);
    const settled = result.catch(() => undefined);
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return result;
  }

  // The dot is in no id, so no two executors share a name.
  #fileOf({ principal, frameworkId, executorId }: ExecutorRef): string {
    return path.join(this.#directory, `${principal}.${frameworkId}.${executorId}${SUFFIX}`);
  }

  async #setAside(name: string, why: string): Promise<ExecutorDamage> {
    await mkdir(this.#damagedDirectory, { recursive: true, mode: 0o700 });
    const file = path.join(this.#directory, name);
    await rename(file, path.join(this.#damagedDirectory, name));
    return { file, why };
  }
}

async function readRecord(file: string): Promise<{ record: ExecutorRecord } | { why: string }> {
  try {
    const parsed = ExecutorRecord.safeParse(decode(await readFile(file)));
    return parsed.success
      ? { record: parsed.data }
      : { why: describeIssues('executor record', parsed.error) };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

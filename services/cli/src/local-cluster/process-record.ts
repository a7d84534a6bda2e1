// Owns the list of processes of a local cluster on disk, by pid and start time, so that whoever comes after a
// killed keeper can end exactly these. Processes that it does not list are not touched.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isProcessAlive } from '@parley/isolation/process-identity';
import * as z from 'zod';
import { systemCode } from '../command-failure.ts';

const RecordedProcess = z.object({
  name: z.string(),
  pid: z.int().min(1),
  startTicks: z.string(),
});
export type RecordedProcess = z.infer<typeof RecordedProcess>;
const ProcessList = z.array(RecordedProcess);

export class ProcessRecord {
  readonly #file: string;
  readonly #processes = new Map<string, RecordedProcess>();

  constructor(file: string) {
    this.#file = file;
  }

  /** Synchronous: a process that runs is on the list before anything else happens. */
  add(recorded: RecordedProcess): void {
    this.#processes.set(recorded.name, recorded);
    this.#write();
  }

  remove(name: string): void {
    if (this.#processes.delete(name)) this.#write();
  }

  /** On a full disk the list stays as it was on it; the next change writes it whole. */
  #write(): void {
    const partial = `${this.#file}.new`;
    try {
      writeFileSync(partial, JSON.stringify([...this.#processes.values()]), { mode: 0o600 });
      renameSync(partial, this.#file);
    } catch (error) {
      if (systemCode(error) !== 'ENOSPC' && systemCode(error) !== 'EDQUOT') throw error;
    }
  }
}

/** What is on the list; nothing when there is none or it is damaged. */
export function readProcesses(file: string): RecordedProcess[] {
  try {
    const parsed = ProcessList.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    return parsed.success ? parsed.data : [];
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

const LOOK_MS = 50;

/** SIGTERM, then SIGKILL for what is left after `graceMs`. Resolves when none of them lives. */
export async function endProcesses(
  processes: readonly RecordedProcess[],
  graceMs: number,
): Promise<void> {
  await signalAll(processes, 'SIGTERM');
  if (await areGone(processes, graceMs)) return;
  await signalAll(processes, 'SIGKILL');
  await areGone(processes, graceMs);
}

async function signalAll(processes: readonly RecordedProcess[], signal: NodeJS.Signals) {
  for (const recorded of processes) {
    if (await isProcessAlive(recorded)) signalProcess(recorded.pid, signal);
  }
}

/** Does nothing when the process is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

async function areGone(processes: readonly RecordedProcess[], withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs <= withinMs; waitedMs += LOOK_MS) {
    const alive = await Promise.all(processes.map((each) => isProcessAlive(each)));
    if (!alive.includes(true)) return true;
    await delay(LOOK_MS);
  }
  return false;
}

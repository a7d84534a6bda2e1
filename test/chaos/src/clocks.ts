// Owns the clocks of the processes of a run: each reads an offset from a file of its own, by a library that is loaded into
// it. Wall clocks only: monotonic time goes on, as it does where somebody sets a clock. A server of NATS has no such clock.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export class Clocks {
  readonly #directory: string;
  readonly #library: string;

  constructor(directory: string, library: string) {
    this.#directory = path.join(directory, 'clocks');
    this.#library = library;
  }

  /** Put before a command: its clock, and that of what it starts with its environment, can be shifted. */
  enter(name: string): readonly string[] {
    this.shift(name, 0);
    return [
      'env',
      `LD_PRELOAD=${this.#library}`,
      `FAKETIME_TIMESTAMP_FILE=${this.#file(name)}`,
      'FAKETIME_CACHE_DURATION=1',
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
    ];
  }

  /** Within a second. */
  shift(name: string, seconds: number): void {
    const partial = `${this.#file(name)}.new`;
    writeFileSync(partial, `${seconds < 0 ? '' : '+'}${seconds}s\n`);
    renameSync(partial, this.#file(name));
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }
}

const SHARED_MEMORY = '/dev/shm';
const OF_A_PROCESS = /^(?:faketime_shm|sem\.faketime_sem)_(\d+)$/;

/** The library's memory of processes that were killed: it removes it only where a process ends by itself. */
export function removeClockMemory(): void {
  if (!existsSync(SHARED_MEMORY)) return;
  for (const name of readdirSync(SHARED_MEMORY)) {
    const pid = OF_A_PROCESS.exec(name)?.[1];
    if (pid === undefined || hasSuchClock(pid)) continue;
    rmSync(path.join(SHARED_MEMORY, name), { force: true });
  }
}

/** Its number may be another process's by now. */
function hasSuchClock(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes('FAKETIME_TIMESTAMP_FILE');
  } catch {
    // It has ended.
    return false;
  }
}

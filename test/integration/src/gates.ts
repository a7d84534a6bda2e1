// Owns gates at which tasks wait until a test opens them: named pipes, so that a hundred waiting tasks cost nothing while
// they wait. It tests nothing itself.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';

/** A line for each task that passes; so many fit into a pipe before one is there. */
const PASSES = '\n'.repeat(32_768);

export class Gates {
  /** Tasks that see not all of the host have to be shown it. */
  readonly directory: string;
  /** Held open, for reading too: a task that waits sees the pipe's end only when this process is gone. */
  readonly #pipes = new Map<string, number>();
  readonly #open = new Set<string>();

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory);
  }

  /** Shell: waits until the gate is open; no longer than this process lives. A caught signal interrupts it only to end it. */
  waitAt(gate: string): string {
    const pipe = this.#pathOf(gate);
    this.#pipe(gate);
    return `while [ -p ${pipe} ] && ! read -r pass < ${pipe}; do :; done`;
  }

  /** Whoever waits there goes on, and whoever comes later. */
  open(gate: string): void {
    if (this.#open.has(gate)) return;
    this.#open.add(gate);
    writeSync(this.#pipe(gate), PASSES);
  }

  close(): void {
    for (const pipe of this.#pipes.values()) closeSync(pipe);
    this.#pipes.clear();
  }

  #pipe(gate: string): number {
    const known = this.#pipes.get(gate);
    if (known !== undefined) return known;
    const place = this.#pathOf(gate);
    if (!existsSync(place)) execFileSync('mkfifo', [place]);
    const pipe = openSync(place, constants.O_RDWR | constants.O_NONBLOCK);
    this.#pipes.set(gate, pipe);
    return pipe;
  }

  #pathOf(gate: string): string {
    return path.join(this.directory, gate);
  }
}

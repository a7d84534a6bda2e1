// Owns a service of the cluster that is measured, as a process: started, sent signals, started again, and what it logs, with
// the time of each line. Whoever waits for a line learns of it at once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type LogLine = {
  readonly timeMs: number;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

type Waiter = { readonly msg: string; readonly resolve: (line: LogLine) => void };

/** Lines that are kept for who looks back. */
const MAX_LINES = 5000;

export class BenchProcess {
  readonly name: string;
  readonly #argv: readonly string[];
  readonly #lines: LogLine[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #onTrouble: (line: string) => void;
  #child: ChildProcess | undefined;

  /** `onTrouble` hears errors, and what is no line of a log. */
  constructor(name: string, argv: readonly string[], onTrouble: (line: string) => void) {
    this.name = name;
    this.#argv = argv;
    this.#onTrouble = onTrouble;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  start(): this {
    const child = spawn(process.execPath, this.#argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (text) => this.#take(text));
    }
    this.#child = child;
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** The next line from now on. */
  async says(msg: string, withinMs = 120_000): Promise<LogLine> {
    const told = Promise.withResolvers<LogLine>();
    const waiter = { msg, resolve: told.resolve };
    this.#waiters.add(waiter);
    const timer = setTimeout(
      () => told.reject(new Error(`${this.name} did not say "${msg}" in ${withinMs / 1000} s`)),
      withinMs,
    );
    try {
      return await told.promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  last(msg: string): LogLine | undefined {
    return this.#lines.findLast((line) => line.msg === msg);
  }

  #take(text: string): void {
    const line = parse(text);
    if (line === undefined || line.fields['level'] === 'error') {
      this.#onTrouble(`${this.name}: ${text.slice(0, 300)}`);
    }
    if (line === undefined) return;
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, MAX_LINES / 2);
    for (const waiter of this.#waiters) {
      if (line.msg === waiter.msg) waiter.resolve(line);
    }
  }
}

function parse(text: string): LogLine | undefined {
  try {
    const fields: Record<string, unknown> = JSON.parse(text);
    return {
      timeMs: new Date(String(fields['time'])).getTime(),
      msg: String(fields['msg']),
      fields,
    };
  } catch {
    return undefined;
  }
}

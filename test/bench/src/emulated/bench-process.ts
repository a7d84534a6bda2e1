// Owns a service of the cluster that is measured, as a process: started, sent signals, started again, and what it logs, with
// the time of each line. Whoever waits for a line learns of it at once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

export type LogLine = {
  readonly timeMs: number;
  readonly msg: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

type Waiter = { readonly msg: string; readonly resolve: (line: LogLine) => void };

export class BenchProcess {
  readonly name: string;
  readonly #argv: readonly string[];
  /** By what it says. */
  readonly #lastLines = new Map<string, LogLine>();
  readonly #waiters = new Set<Waiter>();
  readonly #onTrouble: (line: string) => void;
  readonly #log: string | undefined;
  #child: ChildProcess | undefined;

  /** `onTrouble` hears errors, and what is no line of a log; `logs` is the folder that keeps all lines. */
  constructor(
    name: string,
    argv: readonly string[],
    onTrouble: (line: string) => void,
    logs?: string,
  ) {
    this.name = name;
    this.#argv = argv;
    this.#onTrouble = onTrouble;
    if (logs === undefined) return;
    mkdirSync(logs, { recursive: true });
    this.#log = path.join(logs, `${name}.log`);
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
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#onTrouble(`${this.name} has ended (${code ?? signal})`);
    });
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
    return this.#lastLines.get(msg);
  }

  #take(text: string): void {
    if (this.#log !== undefined) appendFileSync(this.#log, `${text}\n`);
    const line = parse(text);
    if (line === undefined || line.fields['level'] === 'error') {
      this.#onTrouble(`${this.name}: ${text.slice(0, 300)}`);
    }
    if (line === undefined) return;
    this.#lastLines.set(line.msg, line);
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

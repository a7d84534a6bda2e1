// Owns one process of a run on its host: started, harmed, and started again when it ended unasked, as a service manager
// would; its log. What its log means is the lab's.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Host } from './layout.ts';

/** From its end to its next start. */
const RESTART_MS = 1000;
/** Longest wait for the end of one that was told to end. */
const GRACE_MS = 20_000;
/** So many are kept, for who waits until it is ready. */
const FIRST_LINES = 200;

/** Whoever may be harmed. */
export interface Victim {
  readonly name: string;
  /** As by `kill -9`; it is started again a little later. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Told to end, and started again. */
  restart(): Promise<void>;
}

export type MemberOptions = {
  readonly host: Host;
  /** With what leads to the host. */
  readonly argv: readonly string[];
  readonly logFile: string;
  readonly onLine: (name: string, line: string) => void;
};

export class Member implements Victim {
  readonly name: string;
  readonly host: Host;
  readonly #options: MemberOptions;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #isWanted = false;
  #partial = '';
  readonly #firstLines: string[] = [];

  constructor(options: MemberOptions) {
    this.name = options.host.name;
    this.host = options.host;
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** It ended by itself with exit code 0: it has nothing left to do. */
  hasLeft = false;

  /** Among its first lines. */
  hasSaid(text: string): boolean {
    return this.#firstLines.some((line) => line.includes(text));
  }

  start(): this {
    this.#isWanted = true;
    this.#begin();
    return this;
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** For good. */
  async leave(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#restart);
    this.thaw();
    await this.#end('SIGTERM');
  }

  #begin(): void {
    const [program = '', ...rest] = this.#options.argv;
    this.#log.write(`--- started\n`);
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => this.#hear(bytes.toString()));
    }
    child.once('exit', (code, signal) => this.#onEnd(child, code, signal));
  }

  #hear(text: string): void {
    this.#log.write(text);
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      if (this.#firstLines.length < FIRST_LINES) this.#firstLines.push(line);
      this.#options.onLine(this.name, line);
    }
  }

  #onEnd(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.#log.write(`--- ended: ${signal ?? code}\n`);
    if (this.#child !== child) return;
    this.#child = undefined;
    this.hasLeft = code === 0 && this.host.kind === 'framework';
    if (!this.#isWanted || this.hasLeft) return;
    this.#restart = setTimeout(() => this.#begin(), RESTART_MS);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    clearTimeout(force);
  }
}

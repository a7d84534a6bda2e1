// Owns one command that runs beside a task for somebody at a terminal: its output until it has arrived, its input, its end.
// What it holds is bounded: where the client takes nothing the command is paused by its full pipe, and the other way round.
import type { ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';
import { News } from '@parley/actor/news';
import { CommandProcesses } from '@parley/isolation/command-processes';
import { resizeTerminal, type Size } from '@parley/isolation/pseudo-terminal';
import type { ExecAsk, ExecEnd, ExecResult } from '@parley/protocol/task-exec';
import { ExecOutput } from './exec-output.ts';

type Input = Extract<ExecAsk, { kind: 'input' }>;

/** A command that is over has said what it said, unless somebody whom it started still holds its outputs. */
const LAST_WORDS_MS = 500;

export class ExecSession {
  readonly #child: ChildProcess;
  readonly #processes: CommandProcesses | undefined;
  readonly #output = new ExecOutput();
  #inputTaken = 0;
  #isInputFull = false;
  #isInputOver = false;
  #hasEntered = false;
  #exit: ExecEnd | undefined;
  #end: ExecEnd | undefined;
  readonly #news = new News();

  /** `child`: as `spawnInScope` starts it, with pipes. */
  constructor(child: ChildProcess) {
    this.#child = child;
    this.#processes = child.pid === undefined ? undefined : new CommandProcesses(child.pid);
    child.on('error', ({ message }) => this.#finish({ kind: 'notStarted', message }));
    child.on('exit', (code, signal) => this.#onExit(code, signal));
    child.on('close', () => this.#exit && this.#finish(this.#told(this.#exit)));
    this.#hear('stdout');
    this.#hear('stderr');
    const entered = child.stdio[3];
    if (entered instanceof Readable) {
      entered.on('data', () => {
        this.#hasEntered = true;
        void this.#processes?.learn();
      });
      entered.on('error', () => undefined);
    }
    child.stdin?.on('drain', () => {
      this.#isInputFull = false;
    });
    // It reads no more: what comes then goes nowhere, as at any terminal.
    child.stdin?.on('error', () => {
      this.#isInputOver = true;
    });
  }

  /** Waits for output where there is none behind `from`. */
  async output(from: number, waitMs: number): Promise<ExecResult> {
    if (this.#output.end <= from && this.#end === undefined) await this.#news.next(waitMs);
    const output = this.#output.from(from);
    if (!this.#output.isFull) this.#resume();
    const arriving = output.reduce((sum, { data }) => sum + data.length, from);
    const isLast = this.#end !== undefined && arriving >= this.#output.end;
    return { kind: 'output', output, ...(isLast && { end: this.#end }) };
  }

  input({ offset, data, isLast }: Input): ExecResult {
    const stdin = this.#child.stdin;
    const rest = data.subarray(Math.max(0, this.#inputTaken - offset));
    const isNext = offset <= this.#inputTaken && !this.#isInputFull;
    if (stdin === null || !isNext) return { kind: 'input', taken: this.#inputTaken };
    if (rest.length > 0) {
      if (!this.#isInputOver) this.#isInputFull = !stdin.write(rest);
      this.#inputTaken += rest.length;
    }
    if (isLast && !this.#isInputOver) {
      this.#isInputOver = true;
      stdin.end();
    }
    return { kind: 'input', taken: this.#inputTaken };
  }

  async resize(size: Size): Promise<ExecResult> {
    if (this.#processes !== undefined) await resizeTerminal(this.#processes.innermost, size);
    return { kind: 'resized' };
  }

  /** Nothing that it has started is to go on, and nothing of it is told any more. */
  async close(): Promise<void> {
    await this.#processes?.kill();
    this.#finish({ kind: 'signaled', signal: 'SIGKILL' });
  }

  #hear(stream: 'stdout' | 'stderr'): void {
    this.#child[stream]?.on('data', (data: Buffer) => {
      this.#output.append(stream, data);
      if (this.#output.isFull) this.#child[stream]?.pause();
      this.#news.tell();
    });
    this.#child[stream]?.on('error', () => undefined);
  }

  #resume(): void {
    this.#child.stdout?.resume();
    this.#child.stderr?.resume();
  }

  #onExit(code: number | null, signal: string | null): void {
    this.#exit =
      signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signaled', signal };
    void this.#processes?.kill();
    this.#awaitLastWords(this.#exit, this.#output.end);
  }

  /** That it is over may be heard before what it said: asked once its pipes are closed, or had their time. */
  #told(exit: ExecEnd): ExecEnd {
    if (this.#hasEntered) return exit;
    return { kind: 'notStarted', message: 'the task has no scope to enter' };
  }

  #awaitLastWords(exit: ExecEnd, heard: number): void {
    setTimeout(() => {
      if (this.#end !== undefined) return;
      const isMoving = this.#output.isFull || this.#output.end > heard;
      if (isMoving) this.#awaitLastWords(exit, this.#output.end);
      else this.#finish(this.#told(exit));
    }, LAST_WORDS_MS);
  }

  #finish(end: ExecEnd): void {
    this.#end ??= end;
    for (const stream of this.#child.stdio) stream?.destroy();
    this.#news.tell();
  }
}

// Owns one child process of a local cluster: its log file, its restarts when it ends unasked, its end.
// What it runs and when it counts as ready is the caller's.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { identifyProcess } from '@parley/isolation/process-identity';
import type { ProcessRecord } from './process-record.ts';
import { decideRestart } from './restart-policy.ts';

export type ServicePlan = {
  /** Name of the service in the log folder and in messages: `agent-1`. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** It ends with this code when it must not be started again. */
  readonly finalExitCode?: number;
};

export type ServiceWatch = {
  readonly record: ProcessRecord;
  readonly nowMs: () => number;
  readonly onRestart: (name: string, how: string, delayMs: number) => void;
  /** It ended with its final exit code and is not started any more. */
  readonly onLeft: (name: string) => void;
  /** It ended too often and is not started any more. */
  readonly onGivenUp: (name: string, how: string, ends: number) => void;
};

export class ServiceProcess {
  readonly plan: ServicePlan;
  readonly #watch: ServiceWatch;
  readonly #endsMs: number[] = [];
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(plan: ServicePlan, watch: ServiceWatch) {
    this.plan = plan;
    this.#watch = watch;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#stopping) return;
    const [program = '', ...rest] = this.plan.argv;
    const log = openSync(this.plan.logFile, 'a', 0o600);
    const child = spawn(program, rest, {
      env: this.plan.environment,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const onEnd = (how: string, code: number | null): void => {
        resolve();
        this.#onEnd(child, how, code);
      };
      child.once('error', (error) => onEnd(error.message, null));
      child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`, code));
    });
    void this.#recordIdentity(child);
  }

  /** As if it had died by itself. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** SIGTERM, SIGKILL after `graceMs`; resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(force);
    this.#watch.record.remove(this.plan.name);
  }

  async #recordIdentity(child: ChildProcess): Promise<void> {
    if (child.pid === undefined) return;
    const identity = await identifyProcess(child.pid);
    if (identity === undefined || this.#child !== child) return;
    this.#watch.record.add({ name: this.plan.name, ...identity });
  }

  #onEnd(child: ChildProcess, how: string, code: number | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#stopping) return;
    const nowMs = this.#watch.nowMs();
    this.#endsMs.push(nowMs);
    if (this.#endsMs.length > 32) this.#endsMs.shift();
    const isFinal = code !== null && code === this.plan.finalExitCode;
    const decision = decideRestart(this.#endsMs, nowMs, isFinal);
    if (decision.kind === 'leave') {
      this.#watch.onLeft(this.plan.name);
      return;
    }
    if (decision.kind === 'giveUp') {
      this.#watch.onGivenUp(this.plan.name, how, decision.ends);
      return;
    }
    this.#watch.onRestart(this.plan.name, how, decision.delayMs);
    this.#restart = setTimeout(() => this.start(), decision.delayMs);
  }
}

// Owns a framework that a local cluster runs once: its log, its end, its exit code. It is not started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { identifyProcess } from '@parley/isolation/process-identity';
import type { ProcessRecord } from './process-record.ts';
import type { ServicePlan } from './service-process.ts';

export class JobProcess {
  readonly #child: ChildProcess;
  /** Exit code; 128 when a signal ended it, 127 when it could not be started. */
  readonly ended: Promise<number>;

  constructor(plan: ServicePlan, record: ProcessRecord) {
    const [program = '', ...rest] = plan.argv;
    const log = openSync(plan.logFile, 'w', 0o600);
    this.#child = spawn(program, rest, { env: plan.environment, stdio: ['ignore', log, log] });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      const onEnd = (exitCode: number): void => {
        record.remove(plan.name);
        resolve(exitCode);
      };
      this.#child.once('error', () => onEnd(127));
      this.#child.once('exit', (code) => onEnd(code ?? 128));
    });
    void this.#recordIdentity(plan.name, record);
  }

  async stop(graceMs: number): Promise<void> {
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(force);
  }

  async #recordIdentity(name: string, record: ProcessRecord): Promise<void> {
    const { pid } = this.#child;
    const identity = pid === undefined ? undefined : await identifyProcess(pid);
    const isRunning = this.#child.exitCode === null && this.#child.signalCode === null;
    if (identity !== undefined && isRunning) record.add({ name, ...identity });
  }
}

// Owns when a running task is probed and what the results mean: a health check that fails too often in a row ends the
// task, a plain check only tells of changes. It makes no probe itself; what a probe is, is in @parley/protocol/checks.
// Mesos docs, "Task health checking and generalized checks".
import type { CheckResult, HealthCheck, Probe } from '@parley/protocol/checks';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { CheckMemory } from './task-record.ts';

/** Which of a task's two checks a probe is for; it has at most one of each. */
export type ProbeAim = 'health' | 'check';

/** `detail`: what was found, for people. */
export type ProbeAnswer = { readonly result: CheckResult; readonly detail: string };

export type CheckFinding =
  | {
      readonly kind: 'report';
      readonly reason: 'healthChanged' | 'checkChanged';
      readonly message: string;
    }
  /** It has failed as often as it may. Comes with the last report. */
  | { readonly kind: 'unhealthy'; readonly message: string };

type Timing = { readonly delayMs: number; readonly intervalMs: number; readonly timeoutMs: number };
type Watch = Timing & { readonly aim: ProbeAim; readonly probe: Probe; dueMs: number | undefined };

export class TaskChecks {
  readonly #health: HealthCheck | undefined;
  readonly #watches: Watch[] = [];
  #runningSinceMs = 0;
  #isOn = false;
  #healthy: boolean | undefined;
  #failures = 0;
  #result: CheckResult | undefined;

  constructor({ healthCheck, check }: Pick<TaskDescription, 'healthCheck' | 'check'>) {
    this.#health = healthCheck;
    if (healthCheck !== undefined) {
      this.#watches.push({ ...healthCheck, aim: 'health', dueMs: undefined });
    }
    if (check !== undefined) this.#watches.push({ ...check, aim: 'check', dueMs: undefined });
  }

  /** The last results, as status updates carry them. */
  get findings(): { readonly healthy?: boolean; readonly check?: CheckResult } {
    return {
      ...(this.#healthy !== undefined && { healthy: this.#healthy }),
      ...(this.#result !== undefined && { check: this.#result }),
    };
  }

  /** For the record; undefined for a task without checks. */
  get memory(): CheckMemory | undefined {
    if (this.#watches.length === 0) return undefined;
    return {
      ...(this.#healthy !== undefined && { healthy: this.#healthy }),
      failures: this.#failures,
      ...(this.#result !== undefined && { result: this.#result }),
    };
  }

  recover(memory: CheckMemory): void {
    this.#healthy = memory.healthy;
    this.#failures = memory.failures;
    this.#result = memory.result;
  }

  /** The task runs, since then: a time that may be long past when it is taken up again. */
  start(runningSinceMs: number): void {
    this.#isOn = true;
    this.#runningSinceMs = runningSinceMs;
    for (const watch of this.#watches) watch.dueMs = runningSinceMs + watch.delayMs;
  }

  /** The task is told to stop, or has ended: no more probes, and results that come late mean nothing. */
  stop(): void {
    this.#isOn = false;
    for (const watch of this.#watches) watch.dueMs = undefined;
  }

  /** Probes to make now. Each is made once; the next of its kind comes after its answer. */
  takeDue(nowMs: number): ProbeAim[] {
    const due: ProbeAim[] = [];
    for (const watch of this.#watches) {
      if (watch.dueMs === undefined || watch.dueMs > nowMs) continue;
      watch.dueMs = undefined;
      due.push(watch.aim);
    }
    return due;
  }

  /** How to make that probe; undefined when it is not wanted any more. */
  probe(aim: ProbeAim): { readonly probe: Probe; readonly timeoutMs: number } | undefined {
    return this.#isOn ? this.#watches.find((watch) => watch.aim === aim) : undefined;
  }

  nextDueMs(): number {
    return Math.min(...this.#watches.map(({ dueMs }) => dueMs ?? Number.POSITIVE_INFINITY));
  }

  /** What follows from a probe's result, in this order. */
  answered(aim: ProbeAim, answer: ProbeAnswer, nowMs: number): CheckFinding[] {
    const watch = this.#watches.find((each) => each.aim === aim);
    if (!this.#isOn || watch === undefined) return [];
    // From the end of one probe to the next.
    watch.dueMs = nowMs + watch.intervalMs;
    if (aim === 'check') return this.#checked(answer);
    if (this.#health === undefined) return [];
    return isWell(answer.result)
      ? this.#succeeded(answer)
      : this.#failed(this.#health, answer, nowMs);
  }

  #checked({ result, detail }: ProbeAnswer): CheckFinding[] {
    const before = this.#result ?? { kind: result.kind };
    if (figureOf(before) === figureOf(result)) return [];
    this.#result = result;
    return [{ kind: 'report', reason: 'checkChanged', message: detail }];
  }

  #succeeded({ detail }: ProbeAnswer): CheckFinding[] {
    this.#failures = 0;
    if (this.#healthy === true) return [];
    this.#healthy = true;
    return [{ kind: 'report', reason: 'healthChanged', message: detail }];
  }

  // As Mesos: every failure that counts is told, of the successes the first one after a failure.
  #failed(check: HealthCheck, { detail }: ProbeAnswer, nowMs: number): CheckFinding[] {
    const isInGrace = nowMs - this.#runningSinceMs < check.gracePeriodMs;
    if (this.#healthy === undefined && isInGrace) return [];
    this.#failures += 1;
    this.#healthy = false;
    const findings: CheckFinding[] = [{ kind: 'report', reason: 'healthChanged', message: detail }];
    if (this.#failures >= check.failures) {
      const times = this.#failures === 1 ? 'once' : `${this.#failures} times in a row`;
      const message = `the health check (${describeProbe(check.probe)}) failed ${times}; the last result: ${detail}`;
      findings.push({ kind: 'unhealthy', message });
    }
    return findings;
  }
}

/** Mesos docs: exit code 0, a status from 200 to 399, a connection that is made. */
function isWell(result: CheckResult): boolean {
  switch (result.kind) {
    case 'command':
      return result.exitCode === 0;
    case 'http': {
      const { statusCode = 0 } = result;
      return statusCode >= 200 && statusCode < 400;
    }
    case 'tcp':
      return result.succeeded === true;
    default:
      return unreachable(result);
  }
}

function figureOf(result: CheckResult): number | boolean | undefined {
  switch (result.kind) {
    case 'command':
      return result.exitCode;
    case 'http':
      return result.statusCode;
    case 'tcp':
      return result.succeeded;
    default:
      return unreachable(result);
  }
}

/** The result of a probe that had none. */
export function noResult(probe: Probe): CheckResult {
  return { kind: probe.kind };
}

export function describeProbe(probe: Probe): string {
  switch (probe.kind) {
    case 'command':
      return `command ${probe.command.argv[0] ?? ''}`;
    case 'http':
      return `${probe.scheme} port ${probe.port} ${probe.path}`;
    case 'tcp':
      return `tcp port ${probe.port}`;
    default:
      return unreachable(probe);
  }
}

// Owns the units that run on this host for the agent: whose each is, that its end is noticed, what all of them use.
// What an end means the supervisor decides.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { TaskOutcome } from '@parley/isolation/exit-status';
import { runRootOf } from '@parley/isolation/sandbox';
import { unitNameFor } from '@parley/isolation/unit-name';
import { type ExitWatch, watchExits } from '@parley/isolation/watch-exits';
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import type { ExecutorShell } from './executors/executor-shell.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { Supervisor } from './supervisor.ts';
import type { SupervisorInput } from './supervisor-messages.ts';
import type { TaskHost } from './task-host.ts';
import { UsageMeter } from './usage-meter.ts';
import type { MeasuredUsage } from './usage-reports.ts';
import { type SampledUnit, UsageSampler } from './usage-sampling.ts';

const SWEEP_MS = 5000;

export type UnitWatchOptions = {
  readonly workDirectory: string;
  /** Leads to the cgroups' files as tasks see them: `/`, or the root of a private systemd. */
  readonly rootPath: string;
  readonly host: TaskHost;
  readonly executors: ExecutorShell;
  readonly supervisor: Supervisor;
  readonly dispatch: (input: SupervisorInput) => void;
  /** Called at least once for each unit that ended. */
  readonly onEnded: (unit: string) => void;
  readonly logger: Logger;
};

export class UnitWatch {
  readonly #options: UnitWatchOptions;
  readonly #meter = new UsageMeter(systemClock.nowMs());
  readonly #sampler: UsageSampler;
  readonly #tasks = new Map<string, TaskRef>();
  /** To make a name takes a hash, and all of them are asked for again and again. */
  readonly #names = new WeakMap<TaskRef, string>();
  #exits: ExitWatch | undefined;

  constructor(options: UnitWatchOptions) {
    this.#options = options;
    const { rootPath, host } = options;
    const { traffic } = host;
    this.#sampler = new UsageSampler({ rootPath, traffic, nowMs: systemClock.nowMs });
  }

  /** There is, or may soon be, a unit of this task. */
  add(ref: TaskRef): void {
    this.#tasks.set(this.#unitOf(ref), ref);
  }

  forget(ref: TaskRef): void {
    this.#tasks.delete(this.#unitOf(ref));
  }

  /** From now on ends are noticed, those from before too. */
  async begin(): Promise<void> {
    this.#meter.adopt(this.running());
    const { workDirectory, host, logger } = this.#options;
    await host.sweepEnded();
    this.#exits = await watchExits({
      runRoot: runRootOf(workDirectory),
      expected: () => this.running(),
      listLive: () => host.listLive(),
      sweepIntervalMs: SWEEP_MS,
      onEnded: (unit) => this.#ended(unit),
      onError: (err) => logger.error({ err }, 'looking for ended tasks failed'),
    });
  }

  close(): void {
    this.#exits?.close();
  }

  /** Looks whether it has ended, which a killed shim does not tell. */
  async check(unit: string): Promise<void> {
    await this.#exits?.check(unit);
  }

  async checkTask(ref: TaskRef): Promise<void> {
    await this.check(this.#unitOf(ref));
  }

  /** What was used since the call before. */
  async usage(isDetailed: boolean): Promise<MeasuredUsage> {
    const { readings, busyMs } = await this.#sampler.sample([...this.#measured()], isDetailed);
    const now = { nowMs: systemClock.nowMs(), wallTimeMs: systemClock.wallTimeMs() };
    return { ...this.#meter.report(readings, now), busyMs };
  }

  async #ended(unit: string): Promise<void> {
    const { host, executors, supervisor, dispatch, onEnded } = this.#options;
    onEnded(unit);
    const ofExecutor = await executors.unitEnded(unit);
    if (ofExecutor !== undefined) this.#meterEnd(unit, ofExecutor);
    const ref = this.#tasks.get(unit);
    if (ref === undefined) return;
    const task = taskKey(ref);
    const outcome = await host.outcomeOf(ref);
    await host.unitEnded(unit);
    const phase = supervisor.task(task)?.phase;
    if (phase !== 'launching' && phase !== 'running') return;
    this.#meterEnd(unit, outcome);
    dispatch({ kind: 'ended', task, outcome });
  }

  #meterEnd(unit: string, outcome: TaskOutcome): void {
    if (!('usage' in outcome) || outcome.usage.cpuNs === undefined) return;
    this.#meter.ended(unit, outcome.usage.cpuNs);
  }

  /** A task of a custom executor is measured with that one. */
  *#measured(): Iterable<SampledUnit> {
    const { host, executors, supervisor } = this.#options;
    yield* executors.measured();
    for (const task of supervisor.tasks()) {
      if (task.phase !== 'running' || task instanceof ExecutorTask) continue;
      const { unit, runDirectory } = host.directoriesOf(task.ref);
      yield { unit, runDirectory, task: task.ref };
    }
  }

  /** Units that may have a process. */
  *running(): Iterable<string> {
    const { executors, supervisor } = this.#options;
    yield* executors.units();
    for (const { ref, phase } of supervisor.tasks()) {
      if (phase === 'running') yield this.#unitOf(ref);
    }
  }

  #unitOf(ref: TaskRef): string {
    const known = this.#names.get(ref);
    if (known !== undefined) return known;
    const name = unitNameFor(this.#options.host.identityOf(ref));
    this.#names.set(ref, name);
    return name;
  }
}

// Owns what the agent's log tells of tasks, one line a state, and of defects, no more of them than can be read.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { TaskKey } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import type { AgentMeter } from './agent-meter.ts';
import { ReportLog } from './report-log.ts';
import type { SupervisorEffect } from './supervisor-messages.ts';

type Told<Kind extends SupervisorEffect['kind']> = Extract<SupervisorEffect, { kind: Kind }>;

export class TaskNarrator {
  readonly #logger: Logger;
  readonly #meter: AgentMeter | undefined;
  readonly #reports = new ReportLog();
  readonly #toldSequences = new Map<TaskKey, number>();

  constructor(logger: Logger, meter: AgentMeter | undefined) {
    this.#logger = logger;
    this.#meter = meter;
  }

  /** One line a state of a task; a record that is written again tells nothing new. */
  tell({ task, record }: Told<'persist'>): void {
    const update = record.updates.at(-1);
    if (update === undefined || (this.#toldSequences.get(task) ?? 0) >= update.sequence) return;
    this.#toldSequences.set(task, update.sequence);
    const { state, reason, exitCode, signal, message } = update;
    this.#meter?.taskTold(state);
    this.#logger.info({ ...record.task, state, reason, exitCode, signal, detail: message }, 'task');
  }

  forget(task: TaskKey): void {
    this.#toldSequences.delete(task);
  }

  /** What goes wrong here unforeseen is a defect, or a host that is out of order: it is told, and the agent goes on. */
  report({ about, what: reason }: Told<'report'>): void {
    const { isWritten, before } = this.#reports.add(about, systemClock.nowMs());
    for (const leftOut of before) this.#logger.warn(leftOut, 'reports left out');
    if (isWritten) this.#logger.warn({ about, reason }, 'reported');
  }
}

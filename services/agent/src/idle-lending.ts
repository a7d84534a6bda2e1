// Owns putting what was measured beside what tasks have been given, so that what they leave idle can be lent. How much that is,
// idle-estimator.ts says; whom it is offered, the allocator.
import { systemClock } from '@parley/actor/nats/system-clock';
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { MILLI } from '@parley/protocol/resources';
import { ExecutorTask } from './executors/executor-task.ts';
import {
  type EstimatedTask,
  IdleEstimator,
  type IdleLendingOptions,
  type LentAmounts,
} from './idle-estimator.ts';
import type { Supervisor } from './supervisor.ts';
import type { MeasuredUsage } from './usage-reports.ts';

const MIB = 1024 * 1024;

export class IdleLending {
  readonly #estimator: IdleEstimator;
  readonly #supervisor: Pick<Supervisor, 'tasks'>;
  readonly #onEstimate: (revocable: Resources) => void;

  constructor(
    options: IdleLendingOptions,
    supervisor: Pick<Supervisor, 'tasks'>,
    onEstimate: (revocable: Resources) => void,
  ) {
    this.#estimator = new IdleEstimator(options);
    this.#supervisor = supervisor;
    this.#onEstimate = onEstimate;
  }

  measured({ units, intervalMs }: MeasuredUsage): void {
    const used = new Map(
      units.flatMap(({ task, cpuUs, memoryBytes }): [string, LentAmounts][] => {
        if (task === undefined) return [];
        // Microseconds a millisecond are thousandths of a CPU.
        const amounts = { cpus: cpuUs / intervalMs, mem: (memoryBytes / MIB) * MILLI };
        return [[taskKey(task), amounts]];
      }),
    );
    const tasks = [...this.#ordinary()].map(({ ref, given }): EstimatedTask => {
      const unit = taskKey(ref);
      return { unit, given, used: used.get(unit) };
    });
    const estimate = this.#estimator.look(tasks, systemClock.nowMs());
    if (estimate !== undefined) this.#onEstimate(estimate);
  }

  /** What runs in a scope of its own and was not lent; a custom executor may give what is idle to its next task. */
  *#ordinary(): Iterable<{ readonly ref: TaskRef; readonly given: LentAmounts }> {
    for (const task of this.#supervisor.tasks()) {
      if (task instanceof ExecutorTask || task.phase === 'ended') continue;
      const { order } = task;
      if (order === undefined || order.description.revocable === true) continue;
      const { cpus = 0, mem = 0 } = order.description.resources.scalars;
      yield { ref: task.ref, given: { cpus, mem } };
    }
  }
}

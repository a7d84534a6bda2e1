// Owns which probes are under way and which wait for their turn: no more than a number at a time, first come first
// served. When a task is to be probed is in task-checks.ts.
import type { TaskKey } from '@parley/protocol/ids';
import type { SupervisedTask } from './supervised-task.ts';
import type { Instant, SupervisorEffect } from './supervisor-messages.ts';
import type { ProbeAim } from './task-checks.ts';

type Wanted = { readonly task: SupervisedTask; readonly aim: ProbeAim };

export class ProbeQueue {
  readonly #limit: number;
  /** At most two a task: the next of a kind is asked for after the answer of the one before. */
  readonly #waiting = new Map<string, Wanted>();
  readonly #inFlight = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  /** Takes the probes that are due now of this task. */
  add(task: SupervisedTask, now: Instant): void {
    for (const aim of task.takeDueProbes(now)) {
      this.#waiting.set(keyOf(task.key, aim), { task, aim });
    }
  }

  answered(task: TaskKey, aim: ProbeAim): void {
    this.#inFlight.delete(keyOf(task, aim));
  }

  /** Starts what there is room for; what nobody wants any more is left out. */
  start(out: SupervisorEffect[]): void {
    for (const [key, { task, aim }] of this.#waiting) {
      if (this.#inFlight.size >= this.#limit) return;
      this.#waiting.delete(key);
      if (task.probe(aim, out)) this.#inFlight.add(key);
    }
  }
}

function keyOf(task: TaskKey, aim: ProbeAim): string {
  return `${task} ${aim}`;
}

// Owns which probes are under way and which wait for their turn, as turns.ts shares them out: a probe that hangs for long holds
// one of its principal's. When a task is to be probed is in task-checks.ts.
import type { PrincipalName, TaskKey } from '@parley/protocol/ids';
import type { SupervisedTask } from './supervised-task.ts';
import type { Instant, SupervisorEffect } from './supervisor-messages.ts';
import type { ProbeAim } from './task-checks.ts';
import { TurnTable } from './turns.ts';

type Wanted = { readonly task: SupervisedTask; readonly aim: ProbeAim };

export class ProbeQueue {
  /** At most two a task: the next of a kind is asked for after the answer of the one before. */
  readonly #turns: TurnTable<string, Wanted>;
  readonly #inFlight = new Map<string, PrincipalName>();

  constructor(limit: number) {
    this.#turns = new TurnTable(limit);
  }

  get size(): number {
    return this.#inFlight.size;
  }

  /** Takes the probes that are due now of this task. */
  add(task: SupervisedTask, now: Instant): void {
    for (const aim of task.takeDueProbes(now)) {
      this.#turns.add(task.ref.principal, keyOf(task.key, aim), { task, aim });
    }
  }

  answered(task: TaskKey, aim: ProbeAim): void {
    const key = keyOf(task, aim);
    const principal = this.#inFlight.get(key);
    if (principal === undefined) return;
    this.#inFlight.delete(key);
    this.#turns.leave(principal);
  }

  /** Starts what there is room for; what nobody wants any more is left out. */
  start(out: SupervisorEffect[]): void {
    for (let next = this.#turns.take(); next !== undefined; next = this.#turns.take()) {
      const { principal, work } = next;
      const key = keyOf(work.task.key, work.aim);
      const isStarted = work.task.probe(work.aim, out);
      // A task of the same name that is forgotten by now may have left one: the two have one turn.
      if (!isStarted || this.#inFlight.has(key)) this.#turns.leave(principal);
      if (isStarted) this.#inFlight.set(key, principal);
    }
  }
}

function keyOf(task: TaskKey, aim: ProbeAim): string {
  return `${task} ${aim}`;
}

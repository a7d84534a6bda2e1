// Owns how an agent that an operator has declared gone leaves: once all its tasks have ended and what is to be said of
// them is kept by the bus.
import type { AgentTask } from './agent-task.ts';
import type { SupervisorEffect } from './supervisor-messages.ts';

export class Departure {
  #why: string | undefined;
  #hasLeft = false;

  /** Undefined: nobody has said that it is to go. */
  get why(): string | undefined {
    return this.#why;
  }

  /** The first reason stands. */
  begin(why: string): void {
    this.#why ??= why;
  }

  leaveIfDone(tasks: Iterable<AgentTask>, out: SupervisorEffect[]): void {
    if (this.#why === undefined || this.#hasLeft) return;
    for (const { phase, outbox } of tasks) if (phase !== 'ended' || !outbox.isStored) return;
    this.#hasLeft = true;
    out.push({ kind: 'leave', why: this.#why });
  }
}

// Owns what an emulated agent runs in place of processes: a task lasts as long as the `sleep N` in its command, and ends
// well; a command without one ends at once.
import type { TaskKey } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import type { ObservedOutcome } from '../task-outcome.ts';

const SLEEP = /(?:^|[\s;&|])sleep\s+(\d+(?:\.\d+)?)/;

/** Milliseconds. Seconds stand after the word, as the program of that name takes them. */
function sleepMsOf({ command }: TaskDescription): number {
  const seconds = SLEEP.exec(command?.argv.join(' ') ?? '')?.[1];
  return Math.round(Number(seconds ?? 0) * 1000);
}

export type TaskEnd = { readonly task: TaskKey; readonly outcome: ObservedOutcome };

/** Of one agent, which has few tasks at a time. */
export class SleepLauncher {
  readonly #ends = new Map<TaskKey, number>();

  launch(task: TaskKey, description: TaskDescription, nowMs: number): void {
    this.#ends.set(task, nowMs + sleepMsOf(description));
  }

  /** True when it slept still. */
  stop(task: TaskKey): boolean {
    return this.#ends.delete(task);
  }

  takeEnded(nowMs: number): TaskEnd[] {
    const ended: TaskEnd[] = [];
    for (const [task, endMs] of this.#ends) {
      if (endMs > nowMs) continue;
      this.#ends.delete(task);
      ended.push({ task, outcome: { state: 'exited', code: 0 } });
    }
    return ended;
  }

  nextEndMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const endMs of this.#ends.values()) next = Math.min(next, endMs);
    return next;
  }
}

// Owns how often each task was launched by any of the emulated agents of a process: what a measurement of failovers needs
// to tell whether a task ran twice, from who ran it.
import type { TaskKey } from '@parley/protocol/ids';

/** Names of tasks that are remembered; of later ones nothing can be said. */
const MAX_TASKS = 5_000_000;

export type LaunchCounts = {
  readonly launched: number;
  readonly launchedAgain: number;
  readonly ended: number;
  /** Launches of which nobody knows whether they were repeated. */
  readonly untold: number;
};

export class LaunchTally {
  readonly #tasks = new Set<TaskKey>();
  #launched = 0;
  #launchedAgain = 0;
  #ended = 0;
  #untold = 0;

  /** False when it was launched before. */
  launched(task: TaskKey): boolean {
    this.#launched += 1;
    if (this.#tasks.has(task)) {
      this.#launchedAgain += 1;
      return false;
    }
    if (this.#tasks.size < MAX_TASKS) this.#tasks.add(task);
    else this.#untold += 1;
    return true;
  }

  ended(): void {
    this.#ended += 1;
  }

  get counts(): LaunchCounts {
    return {
      launched: this.#launched,
      launchedAgain: this.#launchedAgain,
      ended: this.#ended,
      untold: this.#untold,
    };
  }
}

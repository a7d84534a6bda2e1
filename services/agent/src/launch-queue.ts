// Owns which tasks are ready to be launched, in order of becoming so, and how many launches are in flight.
import type { TaskKey } from '@parley/protocol/ids';
import type { SupervisedTask } from './supervised-task.ts';
import type { SupervisorEffect } from './supervisor-messages.ts';

export class LaunchQueue {
  readonly #maxInFlight: number;
  readonly #mayLaunch: (task: SupervisedTask) => boolean;
  readonly #ready = new Set<SupervisedTask>();
  readonly #launching = new Set<TaskKey>();

  /** `mayLaunch`: its group does not hold the task back. */
  constructor(maxInFlight: number, mayLaunch: (task: SupervisedTask) => boolean) {
    this.#maxInFlight = maxInFlight;
    this.#mayLaunch = mayLaunch;
  }

  /** After anything happened to the task. */
  settle(task: SupervisedTask): void {
    if (task.phase === 'ready' && this.#mayLaunch(task)) this.#ready.add(task);
    else this.#ready.delete(task);
    if (task.phase !== 'launching') this.#launching.delete(task.key);
  }

  remove(task: SupervisedTask): void {
    this.#ready.delete(task);
  }

  start(out: SupervisorEffect[]): void {
    for (const task of this.#ready) {
      if (this.#launching.size >= this.#maxInFlight) break;
      this.#ready.delete(task);
      this.#launching.add(task.key);
      task.launch(out);
    }
  }
}

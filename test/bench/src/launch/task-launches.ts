// Owns launching tasks through the whole stack for a measurement: many at once, one after the other on an idle cluster, and
// some that stay. The framework is a real one of the SDK; it ends with what it launched.
import { setTimeout as wait } from 'node:timers/promises';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { isTerminal, type StatusUpdate, type TaskDescription } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { type TaskSpec, takeFitting, task } from '@parley/scheduler-sdk/task';

const PRINCIPAL = 'batch';
/** A stack that is stuck must not hang the benchmark. */
const TIMEOUT_MS = 280_000;

type Shape = Omit<TaskSpec, 'id'>;

export class TaskLaunches {
  readonly #scheduler: Scheduler;
  readonly #queue: TaskDescription[] = [];
  #hear: (update: StatusUpdate) => void = () => undefined;
  #launched = 0;

  private constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  static async connect(cluster: LocalCluster, name: string): Promise<TaskLaunches> {
    const made = Promise.withResolvers<TaskLaunches>();
    const scheduler = await connectScheduler({
      credential: cluster.credentialFile('principal', PRINCIPAL),
      name,
      role: PRINCIPAL,
      demand: [],
      onOffers: async (offers, self) => {
        const launches = await made.promise;
        for (const offer of offers) {
          const fitting = takeFitting(offer, launches.#queue);
          if (fitting.length > 0) void self.launch(offer, fitting, { refuseMs: 0 });
          else void self.decline([offer], { refuseMs: 0 });
        }
      },
      onUpdate: async (update) => (await made.promise).#hear(update),
    });
    const launches = new TaskLaunches(scheduler);
    made.resolve(launches);
    return launches;
  }

  /** Seconds until so many tasks have ended, or run where they stay, from the moment that they are wanted. */
  async launch(count: number, shape: Shape, until: 'running' | 'finished'): Promise<number> {
    const done = Promise.withResolvers<void>();
    const awaited = new Set<string>();
    let reached = 0;
    this.#hear = ({ task: { taskId }, state, reason, message }) => {
      if (!awaited.has(taskId)) return;
      if (state === until) reached += 1;
      else if (isTerminal(state) && state !== 'finished') {
        done.reject(new Error(`task ${taskId} ended as ${state} (${reason}): ${message}`));
      }
      if (reached === count) done.resolve();
    };
    for (let number = 0; number < count; number += 1) {
      this.#launched += 1;
      const id = `t-${this.#launched}`;
      awaited.add(id);
      this.#queue.push(task({ id, ...shape }));
    }
    const [first] = this.#queue;
    const beganMs = performance.now();
    this.#scheduler.setDemand([{ count, resources: first?.resources ?? {}, constraints: [] }]);
    const late = new AbortController();
    const timeout = wait(TIMEOUT_MS, undefined, { signal: late.signal }).then(() => {
      throw new Error(`${reached} of ${count} tasks were ${until} in ${TIMEOUT_MS / 1000} s`);
    });
    try {
      await Promise.race([done.promise, timeout]);
      return (performance.now() - beganMs) / 1000;
    } finally {
      this.#scheduler.setDemand([]);
      late.abort();
      await timeout.catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#scheduler.teardown();
  }
}

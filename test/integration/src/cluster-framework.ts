// Owns a framework for tests of the whole cluster: launches what is queued as offers allow, through the real scheduler
// SDK, and remembers every update that its handler was given. It tests nothing itself.

import type { Outcome } from '@parley/protocol/errors';
import type { AcceptResult, Offer } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate, type TaskDescription } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { takeFitting } from '@parley/scheduler-sdk/task';
import { type ClusterFixture, until } from './cluster-fixture.ts';

export class QueueFramework {
  /** In the order in which the handler was given them. */
  readonly updates: StatusUpdate[] = [];
  readonly errors: Error[] = [];
  /** Told by the leader that they are launched. */
  readonly launched: string[] = [];
  readonly #queue: TaskDescription[] = [];
  #scheduler: Scheduler | undefined;
  readonly #atOnce: {
    readonly launches: readonly TaskDescription[];
    readonly resolve: (outcome: Outcome<AcceptResult>) => void;
  }[] = [];

  get scheduler(): Scheduler {
    if (this.#scheduler === undefined) throw new Error('the framework is not connected');
    return this.#scheduler;
  }

  async connect(
    fixture: Pick<ClusterFixture, 'credential'>,
    principal: string,
    frameworkId: string,
    role = '*',
  ): Promise<this> {
    this.#scheduler = await connectScheduler({
      credential: fixture.credential('principal', principal),
      frameworkId,
      name: frameworkId,
      role,
      onOffers: (offers, scheduler) => this.#answer(offers, scheduler),
      onUpdate: (update) => void this.updates.push(update),
      onError: (error) => void this.errors.push(error),
      connectTimeoutMs: 60_000,
    });
    return this;
  }

  add(tasks: readonly TaskDescription[]): void {
    this.#queue.push(...tasks);
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Tasks of which the last word is this state. */
  inState(state: StatusUpdate['state']): string[] {
    const last = new Map(this.updates.map((update) => [update.task.taskId, update.state]));
    return [...last].filter(([, one]) => one === state).map(([taskId]) => taskId);
  }

  /** Every end that was told, one after the other. */
  get ends(): { taskId: string; state: StatusUpdate['state'] }[] {
    return this.updates
      .filter(({ state }) => isTerminal(state))
      .map(({ task, state }) => ({ taskId: task.taskId, state }));
  }

  async untilRunning(count: number): Promise<void> {
    await until(
      () => this.inState('running').length === count,
      () => `${count} tasks run; ${this.said}`,
    );
  }

  /** Launches these on the next offer, whatever that holds. */
  launch(launches: readonly TaskDescription[]): Promise<Outcome<AcceptResult>> {
    const { promise, resolve } = Promise.withResolvers<Outcome<AcceptResult>>();
    this.#atOnce.push({ launches, resolve });
    return promise;
  }

  async untilEnded(tasks: readonly TaskDescription[]): Promise<void> {
    const wanted = tasks.map(({ taskId }) => taskId);
    const ended = () => new Set<string>(this.ends.map(({ taskId }) => taskId));
    await until(
      () => wanted.every((taskId) => ended().has(taskId)),
      () => `${wanted} ended; ${this.said}`,
    );
  }

  /** For the message of a wait that failed. */
  get said(): string {
    const states = this.updates.map(({ task, state }) => `${task.taskId} ${state}`);
    const errors = this.errors.map(({ message }) => message);
    return `updates: ${states.join(', ')}; errors: ${errors.join(', ')}`;
  }

  async close(): Promise<void> {
    await this.#scheduler?.close();
  }

  /** Offers that nothing is launched on are kept from it for a moment only: more may be queued soon. */
  async #answer(offers: readonly Offer[], scheduler: Scheduler): Promise<void> {
    const unused: Offer[] = [];
    const answers = offers.map((offer) => {
      const wanted = this.#atOnce.shift();
      if (wanted !== undefined) {
        const answer = scheduler.launch(offer, wanted.launches, { refuseMs: 500 });
        void answer.then(wanted.resolve);
        return answer;
      }
      const launches = takeFitting(offer, this.#queue);
      if (launches.length > 0) return scheduler.launch(offer, launches, { refuseMs: 500 });
      unused.push(offer);
      return undefined;
    });
    if (unused.length > 0) scheduler.decline(unused, { refuseMs: 500 });
    for (const answer of await Promise.all(answers)) {
      if (answer?.ok) this.launched.push(...answer.value.launched);
    }
  }
}

// Owns which nested containers there are at this gateway: those that run, and for a while how those ended that are over, for
// whoever asks then. Another gateway knows nothing of them.
import type { ExecOutcome } from '@parley/operator-sdk/exec-session';
import type { ContainerSession } from './container-session.ts';

/** Agents have a bound of their own, each. */
const MAX_RUNNING = 1000;
const MAX_REMEMBERED = 1000;

export class SessionBook {
  readonly #running = new Map<string, ContainerSession>();
  readonly #over = new Map<string, ExecOutcome>();

  get isFull(): boolean {
    return this.#running.size >= MAX_RUNNING;
  }

  has(id: string): boolean {
    return this.#running.has(id) || this.#over.has(id);
  }

  running(id: string): ContainerSession | undefined {
    return this.#running.get(id);
  }

  /** Of one that is over, and has not been forgotten. */
  outcomeOf(id: string): ExecOutcome | undefined {
    return this.#over.get(id);
  }

  add(id: string, session: ContainerSession): void {
    this.#running.set(id, session);
    void session.ended.then((outcome) => {
      if (this.#running.get(id) !== session) return;
      this.#running.delete(id);
      this.#over.set(id, outcome);
      const [oldest] = this.#over.keys();
      if (this.#over.size > MAX_REMEMBERED && oldest !== undefined) this.#over.delete(oldest);
    });
  }

  /** As if it had never been. */
  forget(id: string): void {
    this.#running.delete(id);
    this.#over.delete(id);
  }

  /** Ids of those that run beside a task, as `nestedId` made them. */
  runningIds(): string[] {
    return [...this.#running.keys()];
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#running.values()].map((session) => session.kill()));
  }
}

// Owns how a framework that begins learns what runs: it asks the leader for all tasks, hears everything that happened before,
// and asks for members of groups that are in neither. What it learns is the plan's.
import type { StatusUpdate } from '@parley/protocol/tasks';
import { MemberQuestions, type MemberQuestionsOptions } from './member-questions.ts';
import { reconcileAll } from './reconcile-all.ts';
import { retryPolicy } from './retry-policy.ts';
import { SchedulerError } from './scheduler-connections.ts';
import type { Timer } from './scheduler-ports.ts';

export type FrameworkRecoveryOptions = MemberQuestionsOptions & {
  /** Reads again what is desired. */
  readonly refresh: () => Promise<void>;
};

const MAX_WAIT_MS = 30_000;
/** The leader did not say what runs, or has not yet read as much as this framework had. */
const AGAIN = retryPolicy({ backoff: { firstMs: 500, factor: 2, maxMs: MAX_WAIT_MS } });

export class FrameworkRecovery {
  readonly #options: FrameworkRecoveryOptions;
  readonly #members: MemberQuestions;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(options: FrameworkRecoveryOptions) {
    this.#options = options;
    this.#members = new MemberQuestions(options);
  }

  begin(): void {
    void this.#recover(1);
  }

  /** The plan can judge the update. False: the framework was closed before, and the update is to come again. */
  settle(update: StatusUpdate): Promise<boolean> {
    return this.#members.settle(update);
  }

  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#members.end();
    this.#options.watch.end();
  }

  /** What runs is known when the leader has said it and all that happened before was heard; then what is desired is read again. */
  async #recover(attempt: number): Promise<void> {
    const { plan, watch, clock, reconcile, refresh, carryOut, report } = this.#options;
    const running = await reconcileAll(reconcile);
    if (this.#isOver) return;
    if (!running.ok) {
      report(new SchedulerError(running.failure));
      this.#recoverAgain(attempt);
      return;
    }
    const { statuses, from, position } = running.value;
    await watch.heardUpTo(position);
    if (this.#isOver) return;
    // What it says lives may have ended, and an earlier scheduler may have heard so for the last time.
    if (!watch.covers(from)) {
      this.#recoverAgain(attempt);
      return;
    }
    await refresh();
    if (this.#isOver) return;
    watch.end();
    carryOut(plan.recovered(statuses, clock.nowMs()));
    await this.#members.settleAll();
  }

  #recoverAgain(attempt: number): void {
    const next = AGAIN.next('recovery', attempt);
    const afterMs = next.kind === 'retry' ? next.delayMs : MAX_WAIT_MS;
    this.#timer = this.#options.clock.startTimer(afterMs, () => void this.#recover(attempt + 1));
  }
}

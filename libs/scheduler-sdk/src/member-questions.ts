// Owns asking the leader for members of groups of which a framework that took over knows nothing: before an end is judged,
// and once it is known what runs. Which they are and what an answer means is framework-members.ts's.
import type { TaskId } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate, type TaskStatus } from '@parley/protocol/tasks';
import type { PlanDecision } from './framework-decisions.ts';
import type { FrameworkPlan } from './framework-plan.ts';
import type { RecoveryWatch } from './recovery-watch.ts';
import { retryPolicy } from './retry-policy.ts';
import type { Scheduler } from './scheduler.ts';
import { SchedulerError } from './scheduler-connections.ts';
import type { SchedulerClock, StreamPosition, Timer } from './scheduler-ports.ts';

export type MemberQuestionsOptions = {
  readonly plan: FrameworkPlan;
  readonly watch: RecoveryWatch;
  readonly clock: SchedulerClock;
  readonly reconcile: Scheduler['reconcile'];
  readonly carryOut: (decisions: readonly PlanDecision[]) => void;
  readonly report: (error: unknown) => void;
};

const MAX_TASKS_A_CALL = 1024;
const MAX_WAIT_MS = 10_000;
const AGAIN = retryPolicy({ backoff: { firstMs: 100, factor: 2, maxMs: MAX_WAIT_MS } });
/** Updates are delivered only while there are not too many in hand: then what is behind this one cannot be read. */
const READ_LIMIT_MS = 5000;

export class MemberQuestions {
  readonly #options: MemberQuestionsOptions;
  readonly #timers = new Set<Timer>();
  readonly #ended = Promise.withResolvers<void>();
  #isOver = false;

  constructor(options: MemberQuestionsOptions) {
    this.#options = options;
  }

  /** Resolves when the plan can judge this update, with true; with false when the framework is closed before. */
  settle(update: StatusUpdate): Promise<boolean> {
    const { plan } = this.#options;
    return this.#askUntilKnown(() => plan.doubtfulMembers(update), update);
  }

  /** What became of those that ended before this scheduler began, while the leader remembers it. */
  settleAll(): Promise<boolean> {
    const { plan } = this.#options;
    return this.#askUntilKnown(() => plan.missingMembers());
  }

  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#ended.resolve();
  }

  async #askUntilKnown(unknown: () => TaskId[], before?: StatusUpdate): Promise<boolean> {
    let failures = 0;
    let lastCount = Number.POSITIVE_INFINITY;
    while (!this.#isOver) {
      this.#believeWhatIsOnItsWay(unknown(), before);
      const taskIds = unknown();
      if (taskIds.length === 0) return true;
      failures = taskIds.length < lastCount ? 0 : failures + 1;
      lastCount = taskIds.length;
      if (failures > 0) await this.#wait(againMs(failures), this.#ended.promise);
      if (!this.#isOver) await this.#ask(taskIds.slice(0, MAX_TASKS_A_CALL), before);
    }
    return false;
  }

  async #ask(taskIds: readonly TaskId[], before?: StatusUpdate): Promise<void> {
    const { reconcile, watch, report } = this.#options;
    const answer = await reconcile({ tasks: taskIds.map((taskId) => ({ taskId })) });
    if (this.#isOver) return;
    if (!answer.ok) {
      report(new SchedulerError(answer.failure));
      return;
    }
    const { statuses, position } = answer.value;
    await this.#wait(READ_LIMIT_MS, watch.readUpTo(position));
    if (this.#isOver) return;
    this.#believeWhatIsOnItsWay(taskIds, before);
    const believed = statuses.filter((status) => this.#isBelievable(status, position));
    this.#tell(believed, before);
  }

  /** An update of it was read and not yet heard: its end is that one, or is going to be read as well. */
  #believeWhatIsOnItsWay(taskIds: readonly TaskId[], before?: StatusUpdate): void {
    const { watch } = this.#options;
    const coming = taskIds.filter((taskId) => watch.isOnItsWay(taskId));
    this.#tell(
      coming.map((taskId) => ({ taskId, state: 'staging' })),
      before,
    );
  }

  /** Where the leader has read less than an earlier scheduler, a task may have ended otherwise than it says, and no update tells it. */
  #isBelievable({ state }: TaskStatus, position: StreamPosition): boolean {
    const isEnd = state !== 'unknown' && isTerminal(state);
    return isEnd || this.#options.watch.covers(position);
  }

  #tell(statuses: readonly TaskStatus[], before?: StatusUpdate): void {
    if (statuses.length === 0) return;
    const { plan, clock, carryOut } = this.#options;
    carryOut(plan.membersTold(statuses, clock.nowMs(), before));
  }

  /** Until this has happened, and no longer than so. */
  async #wait(limitMs: number, event: Promise<void>): Promise<void> {
    const isLate = Promise.withResolvers<void>();
    const timer = this.#options.clock.startTimer(limitMs, () => isLate.resolve());
    this.#timers.add(timer);
    await Promise.race([event, isLate.promise]);
    timer.cancel();
    this.#timers.delete(timer);
  }
}

function againMs(failures: number): number {
  const next = AGAIN.next('members', failures);
  return next.kind === 'retry' ? next.delayMs : MAX_WAIT_MS;
}

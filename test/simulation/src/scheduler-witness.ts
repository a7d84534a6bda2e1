// Owns what a framework's process must be able to rely on: numbers without gaps, each offer once, one outcome for
// each accept, no update acknowledged that was not handled. It watches from outside the session. Throws at a breach.
import { isDeepStrictEqual } from 'node:util';
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import type { OfferId, TaskId } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Offer, Operation } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate, type TaskState } from '@parley/protocol/tasks';
import type { SchedulerEvent, SessionEffect } from '@parley/scheduler-sdk/session-vocabulary';

type Accepted = Extract<SchedulerEvent, { kind: 'accepted' }>['outcome'];

/** Of one incarnation of a framework's process. */
export class SchedulerWitness {
  readonly #name: string;
  /** Numbers received, and the highest one that an answer has made good. */
  readonly #heard = new Set<number>();
  #resumed = 0;
  readonly #offered = new Set<OfferId>();
  readonly #requests = new Map<number, unknown>();
  readonly #taskRequests = new Map<TaskId, number>();
  readonly #launches = new Map<number, readonly TaskId[]>();
  readonly #outcomes = new Map<number, Accepted>();
  /** By stream sequence: delivered and not handled yet, or handled. */
  readonly #updates = new Map<number, 'delivered' | 'handled'>();
  readonly #steps = new Set<string>();
  readonly #ended = new Set<TaskId>();
  readonly #told = new Map<TaskId, TaskState>();
  #lastEvent = 0;

  constructor(name: string) {
    this.#name = name;
  }

  heard(number: number): void {
    this.#heard.add(number);
  }

  answered(name: string, { answer }: { readonly answer: Answer }): void {
    if (!answer.ok || (name !== 'subscribe' && name !== 'resync')) return;
    const value: unknown = answer.value;
    if (typeof value !== 'object' || value === null || !('lastNumber' in value)) return;
    this.#resumed = Math.max(this.#resumed, Number(value.lastNumber));
  }

  /** The session says that it has seen everything up to this number. */
  confirms(number: number): void {
    for (let one = this.#resumed + 1; one <= number; one += 1) {
      if (!this.#heard.has(one)) this.#fail(`confirms ${number} and has never seen ${one}`);
    }
  }

  offered(offers: readonly Offer[]): void {
    for (const { offerId } of offers) {
      if (this.#offered.has(offerId)) this.#fail(`is offered ${offerId} twice`);
      this.#offered.add(offerId);
    }
  }

  /** A repeated request says what it said before, and no task is launched by two of them. */
  requests({ counter, call }: Extract<SessionEffect, { kind: 'request' }>): void {
    const before = this.#requests.get(counter);
    if (before !== undefined && !isDeepStrictEqual(before, call))
      this.#fail(`sends something else as request ${counter}`);
    this.#requests.set(counter, call);
    if (call.name !== 'accept') return;
    for (const taskId of tasksOf(call.body.operations)) {
      if ((this.#taskRequests.get(taskId) ?? counter) !== counter)
        this.#fail(`launches ${taskId} by two requests`);
      this.#taskRequests.set(taskId, counter);
    }
  }

  accepts(acceptId: number, launches: readonly TaskId[]): void {
    this.#launches.set(acceptId, launches);
  }

  outcome(acceptId: number, outcome: Accepted): void {
    if (this.#outcomes.has(acceptId)) this.#fail(`is told twice how accept ${acceptId} ended`);
    this.#outcomes.set(acceptId, outcome);
  }

  delivered(update: StatusUpdate, streamSequence: number | undefined): void {
    const { taskId } = update.task;
    const step = stepOf(update);
    // What a reconciliation tells is no step of the stream; the session numbers it 1.
    const isStep = update.reason !== 'reconciliation';
    if (isStep && this.#steps.has(step)) this.#fail(`is told ${step} twice`);
    if (this.#ended.has(taskId)) this.#fail(`is told ${step} after the end of the task`);
    if (this.#isOvertaken(update)) this.#fail(`is told ${step}, which its agent was ahead of`);
    if (isStep) this.#steps.add(step);
    this.#told.set(taskId, update.state);
    if (isTerminal(update.state)) this.#ended.add(taskId);
    if (streamSequence !== undefined) this.#updates.set(streamSequence, 'delivered');
  }

  /** Events of the leader come in order, each once. */
  told({ eventId }: FrameworkEvent): void {
    if (eventId <= this.#lastEvent) this.#fail(`is told event ${eventId} after ${this.#lastEvent}`);
    this.#lastEvent = eventId;
  }

  handled(streamSequence: number): void {
    this.#updates.set(streamSequence, 'handled');
  }

  /** Only what the handler has done with, or what says nothing new, may be acknowledged. */
  acknowledges(streamSequence: number, update: StatusUpdate | undefined): void {
    const state = this.#updates.get(streamSequence);
    if (state === 'handled') return;
    if (state === 'delivered') this.#fail(`acknowledges ${streamSequence} before it is handled`);
    // What was overtaken counts as told: it may come again when the agent is away again.
    if (update !== undefined && this.#isOvertaken(update)) this.#steps.add(stepOf(update));
    const isOld =
      update !== undefined &&
      (this.#steps.has(stepOf(update)) || this.#ended.has(update.task.taskId));
    if (!isOld) this.#fail(`acknowledges ${streamSequence} without handling it`);
  }

  /** The leader says that a task is back, of which its agent has told more than that. */
  #isOvertaken({ task, state, reason }: StatusUpdate): boolean {
    const told = this.#told.get(task.taskId);
    const isMore = told === 'killing' || (told === 'running' && state === 'starting');
    return reason === 'agentReturned' && isMore && told !== state;
  }

  /** What the accepts led to, against what was really launched. `isLaunched` knows the journal. */
  checkOutcomes(isLaunched: (taskId: TaskId) => boolean): void {
    for (const [acceptId, outcome] of this.#outcomes) {
      const launches = this.#launches.get(acceptId) ?? [];
      // A session that ends gives up what was on its way: that says nothing about the accept.
      if (!outcome.ok && ENDS_OF_SESSIONS.has(outcome.failure.code)) continue;
      const launched: readonly TaskId[] = outcome.ok ? outcome.value.launched : [];
      for (const taskId of launches) {
        if (launched.includes(taskId) !== isLaunched(taskId))
          this.#fail(`accept ${acceptId}: ${taskId}: told ${JSON.stringify(outcome)}`);
      }
    }
  }

  #fail(what: string): never {
    throw new Error(`${this.#name} ${what}`);
  }
}

function tasksOf(operations: readonly Operation[]): TaskId[] {
  return operations.flatMap((operation) =>
    operation.kind === 'launch' || operation.kind === 'launchGroup'
      ? operation.tasks.map(({ taskId }) => taskId)
      : [],
  );
}

const ENDS_OF_SESSIONS: ReadonlySet<string> = new Set(['frameworkRemoved', 'sessionReplaced']);
const stepOf = ({ task, source, sequence }: StatusUpdate) => `${task.taskId}:${source}:${sequence}`;

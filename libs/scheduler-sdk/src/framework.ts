// Owns the third layer of the SDK: binds a plan (framework-plan.ts) to a driver (scheduler.ts). It reads the desired list, carries
// out what the plan decides and hands updates to the user. It decides nothing itself.
import { createHash } from 'node:crypto';
import { type FrameworkRef, RoleName } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import type { DesiredTask, ExpectedWork } from './desired-task.ts';
import type { Explanation, FrameworkCounts, PlanDecision } from './framework-decisions.ts';
import { FrameworkInbox } from './framework-inbox.ts';
import type { FrameworkOptions } from './framework-options.ts';
import { FrameworkPlan } from './framework-plan.ts';
import { FrameworkRecovery } from './framework-recovery.ts';
import type { FrameworkUpdate } from './framework-update.ts';
import { connectPorts } from './nats-ports.ts';
import type { Strategy } from './placement/strategy.ts';
import { RecoveryWatch } from './recovery-watch.ts';
import { retryPolicy } from './retry-policy.ts';
import { Scheduler } from './scheduler.ts';
import type { SchedulerPorts, Timer, WorkObjects } from './scheduler-ports.ts';

export type DesiredReader<Payload> = () =>
  | readonly DesiredTask<Payload>[]
  | Promise<readonly DesiredTask<Payload>[]>;

export type ExpectedReader = () => readonly ExpectedWork[];

const DEFAULT_REFRESH_MS = 60_000;
const DEFAULT_CONNECT_MS = 30_000;
/** The desired list could not be read. */
const AGAIN = retryPolicy({ backoff: { firstMs: 500, factor: 2, maxMs: 30_000 } });
/** How long `close` waits for tasks to end that it has killed. */
const KILL_LIMIT_MS = 30_000;
const INCARNATION_CHARS = 12;

export class Framework<Payload = unknown> {
  readonly #options: FrameworkOptions<Payload>;
  readonly #strategies: Strategy[] = [];
  #read: DesiredReader<Payload> | undefined;
  #expect: ExpectedReader = () => [];
  #inner: RunningFramework<Payload> | undefined;

  constructor(options: FrameworkOptions<Payload>) {
    this.#options = options;
  }

  /**
   * What is to run, all of it: what is missing is killed. Called at the start, on `poke`, after a failover and from time to
   * time; it must be a read. When it throws, the last list stays.
   */
  desired(read: DesiredReader<Payload>): this {
    assert(this.#inner === undefined, 'desired: before start');
    this.#read = read;
    return this;
  }

  /** What is going to be desired and cannot be listed yet; read right after each list. */
  expected(read: ExpectedReader): this {
    assert(this.#inner === undefined, 'expected: before start');
    this.#expect = read;
    return this;
  }

  /** Where it is to run: all strategies count, with their weights; each may refuse a place. */
  place(...strategies: readonly Strategy[]): this {
    assert(this.#inner === undefined, 'place: before start');
    this.#strategies.push(...strategies);
    return this;
  }

  /** Connects and subscribes. Throws `SchedulerError` when the cluster cannot be reached or refuses. */
  async start(): Promise<this> {
    const read = this.#read;
    assert(read !== undefined && this.#inner === undefined, 'start: once, with a desired list');
    const { ports, leftMs } = await connected(this.#options);
    const wishes = { read, expect: this.#expect, strategies: this.#strategies };
    const inner = new RunningFramework(this.#options, ports, wishes);
    this.#inner = inner;
    await inner.begin(leftMs());
    return this;
  }

  /** Each update is acknowledged when the loop asks for the next one; a loop that ends by a throw or `break` gets its last one again. */
  updates(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<FrameworkUpdate<Payload>> {
    return this.#running.inbox.updates(options.signal);
  }

  /** Reads the desired list anew, now; resolves when that is done. */
  poke(): Promise<void> {
    return this.#running.refresh();
  }

  /** Why something does not run, or what of it runs. */
  explain(key: string): Explanation {
    return this.#running.explain(key);
  }

  /** How many keys are in which state. */
  counts(): FrameworkCounts {
    return this.#running.counts();
  }

  /** Resolves when no task of it lives: at once when none does now. */
  idle(): Promise<void> {
    return this.#running.idle();
  }

  get framework(): FrameworkRef {
    return this.#running.scheduler.framework;
  }

  /** The principal's bucket of objects. */
  bucket(): Promise<WorkObjects> {
    return this.#running.scheduler.bucket();
  }

  /** Resolves when the framework is torn down or closed; throws `SchedulerError` when the leader ended the session. */
  ended(): Promise<void> {
    return this.#running.scheduler.ended();
  }

  /** Leaves without ending the framework: with `leave` its tasks go on, and a later start with the same id takes them up. */
  close({ tasks }: { readonly tasks: 'leave' | 'kill' }): Promise<void> {
    return this.#running.close(tasks);
  }

  /** Ends the framework: the leader kills its tasks, its id is not used again. */
  teardown(): Promise<void> {
    return this.#running.teardown();
  }

  get #running(): RunningFramework<Payload> {
    assert(this.#inner !== undefined, 'the framework is started first');
    return this.#inner;
  }
}

type Wishes<Payload> = {
  readonly read: DesiredReader<Payload>;
  readonly expect: ExpectedReader;
  readonly strategies: readonly Strategy[];
};

class RunningFramework<Payload> {
  readonly scheduler: Scheduler;
  readonly inbox: FrameworkInbox<Payload>;
  readonly #options: FrameworkOptions<Payload>;
  readonly #ports: SchedulerPorts;
  readonly #plan: FrameworkPlan;
  readonly #wishes: Wishes<Payload>;
  readonly #watch: RecoveryWatch;
  readonly #recovery: FrameworkRecovery;
  /** Updates that the plan has heard and the user is not through with: what he is told stays the same. */
  readonly #told = new Map<string, FrameworkUpdate>();
  /** One read after the other. */
  #reading: Promise<void> = Promise.resolve();
  #readFailures = 0;
  readonly #desiredKnown = Promise.withResolvers<void>();
  #refreshTimer: Timer | undefined;
  #planTimer: Timer | undefined;
  #isClosing = false;
  #isClosed = false;
  #idle = Promise.withResolvers<void>();

  constructor(options: FrameworkOptions<Payload>, ports: SchedulerPorts, wishes: Wishes<Payload>) {
    const { onUpdate, onEvent, refreshMs, ports: _, ...who } = options;
    this.#options = options;
    this.#ports = ports;
    this.#wishes = wishes;
    this.inbox = new FrameworkInbox({
      handler: onUpdate,
      clock: ports.clock,
      onError: (error) => this.#report(error),
    });
    const roles = (who.roles ?? (who.role === undefined ? [] : [who.role])).map((role) =>
      RoleName.parse(role),
    );
    const digest = createHash('sha256').update(ports.randomToken()).digest().readBigUInt64BE();
    const incarnation = digest.toString(36).slice(0, INCARNATION_CHARS);
    this.#plan = new FrameworkPlan({ incarnation, roles, strategies: wishes.strategies });
    this.#watch = new RecoveryWatch(ports.cluster);
    this.#recovery = new FrameworkRecovery({
      plan: this.#plan,
      watch: this.#watch,
      clock: ports.clock,
      reconcile: (request) => this.scheduler.reconcile(request),
      refresh: () => this.refresh(),
      carryOut: (decisions) => this.#carryOut(decisions),
      report: (error) => this.#report(error),
    });
    this.scheduler = new Scheduler(
      {
        ...who,
        demand: [],
        onOffers: (offers) => this.#carryOut(this.#plan.offers(offers, this.#nowMs())),
        onUpdate: (update) => this.#handle(update),
        ...(onEvent && { onEvent: (event) => onEvent(event) }),
        onError: (error) => this.#report(error),
      },
      this.#watch.around(ports),
    );
  }

  async begin(connectTimeoutMs: number): Promise<void> {
    await this.scheduler.subscribed(connectTimeoutMs);
    void this.refresh();
    this.#recovery.begin();
  }

  /** Never two at once; a poke while one is under way is another one after it. */
  refresh(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readOnce());
    return this.#reading;
  }

  explain(key: string): Explanation {
    return this.#plan.explain(key, this.#nowMs());
  }

  counts(): FrameworkCounts {
    return this.#plan.counts(this.#nowMs());
  }

  idle(): Promise<void> {
    if (this.#plan.liveTasks().length === 0) return Promise.resolve();
    return this.#idle.promise;
  }

  async close(tasks: 'leave' | 'kill'): Promise<void> {
    this.#isClosing = true;
    if (tasks === 'kill') {
      await this.#reading;
      this.#carryOut(this.#plan.desired([], this.#nowMs()));
      const isLate = Promise.withResolvers<void>();
      const late = this.#ports.clock.startTimer(KILL_LIMIT_MS, () => isLate.resolve());
      await Promise.race([this.idle(), isLate.promise]);
      late.cancel();
    }
    this.#end();
    await this.scheduler.close();
  }

  async teardown(): Promise<void> {
    this.#isClosing = true;
    this.#end();
    await this.scheduler.teardown();
  }

  #end(): void {
    this.#isClosed = true;
    for (const timer of [this.#refreshTimer, this.#planTimer]) timer?.cancel();
    this.#recovery.end();
    this.inbox.close();
  }

  async #readOnce(): Promise<void> {
    if (this.#isClosing) return;
    this.#refreshTimer?.cancel();
    let nextMs = this.#options.refreshMs ?? DEFAULT_REFRESH_MS;
    try {
      const list = await this.#wishes.read();
      const expected = this.#wishes.expect();
      this.#readFailures = 0;
      if (!this.#isClosing) this.#carryOut(this.#plan.desired(list, this.#nowMs(), expected));
      this.#desiredKnown.resolve();
    } catch (error) {
      this.#report(error);
      this.#readFailures += 1;
      nextMs = againMs('desired', this.#readFailures);
    }
    if (this.#isClosing) return;
    this.#refreshTimer = this.#ports.clock.startTimer(nextMs, () => void this.refresh());
  }

  async #handle(update: StatusUpdate): Promise<void> {
    const { task, source, sequence } = update;
    const name = `${task.taskId}:${source}:${sequence}`;
    // Whose an update is, and whether it is news, can be told only with the list.
    await this.#desiredKnown.promise;
    if (!this.#told.has(name)) {
      // Not through, so that it comes again to the next scheduler.
      if (!(await this.#recovery.settle(update))) return await new Promise(() => undefined);
      const result = this.#plan.update(update, this.#nowMs());
      if (result.update !== undefined) this.#told.set(name, result.update);
      this.#carryOut(result.decisions);
      this.#watch.heard(update);
    }
    const told = this.#told.get(name);
    if (told === undefined) return;
    await this.inbox.hand(payloadOf<Payload>(told));
    this.#told.delete(name);
  }

  #carryOut(decisions: readonly PlanDecision[]): void {
    for (const decision of decisions) this.#carryOutOne(decision);
    if (this.#plan.liveTasks().length === 0) {
      this.#idle.resolve();
      this.#idle = Promise.withResolvers();
    }
    this.#schedule();
  }

  #carryOutOne(decision: PlanDecision): void {
    const { scheduler } = this;
    switch (decision.kind) {
      case 'accept': {
        const { acceptId, ...order } = decision;
        void scheduler
          .accept(order)
          .then((outcome) =>
            this.#carryOut(this.#plan.accepted({ acceptId, outcome }, this.#nowMs())),
          );
        break;
      }
      case 'decline': {
        const { filter, reason } = decision;
        scheduler.decline(decision.offers, { filter, reason });
        break;
      }
      case 'kill':
        void scheduler.kill(decision.taskId);
        break;
      case 'demand':
        scheduler.setDemand(decision.demand);
        break;
      case 'suppress':
        scheduler.suppress(...decision.roles);
        break;
      case 'revive':
        scheduler.revive(...decision.roles);
        break;
      case 'tell':
        this.inbox.tell(payloadOf<Payload>(decision.update));
        break;
    }
  }

  #schedule(): void {
    this.#planTimer?.cancel();
    this.#planTimer = undefined;
    const wakeMs = this.#plan.nextWakeMs();
    if (wakeMs === undefined || this.#isClosed) return;
    const waitMs = Math.max(wakeMs - this.#nowMs(), 1);
    this.#planTimer = this.#ports.clock.startTimer(waitMs, () =>
      this.#carryOut(this.#plan.tick(this.#nowMs())),
    );
  }

  #report(error: unknown): void {
    const told = error instanceof Error ? error : new Error(String(error));
    if (this.#options.onError) this.#options.onError(told);
    else this.#ports.warn(told);
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs();
  }
}

async function connected<Payload>(
  options: FrameworkOptions<Payload>,
): Promise<{ ports: SchedulerPorts; leftMs: () => number }> {
  const { ports, connectTimeoutMs = DEFAULT_CONNECT_MS } = options;
  return ports === undefined
    ? await connectPorts(options)
    : { ports, leftMs: () => connectTimeoutMs };
}

function againMs(what: string, failures: number): number {
  const next = AGAIN.next(what, failures);
  return next.kind === 'retry' ? next.delayMs : DEFAULT_REFRESH_MS;
}

/** What the plan gives back is what the desired list of this payload gave it. */
const payloadOf = <Payload>(update: FrameworkUpdate): FrameworkUpdate<Payload> =>
  update as FrameworkUpdate<Payload>;

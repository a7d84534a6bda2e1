// The shell around custom executors: carries out what the roster asks for on this host and on the bus, and tells it
// what came of that. It decides nothing about executors.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { TaskOutcome } from '@parley/isolation/exit-status';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import { type ExecutorKey, executorKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { unreachable } from '@parley/protocol/unreachable';
import type { Logger } from '@parley/telemetry/logger';
import type { AgentBus } from '../agent-bus.ts';
import { DiskBudget } from '../disk-budget.ts';
import type { Fetcher } from '../fetching/fetcher.ts';
import { ReportLog } from '../report-log.ts';
import type { StepFailure } from '../supervisor-messages.ts';
import { diskLimitMibOf } from '../task-limits.ts';
import type { SampledUnit } from '../usage-sampling.ts';
import { ExecutorHost, type ExecutorHostOptions } from './executor-host.ts';
import type {
  ConnectionNumber,
  ExecutorEffect,
  ExecutorInput,
  ExecutorPlace,
  RecoveredExecutor,
} from './executor-messages.ts';
import { ExecutorRelay } from './executor-relay.ts';
import { ExecutorRetention } from './executor-retention.ts';
import { connectionNumbers, ExecutorSockets } from './executor-sockets.ts';
import { ExecutorStore } from './executor-store.ts';

export type ExecutorShellOptions = ExecutorHostOptions & {
  readonly logger: Logger;
  readonly fetcher: Fetcher;
  readonly dispatch: (input: ExecutorInput) => void;
  /** Undefined before the first connection. */
  readonly bus: () => AgentBus | undefined;
  /** Looks for the end of a unit that was killed, which leaves no marker. */
  readonly checkExit: (unit: string) => Promise<void>;
  /** The highest number of an update of the executor's that was taken for a task that it has. */
  readonly lastSequence: (executor: ExecutorKey) => number;
};

/** One with a scope. */
export type LiveExecutor = ExecutorPlace & { readonly description: ExecutorDescription };

type Effect<Kind extends ExecutorEffect['kind']> = Extract<ExecutorEffect, { kind: Kind }>;

const TELL_LOST_AGAIN_MS = 60_000;

export class ExecutorShell {
  readonly host: ExecutorHost;
  readonly #options: ExecutorShellOptions;
  readonly #logger: Logger;
  readonly #store: ExecutorStore;
  readonly #nextNumber = connectionNumbers();
  readonly #sockets = new ExecutorSockets(this.#nextNumber);
  readonly relay: ExecutorRelay;
  readonly retention: ExecutorRetention;
  readonly #faults = new ReportLog();
  /** Executors with a scope, by its unit. */
  readonly #places = new Map<string, LiveExecutor>();
  /** Executors that are being prepared, by the unit that they will have. */
  readonly #fetching = new Map<string, AbortController>();
  #lost = 0;
  #lostToldMs = Number.NEGATIVE_INFINITY;

  constructor(options: ExecutorShellOptions) {
    const { cluster, agentId, workDirectory, logger } = options;
    this.#options = options;
    this.#logger = logger;
    this.host = new ExecutorHost(options);
    this.#store = new ExecutorStore(workDirectory);
    this.relay = this.#makeRelay(options);
    this.retention = new ExecutorRetention(
      { cluster, agentId },
      workDirectory,
      (executor, reason) =>
        logger.warn({ ...executor, reason }, 'sandbox of an executor not removed'),
    );
  }

  /** What an earlier process left. Its executors are heard once `listenAgain` was called. */
  async recover(): Promise<RecoveredExecutor[]> {
    const { records, damaged } = await this.#store.readAll();
    for (const damage of damaged) {
      this.#logger.error(damage, 'executor record set aside: not readable');
    }
    for (const unit of await this.host.destroyStrays(records)) {
      this.#logger.error({ unit }, 'an executor without a record was killed');
    }
    await this.retention.adopt(records);
    return Promise.all(
      records.map(async (record): Promise<RecoveredExecutor> => {
        this.#places.set(this.host.directoriesOf(record).unit, record);
        return { record, outcome: await this.host.outcomeOf(record) };
      }),
    );
  }

  /** After the roster knows of them. */
  async listenAgain(recovered: readonly RecoveredExecutor[]): Promise<void> {
    for (const { record, outcome } of recovered) {
      if (outcome.state !== 'running') continue;
      try {
        await this.#listen(record);
      } catch (err) {
        this.#logger.error({ ...record.executor, err }, 'the socket of an executor is not there');
      }
    }
  }

  carryOut(effect: ExecutorEffect): Promise<void> | undefined {
    switch (effect.kind) {
      case 'persist':
        return this.#persist(effect);
      case 'forget':
        return this.#forget(effect);
      case 'launch':
        return this.#launch(effect);
      case 'setLimits':
        return this.#setLimits(effect);
      case 'destroy':
        return this.#destroy(effect);
      case 'send':
        if (!this.#wayTo(effect.connection).send(effect.connection, effect.message)) this.#loses();
        return undefined;
      case 'closeConnection':
        this.#wayTo(effect.connection).end(effect.connection);
        return undefined;
      case 'publishMessage':
        if (this.#options.bus()?.messageToFramework(effect.executor, effect.data) !== true) {
          this.#loses();
        }
        return undefined;
      case 'tellExited':
        return this.#tellExited(effect);
      default:
        return unreachable(effect);
    }
  }

  /** How it ended; undefined when the unit is no executor's. */
  async unitEnded(unit: string): Promise<TaskOutcome | undefined> {
    const place = this.#places.get(unit);
    if (place === undefined) return undefined;
    const outcome = await this.host.outcomeOf(place);
    this.#options.dispatch({ kind: 'ended', ...namesOf(place), outcome });
    return outcome;
  }

  /** Units whose end is to be noticed. */
  units(): ReadonlySet<string> {
    return new Set(this.#places.keys());
  }

  /** Nothing of an executor can be running. */
  get isIdle(): boolean {
    return this.#places.size === 0;
  }

  live(): Iterable<LiveExecutor> {
    return this.#places.values();
  }

  /** With the tasks in them. */
  *measured(): Iterable<SampledUnit> {
    for (const [unit, place] of this.#places) {
      const { runDirectory } = this.host.directoriesOf(place);
      yield { unit, runDirectory, executor: place.executor };
    }
  }

  close(): void {
    this.#sockets.closeAll();
    this.relay.closeAll();
  }

  #wayTo(connection: ConnectionNumber): Pick<ExecutorSockets, 'send' | 'end'> {
    return this.relay.has(connection) ? this.relay : this.#sockets;
  }

  #makeRelay({ dispatch, lastSequence }: ExecutorShellOptions): ExecutorRelay {
    return new ExecutorRelay({
      find: (executor) => {
        const key = executorKey(executor);
        const found = [...this.#places.values()].find((each) => executorKey(each.executor) === key);
        if (found?.description.mesos === undefined) return undefined;
        const { description } = found;
        return { place: namesOf(found), description, lastSequence: lastSequence(key) };
      },
      faultOf: ({ place, description }, proof) => this.host.proofFault(place, description, proof),
      nextNumber: this.#nextNumber,
      onMessage: (place, connection, message) =>
        dispatch({ kind: 'said', ...place, connection, message }),
      onClosed: (place, connection) => dispatch({ kind: 'connectionClosed', ...place, connection }),
    });
  }

  async #persist({ record, revision, ...place }: Effect<'persist'>): Promise<void> {
    const names = namesOf(place);
    if (record.ending !== undefined) this.#stopFetching(place);
    const failure = await this.#store.write(record);
    if (failure !== undefined) {
      const { message: reason } = failure;
      this.#logger.error({ ...place.executor, reason }, 'executor record not written');
    }
    this.#options.dispatch(
      failure === undefined
        ? { kind: 'recorded', ...names, revision }
        : { kind: 'recordFailed', ...names, revision, failure },
    );
    const { exit, hasRegistered, ending } = record;
    this.#logger.info({ ...place.executor, hasRegistered, ending, ...exit }, 'executor');
    if (exit !== undefined) this.#places.delete(this.host.directoriesOf(place).unit);
  }

  async #forget(place: Effect<'forget'>): Promise<void> {
    const { unit, sandboxDirectory } = this.host.directoriesOf(place);
    this.#places.delete(unit);
    await this.#sockets.close(sandboxDirectory);
    await this.#store.remove(place.executor);
    await this.retention.keep(namesOf(place));
  }

  async #launch({ description, limits, ...place }: Effect<'launch'>): Promise<void> {
    const names = namesOf(place);
    const { unit, runDirectory } = this.host.directoriesOf(place);
    let failure =
      (await this.host.prepare(place, description)) ?? (await this.#fetch(place, description));
    if (failure === undefined) {
      try {
        await this.#listen(names);
        // Its end can be seen before the answer of the launch is.
        this.#places.set(unit, { ...names, description });
        failure = await this.host.launch(place, description, limits);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        failure = { code: 'failed', message: `its socket: ${message}` };
      }
    }
    if (failure !== undefined) {
      this.#places.delete(unit);
      await this.#options.images.release(runDirectory);
    }
    this.#options.dispatch(
      failure === undefined
        ? { kind: 'started', ...names }
        : { kind: 'launchFailed', ...names, failure },
    );
  }

  async #fetch(
    place: ExecutorPlace,
    description: ExecutorDescription,
  ): Promise<StepFailure | undefined> {
    const { uris = [], image } = description;
    const { unit, sandboxDirectory, runDirectory } = this.host.directoriesOf(place);
    const { principal } = place.executor;
    const stopping = new AbortController();
    this.#fetching.set(unit, stopping);
    const { signal } = stopping;
    const budget = new DiskBudget(diskLimitMibOf([description]));
    try {
      const rootless = await this.#options.images.prepare(runDirectory, principal, { image });
      if (rootless !== undefined) return rootless;
      const request = { principal, sandboxDirectory, uris, signal, budget };
      return await this.#options.fetcher.fetch(request);
    } finally {
      this.#fetching.delete(unit);
    }
  }

  /** It is not to start any more. */
  #stopFetching(place: ExecutorPlace): void {
    this.#fetching.get(this.host.directoriesOf(place).unit)?.abort(new Error('it is told to end'));
  }

  async #listen(place: ExecutorPlace): Promise<void> {
    const names = namesOf(place);
    const { dispatch } = this.#options;
    await this.#sockets.open(this.host.directoriesOf(place).sandboxDirectory, {
      onMessage: (connection, message) => dispatch({ kind: 'said', ...names, connection, message }),
      onClosed: (connection) => dispatch({ kind: 'connectionClosed', ...names, connection }),
      onFault: (reason) => this.#faulty(names, reason),
    });
  }

  #faulty({ executor }: ExecutorPlace, reason: string): void {
    const { isWritten, before } = this.#faults.add(executorKey(executor), systemClock.nowMs());
    for (const leftOut of before) this.#logger.error(leftOut, 'faults of connections left out');
    if (isWritten) this.#logger.error({ ...executor, reason }, 'connection of an executor ended');
  }

  async #setLimits({ revision, limits, ...place }: Effect<'setLimits'>): Promise<void> {
    const names = namesOf(place);
    try {
      // A scope that is gone tells so itself, by the end of its unit.
      await this.host.setLimits(place, limits);
      this.#options.dispatch({ kind: 'limitsSet', ...names, revision });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.dispatch({ kind: 'limitsNotSet', ...names, revision, reason });
    }
  }

  async #destroy(place: Effect<'destroy'>): Promise<void> {
    this.#stopFetching(place);
    await this.host.destroy(place);
    await this.#options.checkExit(this.host.directoriesOf(place).unit);
  }

  async #tellExited({ counter, request, body }: Effect<'tellExited'>): Promise<void> {
    const answer: Answer | undefined = await this.#options.bus()?.executorExited(request, body);
    if (answer !== undefined) this.#options.dispatch({ kind: 'exitAnswered', counter, answer });
  }

  /** Messages between schedulers and executors may be lost, but not unseen. */
  #loses(): void {
    this.#lost += 1;
    const nowMs = systemClock.nowMs();
    if (nowMs - this.#lostToldMs < TELL_LOST_AGAIN_MS) return;
    this.#lostToldMs = nowMs;
    this.#logger.warn({ lost: this.#lost }, 'messages of executors or for them were lost');
  }
}

const namesOf = ({ executor, incarnation }: ExecutorPlace): ExecutorPlace => ({
  executor,
  incarnation,
});

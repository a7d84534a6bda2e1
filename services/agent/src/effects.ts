import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { NatsBus } from '@parley/actor/nats/nats-bus';
import { systemClock } from '@parley/actor/nats/system-clock';
import { succeed } from '@parley/protocol/errors';
import { isTerminal } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { Logger } from '@parley/telemetry/logger';
import { AgentLink, isBusEffect } from './agent-link.ts';
import type { AgentMeter } from './agent-meter.ts';
import {
  fetching,
  type HostIsolation,
  launching,
  objectCopies,
  supervisorOf,
  taskHost,
  taskImages,
  workAccount,
} from './agent-parts.ts';
import { CheckpointEffects } from './checkpoint-effects.ts';
import { CheckpointStore } from './checkpoint-store.ts';
import type { AgentConfig } from './config.ts';
import { EpochFile } from './epoch-file.ts';
import { ExecutorShell, type ExecutorShellOptions } from './executors/executor-shell.ts';
import { ExecutorTokens, SECRET_BYTES } from './executors/executor-tokens.ts';
import { GroupDirectories } from './group-directories.ts';
import { type HostEffect, HostEffects } from './host-effects.ts';
import type { TaskImages } from './images/task-images.ts';
import type { PreparedIsolation } from './isolation-setup.ts';
import { PressureWatch } from './pressure-watch.ts';
import { recoverTasks } from './recovery.ts';
import { SandboxCare } from './sandbox-care.ts';
import { SandboxRetention } from './sandbox-retention.ts';
import { spareTask } from './spare-task.ts';
import type { Supervisor } from './supervisor.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';
import { TaskAccess } from './task-access.ts';
import type { TaskHost } from './task-host.ts';
import { TaskNarrator } from './task-narrator.ts';
import { UnitWatch } from './unit-watch.ts';
import { measureUsage } from './usage-measuring.ts';
import type { UsageReports } from './usage-reports.ts';
import { VolumeStore } from './volume-store.ts';
import type { WorkAccount } from './work-account.ts';

const MAX_TIMER_MS = 60_000;
const ANSWER_TO_STOP_MS = 2000;

type TaskEffect<Kind extends SupervisorEffect['kind']> = Extract<SupervisorEffect, { kind: Kind }>;

export class AgentShell {
  readonly #logger: Logger;
  readonly #meter: AgentMeter | undefined;
  readonly #isolation: PreparedIsolation;
  readonly #supervisor: Supervisor;
  readonly #checkpoints: CheckpointStore;
  readonly #records: CheckpointEffects;
  readonly #epochFile: EpochFile;
  readonly #host: TaskHost;
  readonly #executors: ExecutorShell;
  readonly #effects: HostEffects;
  readonly #volumes: VolumeStore;
  readonly #images: TaskImages;
  readonly #narrator: TaskNarrator;
  readonly #groups: GroupDirectories;
  readonly #onLeave: (why: string) => void;
  readonly #work: WorkAccount;
  readonly #retention: SandboxRetention;
  readonly #units: UnitWatch;
  readonly #usage: UsageReports;
  readonly #pressure: PressureWatch;
  readonly #care: SandboxCare;
  readonly #link: AgentLink;
  readonly #access: TaskAccess;
  /** Units that were found running, and that no record explained. */
  #strays = 0;
  #nats: NatsBus | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  /** `onLeave`: called once, when the leader has declared this agent gone and nothing is left to be done. */
  constructor(
    config: AgentConfig,
    isolation: HostIsolation,
    { logger, meter }: { readonly logger: Logger; readonly meter: AgentMeter | undefined },
    onLeave: (why: string) => void,
  ) {
    const { agentId, workDirectory, identity } = config;
    this.#logger = logger;
    this.#meter = meter;
    this.#narrator = new TaskNarrator(logger, meter);
    this.#isolation = isolation;
    this.#onLeave = onLeave;
    this.#volumes = new VolumeStore(workDirectory);
    this.#groups = new GroupDirectories(workDirectory);
    this.#checkpoints = new CheckpointStore(workDirectory);
    this.#records = new CheckpointEffects(this.#checkpoints, logger);
    this.#epochFile = new EpochFile(workDirectory);
    const way = launching(config, isolation, (unit) => void this.#units.check(unit));
    const { rootPath, confinement } = isolation;
    const place = { cluster: identity.cluster, agentId, workDirectory };
    const dispatch = (input: SupervisorInput): void => this.#dispatch(input);
    this.#images = taskImages(config, way.launcher, confinement, logger);
    this.#host = taskHost(config, isolation, { ...way, images: this.#images });
    const { cache, fetcher } = fetching(config);
    const given = { ...place, launcher: way.launcher, confinement, fetcher, images: this.#images };
    this.#work = workAccount(identity, logger);
    this.#executors = this.#makeExecutors(config, given);
    this.#effects = new HostEffects({
      host: this.#host,
      executors: this.#executors.host,
      copies: objectCopies(config, this.#work, cache, logger),
      ...given,
      volumes: this.#volumes,
      groups: this.#groups,
    });
    this.#retention = new SandboxRetention({
      isLive: (task) => this.#supervisor.task(task) !== undefined,
      ...place,
      onRemoved: (task) => this.#groups.leave(task),
      onFailure: (task, reason) => logger.warn({ ...task, reason }, 'sandbox not removed'),
    });
    const epoch = this.#epochFile.read();
    this.#supervisor = supervisorOf(config, isolation, { ...newSession(), epoch });
    this.#access = this.#openAccess();
    this.#link = new AgentLink({
      cluster: identity.cluster,
      agentId,
      supervisor: this.#supervisor,
      dispatch,
      files: this.#access.files,
      exec: this.#access.exec,
      relay: this.#executors.relay,
      watchUsage: ({ leaseMs }) => this.#usage.watch(leaseMs),
      logger,
    });
    this.#units = new UnitWatch({
      ...place,
      rootPath,
      host: this.#host,
      executors: this.#executors,
      supervisor: this.#supervisor,
      dispatch,
      logger,
      onEnded: (unit) => this.#care.unitEnded(unit),
    });
    this.#usage = this.#measure(config);
    this.#pressure = this.#watchPressure(config);
    this.#care = this.#careFor(config);
  }

  get isConnected(): boolean {
    return this.#nats?.connected === true;
  }

  /** Takes up the tasks of an earlier process and watches for their ends. Needs no bus. */
  async recover(): Promise<void> {
    const options = { checkpoints: this.#checkpoints, host: this.#host, logger: this.#logger };
    const { tasks, strays } = await recoverTasks(options);
    this.#strays = strays;
    for (const { record } of tasks) this.#units.add(record.task);
    const executors = await this.#executors.recover();
    this.#dispatch({ kind: 'recovered', tasks, executors });
    this.#meter?.watch({
      tasks: () => this.#supervisor.tasks(),
      isConnected: () => this.isConnected,
    });
    await this.#executors.listenAgain(executors);
    if (tasks.length > 0) this.#logger.info({ tasks: tasks.length }, 'tasks taken up again');
    await this.#groups.adopt((ref) => this.#host.hasSandbox(ref));
    this.#track(this.#volumes.clearTrash());
    this.#track(this.#images.begin());
    await this.#retention.adopt();
    // However much that is: tasks need not wait for it.
    this.#track(this.#retention.trim());
    this.#track(this.#executors.retention.trim());
    await this.#units.begin();
    this.#pressure.begin();
    this.#care.begin();
  }

  /** From now on the supervisor hears the bus. */
  attach(nats: NatsBus): void {
    this.#nats = nats;
    this.#work.goWith(nats.connection);
    this.#link.attach({ bus: nats, requester: nats.connection });
    this.connectedChanged(nats.connected);
    if (this.#isolation.kind !== 'process') this.#usage.begin();
  }

  /** Of no concern before `attach`, which looks itself. */
  connectedChanged(connected: boolean): void {
    if (this.#nats === undefined) return;
    const server = this.#nats.connection.getServer();
    this.#logger.info({ server }, connected ? 'connected to the bus' : 'the bus is away');
    this.#dispatch({ kind: connected ? 'connected' : 'disconnected' });
  }

  /** What it does now, for people. */
  get status(): string {
    const strays = this.#strays === 0 ? '' : `; killed ${this.#strays} tasks without a record`;
    if (this.#nats === undefined) return `has no bus yet; its tasks go on${strays}`;
    const { connected, connection } = this.#nats;
    const bus = connected
      ? `connected to ${connection.getServer()}`
      : 'the bus is away; its tasks go on';
    return `${bus}${strays}`;
  }

  /** Ends this process's part; tasks go on. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    this.#pressure.close();
    this.#care.close();
    this.#usage.close();
    this.#units.close();
    this.#executors.close();
    this.#link.close();
    const ends = Promise.all([this.#records.settled(), this.#access.exec.close()]);
    await Promise.race([ends, wait(ANSWER_TO_STOP_MS)]);
    await this.#work.close();
    await this.#nats?.close();
    const isIdle = [...this.#supervisor.tasks()].every(({ phase }) => phase === 'ended');
    if (isIdle && this.#executors.isIdle) await this.#isolation.release();
  }

  #dispatch(input: SupervisorInput): void {
    if (this.#isStopping) return;
    const now = { nowMs: systemClock.nowMs(), wallTimeMs: systemClock.wallTimeMs() };
    for (const effect of this.#supervisor.handle(input, now)) this.#carryOut(effect);
    clearTimeout(this.#timer);
    const wakeMs = this.#supervisor.nextWakeMs();
    if (wakeMs === undefined) return;
    const inMs = Math.min(MAX_TIMER_MS, Math.max(1, wakeMs - systemClock.nowMs()));
    this.#timer = setTimeout(() => this.#dispatch({ kind: 'tick' }), inMs);
  }

  #carryOut(effect: SupervisorEffect): void {
    if (isBusEffect(effect)) {
      this.#track(this.#link.carryOut(effect));
      return;
    }
    switch (effect.kind) {
      case 'persist':
        this.#narrator.tell(effect);
        if (isTerminal(effect.record.state)) this.#effects.stopCopying(effect.task);
        this.#track(this.#records.persist(effect).then((came) => this.#dispatch(came)));
        return;
      case 'forget':
        this.#track(this.#forget(effect));
        return;
      case 'copyInputs':
        this.#units.add(effect.ref);
        this.#track(this.#retention.settled(effect.ref).then(() => this.#carryOutOnHost(effect)));
        return;
      case 'launch':
      case 'copyOutputs':
      case 'probe':
        this.#track(this.#carryOutOnHost(effect));
        return;
      case 'stop':
        this.#track(this.#stopTask(effect));
        return;
      case 'destroyVolume':
        this.#track(this.#destroyVolume(effect));
        return;
      case 'leave':
        this.#onLeave(effect.why);
        return;
      case 'executor':
        this.#track(this.#executors.carryOut(effect.effect));
        return;
      case 'rememberEpoch':
        this.#rememberEpoch(effect);
        return;
      case 'report':
        this.#narrator.report(effect);
        return;
      default:
        unreachable(effect);
    }
  }

  #rememberEpoch({ epoch }: TaskEffect<'rememberEpoch'>): void {
    const written = this.#epochFile.write(epoch);
    if (written.ok) return;
    this.#logger.error({ epoch, reason: written.failure.message }, 'the term was not written down');
  }

  async #forget({ task, ref }: TaskEffect<'forget'>): Promise<void> {
    this.#narrator.forget(task);
    this.#units.forget(ref);
    await this.#records.forget(ref);
    await this.#retention.keep(ref);
  }

  async #carryOutOnHost(effect: HostEffect): Promise<void> {
    const beganMs = systemClock.nowMs();
    const came = await this.#effects.carryOut(effect);
    if (effect.kind === 'launch') this.#meter?.launched(systemClock.nowMs() - beganMs);
    this.#dispatch(came);
  }

  async #destroyVolume({ role, volumeId, reply }: TaskEffect<'destroyVolume'>): Promise<void> {
    const destroyed = await this.#volumes.destroy(role, volumeId);
    this.#logger.info({ role, volumeId, isDestroyed: destroyed.ok }, 'volume destroyed');
    this.#link.answer(reply, destroyed.ok ? succeed({}) : destroyed);
  }

  async #stopTask({ ref, signal }: TaskEffect<'stop'>): Promise<void> {
    await this.#host.stop(ref, signal);
    // A killed shim leaves no marker: its end is looked for.
    if (signal === 'SIGKILL') await this.#units.checkTask(ref);
  }

  #makeExecutors(
    { identity: { cluster }, agentId, workDirectory, executorEndpoint }: AgentConfig,
    given: Pick<ExecutorShellOptions, 'launcher' | 'confinement' | 'fetcher' | 'images'>,
  ): ExecutorShell {
    return new ExecutorShell({
      ...{ ...given, cluster, agentId, workDirectory, executorEndpoint },
      logger: this.#logger,
      tokens: ExecutorTokens.open(workDirectory, randomBytes(SECRET_BYTES)),
      dispatch: (input) => this.#dispatch({ kind: 'executor', input }),
      bus: () => this.#link.agent,
      checkExit: (unit) => this.#units.check(unit),
      lastSequence: (key) => this.#supervisor.lastSequence(key),
    });
  }

  #openAccess(): TaskAccess {
    return new TaskAccess({
      supervisor: this.#supervisor,
      host: this.#host,
      executors: this.#executors.host,
      groups: this.#groups,
      nowMs: systemClock.nowMs,
      logger: this.#logger,
    });
  }

  #measure({ idleLending }: AgentConfig): UsageReports {
    return measureUsage({
      units: this.#units,
      link: this.#link,
      supervisor: this.#supervisor,
      logger: this.#logger,
      idleLending,
      onMeasured: (totals) => this.#meter?.measured(totals),
      dispatch: (input) => this.#dispatch(input),
    });
  }

  #careFor({ workDirectory, sandboxes }: AgentConfig): SandboxCare {
    return new SandboxCare({
      workDirectory,
      logger: this.#logger,
      host: this.#host,
      executors: this.#executors,
      retention: this.#retention,
      limits: sandboxes,
      supervisor: this.#supervisor,
      running: () => this.#units.running(),
      dispatch: (input) => this.#dispatch(input),
    });
  }

  #watchPressure({ qos }: AgentConfig): PressureWatch {
    const mayTakeBack = () => spareTask(this.#supervisor.tasks()) !== undefined;
    return new PressureWatch(qos, mayTakeBack, (why) => {
      this.#logger.warn({ why }, 'a revocable task is taken back');
      this.#dispatch({ kind: 'pressed', why });
    });
  }

  #track(work: Promise<void> | undefined): void {
    work?.catch((err: unknown) => this.#logger.error({ err }, 'an effect failed'));
  }
}

/** Of this process: random, so that those of a cluster differ. */
const newSession = (): { session: string; jitter: number } => ({
  session: randomUUID(),
  jitter: Math.random(),
});

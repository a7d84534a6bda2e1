// Owns the processes and directories of tasks on this host, as the supervisor's effects ask for them. What is to be
// done it does not decide; how a scope is made is in @parley/isolation.
import type { ChildProcess } from 'node:child_process';
import { access } from 'node:fs/promises';
import { runInScope, spawnInScope } from '@parley/isolation/enter-scope';
import { readOutcome, type TaskOutcome } from '@parley/isolation/exit-status';
import { rememberedEnvironment } from '@parley/isolation/image-root';
import type { LaunchOutcome, StopSignal, TaskLauncher } from '@parley/isolation/launcher';
import type { LinkTraffic } from '@parley/isolation/link-traffic';
import { LiveLooks } from '@parley/isolation/live-looks';
import { underTerminal } from '@parley/isolation/pseudo-terminal';
import { listRuns } from '@parley/isolation/run-directory';
import {
  createSandbox,
  locateTask,
  runRootOf,
  type TaskDirectories,
} from '@parley/isolation/sandbox';
import { notLaunched } from '@parley/isolation/start-shim';
import type { TaskNetworks } from '@parley/isolation/task-networks';
import { isExecutorUnit, type TaskIdentity } from '@parley/isolation/unit-name';
import type { Probe } from '@parley/protocol/checks';
import type { AgentId, ClusterName, TaskRef } from '@parley/protocol/ids';
import { MILLI } from '@parley/protocol/resources';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { CpuPins, PinOutcome } from './cpu-pins.ts';
import type { HostAccess } from './host-access.ts';
import type { TaskImages } from './images/task-images.ts';
import { prepareNetwork } from './network-request.ts';
import { type StepFailure, stepFailureOf } from './supervisor-messages.ts';
import { describeProbe, noResult, type ProbeAnswer } from './task-checks.ts';
import { type TaskConfinement, volumesDirectoryOf } from './task-confinement.ts';
import type { ExecStart } from './task-exec/exec-desk.ts';
import { limitsOf } from './task-limits.ts';

export type TaskHostOptions = {
  readonly cluster: ClusterName;
  readonly agentId: AgentId;
  readonly workDirectory: string;
  readonly launcher: TaskLauncher;
  /** Leads into the namespaces that tasks run in; empty when they are this process's own. */
  readonly enterCommand: readonly string[];
  readonly confinement: TaskConfinement;
  readonly images: TaskImages;
  /** Undefined where tasks cannot have private ones. */
  readonly networks: TaskNetworks | undefined;
  readonly cpuPins: CpuPins;
  readonly hostAccess: HostAccess;
};

export type CommandProbe = {
  readonly ref: TaskRef;
  /** Of the task that is probed. */
  readonly description: TaskDescription;
  readonly groupDirectory: string | undefined;
  readonly probe: Extract<Probe, { kind: 'command' }>;
  readonly timeoutMs: number;
};

export type CommandBeside = Pick<CommandProbe, 'ref' | 'description' | 'groupDirectory'> &
  Pick<ExecStart, 'argv' | 'terminal'>;

export class TaskHost {
  readonly #options: TaskHostOptions;
  readonly #looks: LiveLooks;

  constructor(options: TaskHostOptions) {
    this.#options = options;
    this.#looks = new LiveLooks(() => options.launcher.list());
  }

  identityOf(ref: TaskRef): TaskIdentity {
    const { cluster, agentId } = this.#options;
    return { cluster, agentId, ...ref };
  }

  directoriesOf(ref: TaskRef): TaskDirectories {
    const located = locateTask(this.#options.workDirectory, this.identityOf(ref));
    // Ids were parsed when they came from the bus or the disk: another failure is a defect.
    if (!located.ok) throw new Error(located.failure.message);
    return located.directories;
  }

  hasSandbox(ref: TaskRef): Promise<boolean> {
    return access(this.directoriesOf(ref).sandboxDirectory).then(
      () => true,
      () => false,
    );
  }

  /** Makes the sandbox; undefined when it is there. */
  async prepare(
    ref: TaskRef,
    { user }: Pick<TaskDescription, 'user'>,
  ): Promise<StepFailure | undefined> {
    const owner = this.#options.confinement.ownerOf(ref, user);
    if (!owner.ok) return stepFailureOf(owner.failure);
    const identity = this.identityOf(ref);
    const made = await createSandbox(this.#options.workDirectory, identity, owner.value);
    if (made.ok) return undefined;
    return stepFailureOf(made.failure);
  }

  /** `groupDirectory`: what the tasks of its group share. */
  async launch(
    ref: TaskRef,
    description: TaskDescription,
    groupDirectory: string | undefined,
  ): Promise<LaunchOutcome> {
    const { command } = description;
    if (command === undefined) {
      const message = 'the task has no command';
      return { ok: false, failure: { code: 'invalidRequest', message } };
    }
    const confined = await this.#confinedTo(ref, description, groupDirectory);
    if (!confined.ok) {
      const { message } = confined.failure;
      const code = description.image === undefined ? 'launchFailed' : 'notConfined';
      return { ok: false, failure: { code, message } };
    }
    const { launcher, networks, hostAccess } = this.#options;
    const directories = this.directoriesOf(ref);
    const { confinement: own } = confined.value;
    const { hidden } = this.#options.confinement;
    const given = await hostAccess.give(description, directories, own, hidden);
    if (!given.ok) return notLaunched(given.failure.message);
    const confinement = given.value;
    const network = await prepareNetwork(networks, directories.unit, description);
    if (!network.ok) {
      hostAccess.release(directories.unit);
      return network;
    }
    const pinned = await this.#pinnedTo(directories.unit, description);
    if (!pinned.ok) {
      await this.unitEnded(directories.unit);
      return notLaunched(pinned.message);
    }
    const outcome = await launcher.launch({
      ...(confinement && { confinement }),
      ...network.value,
      ...(pinned.pinned && { pinned: pinned.pinned }),
      ...directories,
      command: command.argv,
      environment: await this.#environmentOf(ref, description, groupDirectory),
      limits: { ...limitsOf([description]), isBestEffort: description.revocable === true },
    });
    if (!outcome.ok) await this.unitEnded(directories.unit);
    return outcome;
  }

  /** What it alone had is free again: its private network, its CPUs and graphics processors. */
  async unitEnded(unit: string): Promise<void> {
    const { networks, cpuPins, hostAccess } = this.#options;
    hostAccess.release(unit);
    await networks?.remove(unit);
    await cpuPins.release(unit);
  }

  /** Of units that ended while nobody looked. */
  async sweepEnded(): Promise<void> {
    const { networks, cpuPins, hostAccess } = this.#options;
    const own = [networks?.units() ?? [], cpuPins.units(), hostAccess.units()];
    const units = new Set(own.flatMap((each) => [...each]));
    if (units.size === 0) return;
    const live = await this.listLive();
    for (const unit of units) {
      if (!live.has(unit)) await this.unitEnded(unit);
    }
  }

  /** Undefined where tasks have no private networks. */
  get traffic(): (() => Promise<ReadonlyMap<string, LinkTraffic>>) | undefined {
    const { networks } = this.#options;
    return networks && (() => networks.traffic());
  }

  /** Where a task listens, as this host sees it. */
  addressOf(ref: TaskRef): string {
    return this.#options.networks?.of(this.directoriesOf(ref).unit)?.address ?? '127.0.0.1';
  }

  /** Runs a probe's command in the task's scope, with the task's environment and its sandbox to work in. */
  async probe(asked: CommandProbe): Promise<ProbeAnswer> {
    const { ref, description, groupDirectory, probe, timeoutMs } = asked;
    const { argv, environment } = probe.command;
    const confined = await this.#confinedTo(ref, description, groupDirectory);
    if (!confined.ok) return { result: noResult(probe), detail: confined.failure.message };
    const own = await this.#environmentOf(ref, description, groupDirectory);
    const outcome = await runInScope({
      ...confined.value,
      ...this.directoriesOf(ref),
      command: argv,
      environment: { ...own, ...environment },
      timeoutMs,
      enterCommand: this.#options.enterCommand,
    });
    const what = describeProbe(probe);
    switch (outcome.kind) {
      case 'exited': {
        const { code } = outcome;
        const result = { kind: 'command', exitCode: code } as const;
        return { result, detail: `${what} exited with ${code}` };
      }
      case 'signaled':
        return { result: noResult(probe), detail: `${what} was ended by ${outcome.signal}` };
      case 'timedOut':
        return { result: noResult(probe), detail: `${what} did not end within ${timeoutMs} ms` };
      case 'notStarted':
        return { result: noResult(probe), detail: `${what} was not started: ${outcome.message}` };
      default:
        return unreachable(outcome);
    }
  }

  /** Begins a command in the task's scope for somebody at a terminal, with what a probe has. Rejects with why it is not. */
  async execute(asked: CommandBeside): Promise<ChildProcess> {
    const { ref, description, groupDirectory, argv, terminal } = asked;
    const environment = await this.#environmentOf(ref, description, groupDirectory);
    const confined = await this.#confinedTo(ref, description, groupDirectory);
    if (!confined.ok) throw new Error(confined.failure.message);
    const request = {
      ...confined.value,
      ...this.directoriesOf(ref),
      command: argv,
      environment: { ...environment, ...(terminal && { TERM: terminal.type }) },
      enterCommand: this.#options.enterCommand,
    };
    return spawnInScope(request, {
      stdio: 'pipe',
      ...(terminal && { wrap: (words) => underTerminal(terminal, words) }),
    });
  }

  stop(ref: TaskRef, signal: StopSignal): Promise<boolean> {
    return this.#options.launcher.stop(this.directoriesOf(ref).unit, signal);
  }

  /** Rejects when it cannot be known. */
  outcomeOf(ref: TaskRef): Promise<TaskOutcome> {
    return readOutcome(this.directoriesOf(ref).runDirectory, (unit) => this.#looks.isAlive(unit));
  }

  /**
   * Kills what runs in a unit of this agent of which no record tells, but for executors; gives the units. Rejects when it
   * cannot be known what runs.
   */
  async endStrays(known: readonly TaskRef[]): Promise<string[]> {
    const { launcher, workDirectory } = this.#options;
    const explained = new Set(known.map((ref) => this.directoriesOf(ref).unit));
    const runs = await listRuns(runRootOf(workDirectory)).catch(() => []);
    const unexplained = runs.filter((unit) => !isExecutorUnit(unit) && !explained.has(unit));
    if (unexplained.length === 0) return [];
    const live = await launcher.list();
    const strays = unexplained.filter((unit) => live.has(unit));
    await Promise.all(strays.map((unit) => launcher.stop(unit, 'SIGKILL')));
    return strays;
  }

  /** The units that have a process. Rejects when that cannot be known. */
  listLive(): Promise<ReadonlySet<string>> {
    return this.#options.launcher.list();
  }

  async #pinnedTo(
    unit: string,
    { limits, resources }: TaskDescription,
  ): Promise<PinOutcome | { ok: true; pinned?: undefined }> {
    if (limits?.pinCpus !== true) return { ok: true };
    return this.#options.cpuPins.take(unit, (resources.scalars['cpus'] ?? 0) / MILLI);
  }

  async #confinedTo(
    ref: TaskRef,
    description: TaskDescription,
    groupDirectory: string | undefined,
  ): Promise<ReturnType<TaskConfinement['of']>> {
    const { confinement, workDirectory, images } = this.#options;
    const image = await images.rootOf(description);
    if (!image.ok) return image;
    const directories = [
      ...(groupDirectory === undefined ? [] : [groupDirectory]),
      ...(description.volumes.length === 0 ? [] : [volumesDirectoryOf(workDirectory)]),
    ];
    return confinement.of(ref, description.user, directories, image.value);
  }

  async #environmentOf(
    ref: TaskRef,
    { command, image }: TaskDescription,
    groupDirectory: string | undefined,
  ): Promise<Record<string, string>> {
    const { unit, sandboxDirectory, runDirectory } = this.directoriesOf(ref);
    const network = this.#options.networks?.of(unit);
    return {
      ...(image !== undefined && (await rememberedEnvironment(runDirectory))),
      ...command?.environment,
      PARLEY_TASK_ID: ref.taskId,
      PARLEY_FRAMEWORK_ID: ref.frameworkId,
      PARLEY_PRINCIPAL: ref.principal,
      PARLEY_AGENT_ID: this.#options.agentId,
      PARLEY_SANDBOX: sandboxDirectory,
      ...(network !== undefined && { PARLEY_ADDRESS: network.address }),
      ...(groupDirectory !== undefined && { PARLEY_GROUP_DIRECTORY: groupDirectory }),
    };
  }
}

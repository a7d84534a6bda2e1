// Owns the processes and directories of custom executors on this host, as effects ask for them. What is to be done it
// does not decide; how a scope is made is in @parley/isolation.
import { readOutcome, type TaskOutcome } from '@parley/isolation/exit-status';
import { rememberedEnvironment } from '@parley/isolation/image-root';
import type { TaskLauncher } from '@parley/isolation/launcher';
import { listRuns } from '@parley/isolation/run-directory';
import {
  createExecutorSandbox,
  locateExecutor,
  runRootOf,
  type TaskDirectories,
} from '@parley/isolation/sandbox';
import { type ExecutorIdentity, isExecutorUnit } from '@parley/isolation/unit-name';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { ExecutorProof } from '@parley/protocol/executor-relay';
import { EXECUTOR_ENVIRONMENT } from '@parley/protocol/executors';
import type { AgentId, ClusterName } from '@parley/protocol/ids';
import type { TaskImages } from '../images/task-images.ts';
import { type StepFailure, stepFailureOf } from '../supervisor-messages.ts';
import { type TaskConfinement, volumesDirectoryOf } from '../task-confinement.ts';
import type { ExecutorLimits, ExecutorPlace } from './executor-messages.ts';
import { socketPathFor } from './executor-sockets.ts';
import { RECOVERY_TIMEOUT_MS } from './executor-timing.ts';
import type { ExecutorTokens } from './executor-tokens.ts';
import { type ExecutorEndpoint, mesosEnvironment } from './mesos-environment.ts';

export type ExecutorHostOptions = {
  readonly cluster: ClusterName;
  readonly agentId: AgentId;
  readonly workDirectory: string;
  readonly launcher: TaskLauncher;
  readonly confinement: TaskConfinement;
  readonly images: TaskImages;
  readonly tokens: ExecutorTokens;
  /** Where a gateway answers executors that were written for Mesos; undefined: nowhere. */
  readonly executorEndpoint: ExecutorEndpoint | undefined;
};

export class ExecutorHost {
  readonly #options: ExecutorHostOptions;
  readonly #tokens: ExecutorTokens;

  constructor(options: ExecutorHostOptions) {
    this.#options = options;
    this.#tokens = options.tokens;
  }

  directoriesOf({ executor, incarnation }: ExecutorPlace): TaskDirectories {
    const { workDirectory } = this.#options;
    return locateExecutor(workDirectory, this.#identityOf({ executor, incarnation }));
  }

  #identityOf({ executor, incarnation }: ExecutorPlace): ExecutorIdentity {
    const { cluster, agentId } = this.#options;
    return { cluster, agentId, ...executor, incarnation };
  }

  /** Makes the sandbox; undefined when it is there. */
  async prepare(
    { executor, incarnation }: ExecutorPlace,
    { user }: Pick<ExecutorDescription, 'user'>,
  ): Promise<StepFailure | undefined> {
    const { workDirectory, confinement } = this.#options;
    const owner = confinement.ownerOf(executor, user);
    if (!owner.ok) return stepFailureOf(owner.failure);
    const identity = this.#identityOf({ executor, incarnation });
    const made = await createExecutorSandbox(workDirectory, identity, owner.value);
    return made.ok ? undefined : stepFailureOf(made.failure);
  }

  /** Undefined when the program runs. Repeated, it never starts it twice. */
  async launch(
    place: ExecutorPlace,
    description: ExecutorDescription,
    limits: ExecutorLimits,
  ): Promise<StepFailure | undefined> {
    const { command, image, user } = description;
    const { agentId, launcher, workDirectory, confinement, images } = this.#options;
    const root = await images.rootOf({ image });
    if (!root.ok) return { code: 'notConfined', message: root.failure.message };
    // Which volumes its tasks will use is not known yet.
    const volumes = [volumesDirectoryOf(workDirectory)];
    const confined = confinement.of(place.executor, user, volumes, root.value);
    if (!confined.ok) return stepFailureOf(confined.failure);
    const directories = this.directoriesOf(place);
    const { sandboxDirectory, runDirectory } = directories;
    const { principal, frameworkId, executorId } = place.executor;
    const outcome = await launcher.launch({
      ...directories,
      ...confined.value,
      command: command?.argv ?? [],
      environment: {
        ...(image !== undefined && (await rememberedEnvironment(runDirectory))),
        ...command?.environment,
        ...this.#mesosEnvironment(place, description),
        [EXECUTOR_ENVIRONMENT.socket]: socketPathFor(sandboxDirectory),
        [EXECUTOR_ENVIRONMENT.executorId]: executorId,
        [EXECUTOR_ENVIRONMENT.frameworkId]: frameworkId,
        [EXECUTOR_ENVIRONMENT.principal]: principal,
        [EXECUTOR_ENVIRONMENT.agentId]: agentId,
        [EXECUTOR_ENVIRONMENT.sandbox]: sandboxDirectory,
        [EXECUTOR_ENVIRONMENT.recoveryTimeoutMs]: String(RECOVERY_TIMEOUT_MS),
      },
      limits,
    });
    return outcome.ok ? undefined : stepFailureOf(outcome.failure);
  }

  /** Empty for one that was not written for Mesos. */
  #mesosEnvironment(
    place: ExecutorPlace,
    description: ExecutorDescription,
  ): Readonly<Record<string, string>> {
    if (description.mesos === undefined) return {};
    const { agentId, executorEndpoint: endpoint } = this.#options;
    const { sandboxDirectory } = this.directoriesOf(place);
    const token = this.#tokens.tokenOf(place);
    return mesosEnvironment(place, description, { agentId, sandboxDirectory, endpoint, token });
  }

  /** Why this does not show that somebody is the executor; undefined when it does. */
  proofFault(
    place: ExecutorPlace,
    { user }: Pick<ExecutorDescription, 'user'>,
    proof: ExecutorProof,
  ): ReturnType<ExecutorTokens['faultOf']> {
    const owner = this.#options.confinement.ownerOf(place.executor, user);
    const userId = owner.ok ? (owner.value?.userId ?? process.getuid?.()) : undefined;
    return this.#tokens.faultOf(place, userId, proof);
  }

  /** False when its scope is gone. Rejects when they cannot be set. */
  setLimits(place: ExecutorPlace, limits: ExecutorLimits): Promise<boolean> {
    return this.#options.launcher.setLimits(this.directoriesOf(place).unit, limits);
  }

  destroy(place: ExecutorPlace): Promise<boolean> {
    return this.#options.launcher.stop(this.directoriesOf(place).unit, 'SIGKILL');
  }

  /** Rejects when it cannot be known. */
  outcomeOf(place: ExecutorPlace): Promise<TaskOutcome> {
    const { launcher } = this.#options;
    const { runDirectory } = this.directoriesOf(place);
    return readOutcome(runDirectory, async (unit) => (await launcher.inspect(unit)).alive);
  }

  /** Kills executors of this agent that no record tells of any more; gives their units. */
  async destroyStrays(known: readonly ExecutorPlace[]): Promise<string[]> {
    const { launcher, workDirectory } = this.#options;
    const units = new Set(known.map((place) => this.directoriesOf(place).unit));
    const runs = await listRuns(runRootOf(workDirectory)).catch(() => []);
    const strays = runs.filter((unit) => isExecutorUnit(unit) && !units.has(unit));
    const live = strays.length === 0 ? new Set<string>() : await launcher.list();
    const left = strays.filter((unit) => live.has(unit));
    await Promise.all(left.map((unit) => launcher.stop(unit, 'SIGKILL')));
    return left;
  }
}

// Owns what stands in a task's sandbox before its inputs are copied: links to its volumes and to the directory that its
// group shares. Whose these are is in volume-store.ts and group-directories.ts.
import { stat } from 'node:fs/promises';
import { fileFailure } from '@parley/isolation/file-failure';
import type { Owner, TaskDirectories } from '@parley/isolation/sandbox';
import type { TaskRef } from '@parley/protocol/ids';
import type { ExecutorHost } from './executors/executor-host.ts';
import type { ExecutorPlace } from './executors/executor-messages.ts';
import type { GroupDirectories } from './group-directories.ts';
import { linkInside, SandboxPathError } from './sandbox-files.ts';
import { type StepFailure, stepFailureOf } from './supervisor-messages.ts';
import type { TaskConfinement } from './task-confinement.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskOrder } from './task-record.ts';
import type { VolumeStore } from './volume-store.ts';

/** Where the tasks of a group see the directory that they share; its path is in `PARLEY_GROUP_DIRECTORY` too. */
const SHARED_LINK = 'shared';

export type SandboxSetupOptions = {
  readonly host: TaskHost;
  readonly executors: ExecutorHost;
  readonly volumes: VolumeStore;
  readonly groups: GroupDirectories;
  readonly confinement: TaskConfinement;
};

export class SandboxSetup {
  readonly #options: SandboxSetupOptions;

  constructor(options: SandboxSetupOptions) {
    this.#options = options;
  }

  /** Where a task works: its own sandbox, or that of its custom executor. */
  directoriesOf(ref: TaskRef, executor: ExecutorPlace | undefined): TaskDirectories {
    const { host, executors } = this.#options;
    return executor ? executors.directoriesOf(executor) : host.directoriesOf(ref);
  }

  /** Undefined when everything is there. May be repeated: what stands there already stays. */
  async prepare(
    ref: TaskRef,
    order: TaskOrder,
    executor: ExecutorPlace | undefined,
  ): Promise<StepFailure | undefined> {
    const { host, executors } = this.#options;
    const { description } = order;
    // A task of a custom executor works as that one, in its sandbox.
    const who = executor ? { user: description.executor?.user } : description;
    const failure = await (executor ? executors.prepare(executor, who) : host.prepare(ref, who));
    if (failure !== undefined) return failure;
    const owner = this.#options.confinement.ownerOf(ref, who.user);
    if (!owner.ok) return stepFailureOf(owner.failure);
    const { sandboxDirectory } = this.directoriesOf(ref, executor);
    try {
      // The tasks of a custom executor have one sandbox as it is.
      const refused =
        executor === undefined
          ? await this.#linkGroup(ref, order, sandboxDirectory, owner.value)
          : undefined;
      return refused ?? (await this.#linkVolumes(order, sandboxDirectory, owner.value));
    } catch (error) {
      if (error instanceof SandboxPathError) return { code: 'failed', message: error.message };
      const { code, message } = fileFailure(error);
      return { code: code === 'diskFull' ? code : 'failed', message };
    }
  }

  async #linkGroup(
    ref: TaskRef,
    { group }: TaskOrder,
    sandbox: string,
    owner: Owner | undefined,
  ): Promise<StepFailure | undefined> {
    if (group === undefined) return undefined;
    const shared = await this.#options.groups.join(ref, group.executorId, owner);
    if (owner !== undefined && (await stat(shared)).uid !== owner.userId) {
      const message = 'the tasks of a group share a directory, so they run as one user';
      return { code: 'failed', message };
    }
    await linkInside(sandbox, SHARED_LINK, shared);
    return undefined;
  }

  async #linkVolumes(
    { role, description }: TaskOrder,
    sandbox: string,
    owner: Owner | undefined,
  ): Promise<StepFailure | undefined> {
    for (const { volumeId, path } of description.volumes) {
      if (role === undefined) return { code: 'failed', message: `volume ${volumeId} has no role` };
      const provided = await this.#options.volumes.provide(role, volumeId, owner);
      if (!provided.ok) {
        const { code, message } = provided.failure;
        const what = `volume ${volumeId}: ${message}`;
        return { code: code === 'diskFull' ? code : 'failed', message: what };
      }
      await linkInside(sandbox, path, provided.value);
    }
    return undefined;
  }
}

// Owns how a task comes to see devices and directories of its host: a confined one by mounts in its namespace, another one by
// links. Which ones it is given is in host-grants.ts.
import type { Confinement, Place } from '@parley/isolation/confinement';
import { makeDeviceNodes } from '@parley/isolation/device-nodes';
import type { TaskDirectories } from '@parley/isolation/sandbox';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { TaskDescription } from '@parley/protocol/tasks';
import type { GpuGrants } from './gpu-grants.ts';
import type { HostAccessPolicy } from './host-access-options.ts';
import { type GrantedVolume, grantedDevices, grantedVolumes, isSecret } from './host-grants.ts';
import { linkInside, openDirectoryInside } from './sandbox-files.ts';

type Asking = Pick<TaskDescription, 'devices' | 'hostVolumes' | 'resources'>;

export class HostAccess {
  readonly #policy: HostAccessPolicy;
  readonly #workDirectory: string;
  readonly #gpus: GpuGrants;

  /** `workDirectory`: no task is given anything in it, or what holds it. */
  constructor(policy: HostAccessPolicy, workDirectory: string, gpus: GpuGrants) {
    this.#policy = policy;
    this.#workDirectory = workDirectory;
    this.#gpus = gpus;
  }

  /** The units that have something that no other can have meanwhile. */
  units(): ReadonlySet<string> {
    return this.#gpus.units();
  }

  /** When the unit has ended, or was not launched. */
  release(unit: string): void {
    this.#gpus.release(unit);
  }

  /**
   * Just before the task is launched: its confinement with what it is given, undefined where it has none; `hidden`: paths that
   * no task may see, nor what holds them. Fails with
   * `notPermitted`, or `internalError` and what the file system says.
   */
  async give(
    { devices = [], hostVolumes = [], resources }: Asking,
    { unit, runDirectory, sandboxDirectory }: TaskDirectories,
    confinement: Confinement | undefined,
    hidden: readonly string[],
  ): Promise<Outcome<Confinement | undefined>> {
    const nodes = await grantedDevices(devices, this.#policy.devices);
    if (!nodes.ok) return nodes;
    const volumes = await grantedVolumes(hostVolumes, this.#policy.volumes);
    if (!volumes.ok) return volumes;
    const fault = this.#secretFault(volumes.value, hidden);
    if (fault !== undefined) return fail('notPermitted', fault);
    const ofGpus = await this.#gpus.take(unit, resources.scalars['gpus'] ?? 0);
    if (!ofGpus.ok) return ofGpus;
    const all = [...new Set([...nodes.value, ...ofGpus.value])];
    if (all.length === 0 && volumes.value.length === 0) return succeed(confinement);
    try {
      if (confinement === undefined) {
        for (const { path, from } of volumes.value) await linkInside(sandboxDirectory, path, from);
        return succeed(undefined);
      }
      // What is mounted there hides what stands there.
      for (const { path } of volumes.value)
        await (await openDirectoryInside(sandboxDirectory, path)).close();
      const { owner } = confinement;
      const given = owner
        ? await makeDeviceNodes(runDirectory, all, owner)
        : all.map((path) => ({ path }));
      const mounts = volumes.value.map((volume) => placeOf(volume, sandboxDirectory));
      return succeed({
        ...confinement,
        places: [...confinement.places, ...mounts],
        devices: given,
      });
    } catch (error) {
      this.release(unit);
      const why = error instanceof Error ? error.message : String(error);
      return fail('internalError', `what it asks of its host cannot be given to it: ${why}`);
    }
  }

  #secretFault(volumes: readonly GrantedVolume[], hidden: readonly string[]): string | undefined {
    const secrets = { workDirectory: this.#workDirectory, hidden };
    const one = volumes.find((volume) => isSecret(volume, secrets));
    return (
      one &&
      `${one.hostPath} is or holds what no task may see, such as what the agent keeps: ask for another directory`
    );
  }
}

function placeOf({ path, from, readOnly }: GrantedVolume, sandboxDirectory: string): Place {
  return { path: `${sandboxDirectory}/${path}`, is: readOnly ? 'readOnly' : 'writable', from };
}

// Owns how parts of an agent are made from what it was told at its start. What they do together is in effects.ts.
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { logConnection } from '@parley/actor/nats/connection-watch';
import type { TaskLauncher } from '@parley/isolation/launcher';
import type { ShimExitHandler } from '@parley/isolation/start-shim';
import type { Logger } from '@parley/telemetry/logger';
import type { AgentConfig } from './config.ts';
import { CpuPins } from './cpu-pins.ts';
import { Fetcher } from './fetching/fetcher.ts';
import { GpuGrants } from './gpu-grants.ts';
import { HostAccess } from './host-access.ts';
import { HOST_FACT_FILES, hostAttributes, ownCpus, withDetected } from './host-facts.ts';
import { TaskImages } from './images/task-images.ts';
import type { PreparedIsolation } from './isolation-setup.ts';
import { ObjectCache } from './object-cache.ts';
import { ObjectCopies } from './object-copies.ts';
import type { RegistrationOptions } from './registration.ts';
import { Supervisor } from './supervisor.ts';
import type { TaskConfinement } from './task-confinement.ts';
import { TaskHost, type TaskHostOptions } from './task-host.ts';
import { WorkAccount } from './work-account.ts';

/** With the cache of objects and of what was fetched alike. */
export function fetching({ workDirectory, objectCacheBytes, sandboxes }: AgentConfig): {
  readonly cache: ObjectCache;
  readonly fetcher: Fetcher;
} {
  const directory = path.join(workDirectory, 'objects');
  const cache = new ObjectCache({ directory, maxBytes: objectCacheBytes });
  return { cache, fetcher: new Fetcher({ workDirectory, cache, policy: sandboxes.fetching }) };
}

export function taskHost(
  { identity: { cluster }, agentId, workDirectory, hostAccess: policy }: AgentConfig,
  isolation: PreparedIsolation & { readonly confinement: TaskConfinement },
  given: Pick<TaskHostOptions, 'launcher' | 'images' | 'cpuPins'>,
): TaskHost {
  const { enterCommand, confinement, networks } = isolation;
  const hostAccess = new HostAccess(policy, workDirectory, new GpuGrants(workDirectory));
  const place = { cluster, agentId, workDirectory, enterCommand };
  return new TaskHost({ ...place, ...given, confinement, networks, hostAccess });
}

/** What starts tasks, and which of them have CPUs of their own. */
export function launching(
  { workDirectory }: AgentConfig,
  { pinning, createLauncher }: PreparedIsolation,
  onShimExit: ShimExitHandler,
): Pick<TaskHostOptions, 'launcher' | 'cpuPins'> {
  const cpuPins = new CpuPins({ workDirectory, host: pinning, cpus: ownCpus(HOST_FACT_FILES) });
  return { cpuPins, launcher: cpuPins.keepingOff(createLauncher(onShimExit)) };
}

/** What tasks with images have at their roots. */
export function taskImages(
  { workDirectory, sandboxes }: AgentConfig,
  launcher: TaskLauncher,
  confinement: TaskConfinement,
  logger: Logger,
): TaskImages {
  const { fetching: policy, imageStoreBytes: maxBytes } = sandboxes;
  return new TaskImages({
    ...{ workDirectory, policy, maxBytes, launcher, confinement },
    onFailure: (err) => logger.error({ err }, 'images could not be tidied'),
  });
}

/** What tasks read and write, between this host and the principals' buckets. */
export function objectCopies(
  { identity }: AgentConfig,
  work: WorkAccount,
  cache: ObjectCache,
  logger: Logger,
): ObjectCopies {
  return new ObjectCopies({
    openObjects: identity.work && (() => work.openObjects()),
    cluster: identity.cluster,
    pause: (durationMs, signal) => wait(durationMs, undefined, { signal }),
    cache,
    onCopiedIn: (copied) => logger.debug(copied, 'inputs copied'),
  });
}

export const workAccount = (identity: AgentConfig['identity'], logger: Logger): WorkAccount =>
  new WorkAccount({
    identity,
    pause: wait,
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble in the work account'),
    onOpened: (connection) => logConnection(connection, 'work', logger),
  });

export type HostIsolation = PreparedIsolation & { readonly confinement: TaskConfinement };

export function supervisorOf(
  config: AgentConfig,
  isolation: HostIsolation,
  registration: RegistrationOptions,
): Supervisor {
  const { agentId, hostname, total, domain, reserved, revocable, executorTiming } = config;
  const attributes = attributesOf(config, isolation);
  return new Supervisor({
    agentId,
    host: { hostname, total, domain, attributes, reserved },
    registration: { ...registration, revocable },
    executorTiming,
  });
}

function attributesOf(
  { attributes }: AgentConfig,
  { systemdVersion, networks, confinement }: HostIsolation,
): AgentConfig['attributes'] {
  const found = {
    ...hostAttributes(HOST_FACT_FILES),
    ...(systemdVersion !== undefined && { systemd: String(systemdVersion) }),
    ...(networks !== undefined && { task_network: 'private' }),
    ...Object.fromEntries(confinement.taskUsers.map((user) => [`task_user_${user}`, 'yes'])),
  };
  return withDetected(found, attributes);
}

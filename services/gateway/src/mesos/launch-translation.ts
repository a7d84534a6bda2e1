// Owns what Mesos's tasks and executors are here. Pure. What we have no way to say throws `Untranslatable`, which names the
// field: nothing that a framework asked for is left out silently but what infra/docs/mesos-frameworks.md lists.
import type { ExecutorDescriptionInput } from '@parley/protocol/executor-description';
import type { AgentId } from '@parley/protocol/ids';
import type { TaskDescriptionInput } from '@parley/protocol/tasks';
import { ownCheck, ownCommand, ownHealthCheck } from './command-translation.ts';
import { foreignIdFault, isDigest, ownIdOf } from './foreign-id.ts';
import type { ContainerInfo, ExecutorInfo, TaskInfo, Volume } from './mesos-types.ts';
import { milliOf, millisecondsOf, ownLabels, Untranslatable } from './mesos-values.ts';
import { type AskedVolume, askedResources } from './resource-translation.ts';

export type LaunchPlace = {
  /** As the framework knows itself. */
  readonly mesosFrameworkId: string;
  /** Its executors go on while their agent is away. */
  readonly checkpoint: boolean;
  /** Of the offers. */
  readonly agentId: AgentId;
  /** Which of ours is meant, by the id that Mesos has for it. */
  readonly volumeIdOf: (volume: AskedVolume) => string;
};

/** Where the name of a task stands whose id took the name's place. */
const NAME_LABEL = 'mesos.name';

export function ownTask(
  task: TaskInfo,
  place: LaunchPlace,
): TaskDescriptionInput & { readonly taskId: string } {
  checkIds(task, place);
  const { executor, command, name, task_id } = task;
  if (executor !== undefined && command !== undefined) {
    throw new Untranslatable('command: a task has a command or an executor, not both');
  }
  const taskId = ownIdOf(task_id.value);
  const labels = ownLabels(task.labels, 'labels');
  return {
    taskId,
    ...(isDigest(taskId)
      ? { name: task_id.value, labels: { ...labels, [NAME_LABEL]: name } }
      : { name, labels }),
    agentId: place.agentId,
    ...resourcesOf(task, place),
    ...(command !== undefined && commandOf(task, place)),
    ...(executor !== undefined && { executor: ownExecutor(executor, place) }),
    ...containerOf(task.container, 'container'),
    ...timesOf(task),
    ...probesOf(task),
    ...(task.data !== undefined && { data: task.data }),
  };
}

function checkIds({ task_id, agent_id, executor }: TaskInfo, place: LaunchPlace): void {
  const fault = foreignIdFault(task_id.value);
  if (fault !== undefined) throw new Untranslatable(`task_id: ${fault}`);
  if (agent_id.value !== place.agentId) {
    throw new Untranslatable(
      `agent_id: the task is meant for ${agent_id.value}, the offers are of ${place.agentId}`,
    );
  }
  const framework = executor?.framework_id?.value;
  if (framework !== undefined && framework !== place.mesosFrameworkId) {
    throw new Untranslatable('executor.framework_id: is that of another framework');
  }
}

function resourcesOf(
  task: TaskInfo,
  place: LaunchPlace,
): Partial<TaskDescriptionInput> & Pick<TaskDescriptionInput, 'resources'> {
  const { resources, reservation, isRevocable, volumes } = askedResources(task.resources);
  for (const { isReadOnly } of volumes) {
    if (isReadOnly) throw new Untranslatable('resources: a volume is not read only');
  }
  return {
    resources,
    ...(reservation !== undefined && { reservationId: reservation.reservationId }),
    ...(isRevocable && { revocable: true }),
    ...limitsOf(task),
    volumes: volumes.map((volume) => ({
      volumeId: place.volumeIdOf(volume),
      path: volume.containerPath,
    })) as TaskDescriptionInput['volumes'],
  };
}

function limitsOf({ limits = {} }: TaskInfo): Pick<TaskDescriptionInput, 'limits'> {
  const own: { cpus?: number | 'infinity'; mem?: number | 'infinity' } = {};
  for (const [name, { value }] of Object.entries(limits)) {
    if (name !== 'cpus' && name !== 'mem') {
      throw new Untranslatable(`limits.${name}: only cpus and mem have limits`);
    }
    own[name] = value === Number.POSITIVE_INFINITY ? 'infinity' : milliOf(value);
  }
  return Object.keys(own).length === 0 ? {} : { limits: own };
}

function commandOf(task: TaskInfo, place: LaunchPlace): Partial<TaskDescriptionInput> {
  const { command, task_id } = task;
  if (command === undefined) return {};
  // Mesos's own executor of one command has the id of its task.
  const given = environmentOf(task_id.value, place);
  const own = ownCommand(command, 'command', given);
  return {
    command: own.command,
    ...(own.uris !== undefined && { uris: [...own.uris] }),
    ...(own.user !== undefined && { user: own.user }),
  };
}

const environmentOf = (executorId: string, { mesosFrameworkId, agentId }: LaunchPlace) => ({
  MESOS_FRAMEWORK_ID: mesosFrameworkId,
  MESOS_EXECUTOR_ID: executorId,
  MESOS_SLAVE_ID: agentId,
});

function timesOf(task: TaskInfo): Partial<TaskDescriptionInput> {
  const grace = task.kill_policy?.grace_period?.nanoseconds;
  const completion = task.max_completion_time?.nanoseconds;
  return {
    ...(grace !== undefined && { killGraceMs: millisecondsOf(grace, 'kill_policy.grace_period') }),
    ...(completion !== undefined && {
      maxCompletionMs: millisecondsOf(completion, 'max_completion_time'),
    }),
  };
}

const probesOf = ({ check, health_check }: TaskInfo): Partial<TaskDescriptionInput> => ({
  ...(check !== undefined && { check: ownCheck(check, 'check') }),
  ...(health_check !== undefined && { healthCheck: ownHealthCheck(health_check, 'health_check') }),
});

export function ownExecutor(executor: ExecutorInfo, place: LaunchPlace): ExecutorDescriptionInput {
  const { executor_id, command, data, shutdown_grace_period } = executor;
  const fault = foreignIdFault(executor_id.value);
  if (fault !== undefined) throw new Untranslatable(`executor.executor_id: ${fault}`);
  const type = executor.type ?? 'CUSTOM';
  if (type !== 'CUSTOM' && type !== 'DEFAULT') {
    throw new Untranslatable('executor.type: must be CUSTOM or DEFAULT');
  }
  const grace = shutdown_grace_period?.nanoseconds;
  const common = {
    executorId: ownIdOf(executor_id.value),
    resources: executorResources(executor),
    ...(grace !== undefined && {
      shutdownGraceMs: millisecondsOf(grace, 'executor.shutdown_grace_period'),
    }),
  };
  if (type === 'DEFAULT') return { ...common, ...defaultOf(executor) };
  if (command === undefined) {
    throw new Untranslatable('executor.command: a custom executor needs one');
  }
  const own = ownCommand(command, 'executor.command', environmentOf(executor_id.value, place));
  return {
    ...common,
    kind: 'custom',
    mesos: { checkpoint: place.checkpoint },
    command: own.command,
    ...(own.uris !== undefined && { uris: [...own.uris] }),
    ...(own.user !== undefined && { user: own.user }),
    ...executorImage(executor),
    ...(data !== undefined && { data }),
  };
}

/** It is told nothing, so that its data can keep its id. */
function defaultOf({ executor_id, command, container }: ExecutorInfo) {
  if (command !== undefined)
    throw new Untranslatable('executor.command: a default executor has none');
  if (container !== undefined) {
    throw new Untranslatable('executor.container: a default executor has none');
  }
  const id = ownIdOf(executor_id.value);
  const data = new TextEncoder().encode(executor_id.value);
  return { kind: 'default', ...(isDigest(id) && { data }) } as const;
}

function executorResources({ resources }: ExecutorInfo) {
  const asked = askedResources(resources, 'executor.resources');
  if (asked.reservation !== undefined || asked.volumes.length > 0 || asked.isRevocable) {
    throw new Untranslatable('executor.resources: must be neither reserved nor revocable');
  }
  return asked.resources;
}

function executorImage({ container }: ExecutorInfo) {
  const { image, hostVolumes } = containerOf(container, 'executor.container');
  if (hostVolumes === undefined) return { ...(image !== undefined && { image }) };
  throw new Untranslatable('executor.container.volumes: only a task with a command has them');
}

/** What of a container is nothing but a default is taken; what asks for something that agents do not do is refused. */
const UNSUPPORTED = ['hostname', 'linux_info', 'rlimit_info', 'tty_info'] as const;

function containerOf(
  container: ContainerInfo | undefined,
  field: string,
): Pick<TaskDescriptionInput, 'image' | 'hostVolumes'> {
  if (container === undefined) return {};
  if (container.type !== 'MESOS') {
    throw new Untranslatable(`${field}.type: must be MESOS; there is no Docker daemon to ask`);
  }
  for (const name of UNSUPPORTED) {
    if (container[name] !== undefined) {
      throw new Untranslatable(`${field}.${name}: cannot be asked for`);
    }
  }
  for (const network of container.network_infos ?? []) {
    if ('name' in network || 'port_mappings' in network) {
      throw new Untranslatable(`${field}.network_infos: only the network of the host`);
    }
  }
  const { volumes = [], mesos } = container;
  return {
    ...(mesos?.image !== undefined && { image: imageOf(mesos.image, `${field}.mesos.image`) }),
    ...(volumes.length > 0 && {
      hostVolumes: volumes.map((volume) => hostVolumeOf(volume, `${field}.volumes`)),
    }),
  };
}

type Image = { readonly docker?: { readonly name?: string } };

/** A name of a registry says nothing to our agents; the address of an image does. */
function imageOf(image: Image, field: string): { readonly source: string } {
  const name = image.docker?.name ?? '';
  if (/^(https?|file):\/\//.test(name)) return { source: name };
  throw new Untranslatable(
    `${field}: must be the http:, https: or file: address of an image layout or tarball, as docker.name`,
  );
}

function hostVolumeOf(volume: Volume, field: string) {
  const { container_path, mode, source } = volume;
  const hostPath = volume.host_path ?? source?.host_path?.path;
  if (hostPath === undefined || volume.image !== undefined) {
    throw new Untranslatable(`${field}: only directories of the host, by host_path`);
  }
  return { hostPath, path: container_path, readOnly: mode === 'RO' };
}

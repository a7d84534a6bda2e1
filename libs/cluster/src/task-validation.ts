// Owns which descriptions of tasks and executors are valid, each judged by itself; the message begins with the field.
// What follows from the state (ids, live executors, what is left of the offers) is judged in task-launch.ts.
// Mesos docs, "Task State Reasons", REASON_TASK_INVALID; the rules are those of its task validation.

import type { Probe } from '@parley/protocol/checks';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ExecutorDescription } from '@parley/protocol/executor-description';
import type { AgentId } from '@parley/protocol/ids';
import { limitsFault } from '@parley/protocol/task-limits';
import { TaskDescription, type UnparsedTask } from '@parley/protocol/tasks';
import { isEmpty, normalise } from '@parley/resources/resources';

/** As many faults of one description are named. */
const MAX_FAULTS = 5;

export type TaskPlace = {
  /** Of the offers. */
  readonly agentId: AgentId;
  /** The executor of the group; absent for a task that is launched by itself. */
  readonly group?: ExecutorDescription;
  /** False under rules of a version that knows none, nor what came with them: that is left out then. */
  readonly hasLimits: boolean;
};

/** What releases before rules version 6 read. */
const NEWER = { limits: true, uris: true, user: true, image: true } as const;
const OlderTask = TaskDescription.omit({
  ...NEWER,
  network: true,
  devices: true,
  hostVolumes: true,
}).extend({
  executor: ExecutorDescription.omit(NEWER).optional(),
});

/** The description, or `invalidTask`. */
export function parseTask(task: UnparsedTask, place: TaskPlace): Outcome<TaskDescription> {
  const parsed = (place.hasLimits ? TaskDescription : OlderTask).safeParse(task);
  if (!parsed.success) {
    const faults = parsed.error.issues
      .slice(0, MAX_FAULTS)
      .map(({ path, message }) => `${path.join('.') || 'task'}: ${message}`);
    return fail('invalidTask', faults.join('; '));
  }
  const fault = faultOf(parsed.data, place);
  return fault === undefined ? succeed(parsed.data) : fail('invalidTask', fault);
}

/** Of the executor of a group; `invalidTask`. */
export function checkGroupExecutor(executor: ExecutorDescription): Outcome<ExecutorDescription> {
  const fault = executorFault(executor);
  return fault === undefined ? succeed(executor) : fail('invalidTask', fault);
}

/** For people, as far as it can be read out of a description that is not valid. */
export function nameOf({ name }: UnparsedTask & { readonly name?: unknown }): string {
  return typeof name === 'string' ? name.slice(0, 255) : '';
}

function faultOf(task: TaskDescription, { agentId, group }: TaskPlace): string | undefined {
  if (task.agentId !== undefined && task.agentId !== agentId) {
    return `agentId: the task is meant for ${task.agentId}, the offers are of ${agentId}`;
  }
  if (isEmpty(task.resources)) return 'resources: a task needs some';
  return (
    limitsFault(task) ??
    volumesFault(task) ??
    probesFault(task) ??
    (task.revocable === true ? revocableFault(task, group) : undefined) ??
    (group === undefined ? aloneFault(task) : inGroupFault(task, group)) ??
    (task.command === undefined ? withoutCommandFault(task) : undefined)
  );
}

function probesFault({ network, check, healthCheck }: TaskDescription): string | undefined {
  if (network !== 'none') return undefined;
  const isAsked = (probe: Probe | undefined): boolean =>
    probe !== undefined && probe.kind !== 'command';
  if (isAsked(healthCheck?.probe)) return `healthCheck: ${UNREACHED}`;
  return isAsked(check?.probe) ? `check: ${UNREACHED}` : undefined;
}

const UNREACHED = 'nobody reaches a task without a network: ask by a command, or give it one';

function volumesFault({ volumes, hostVolumes = [] }: TaskDescription): string | undefined {
  if (new Set(volumes.map(({ volumeId }) => volumeId)).size < volumes.length) {
    return 'volumes: one is named twice';
  }
  if (new Set(volumes.map(({ path }) => path)).size < volumes.length) {
    return 'volumes: two of them have the same path';
  }
  const paths = [...volumes, ...hostVolumes].map(({ path }) => path);
  const isInAnother = hostVolumes.some(({ path }, index) =>
    paths.some(
      (other, place) => place !== volumes.length + index && `${path}/`.startsWith(`${other}/`),
    ),
  );
  if (isInAnother) return 'hostVolumes: the path of one is that of another volume, or in it';
  return undefined;
}

/** It mixes nothing: what it has can be taken back all at once, and by killing it alone. */
function revocableFault(
  { resources, limits, reservationId, volumes, executor }: TaskDescription,
  group: ExecutorDescription | undefined,
): string | undefined {
  if (Object.keys(normalise(resources).scalars).length === 0) {
    return 'resources: a revocable task needs some amount';
  }
  if (limits?.pinCpus === true) {
    return 'limits.pinCpus: a revocable task has no CPUs of its own, which others would then miss';
  }
  if (reservationId !== undefined) {
    return 'reservationId: a revocable task takes nothing that is reserved';
  }
  if (volumes.length > 0) return 'volumes: a revocable task has none, they are reserved';
  return executor?.kind === 'custom' || group?.kind === 'custom'
    ? 'revocable: only for a task that the agent runs itself'
    : undefined;
}

function aloneFault({ command, executor }: TaskDescription): string | undefined {
  if (command !== undefined && executor !== undefined) {
    return 'command: a task has a command or an executor, not both';
  }
  if (executor === undefined) {
    return command === undefined ? 'command: a task needs a command or an executor' : undefined;
  }
  return executor.kind === 'custom'
    ? executorFault(executor)
    : 'executor.kind: a default executor runs groups only (launchGroup)';
}

function inGroupFault(
  { command, executor }: TaskDescription,
  group: ExecutorDescription,
): string | undefined {
  if (executor !== undefined) return 'executor: the group names the executor of its tasks';
  if (group.kind === 'default') {
    return command === undefined
      ? 'command: a task that a default executor runs needs one'
      : undefined;
  }
  return command === undefined
    ? undefined
    : 'command: the executor of the group runs the task; it gets the data of the task';
}

const OWN_SCOPE =
  'only for a task that the agent runs itself; a custom executor shares one scope with its tasks';

/** What the agent does for a command, it does not do inside somebody else's executor. */
function withoutCommandFault(task: TaskDescription): string | undefined {
  const only = 'only for a task with a command; an executor does this itself';
  if (task.inputs.length > 0) return `inputs: ${only}`;
  if (task.uris !== undefined) return `uris: ${only}; give them to the executor`;
  if (task.image !== undefined) return "image: a task of a custom executor has its executor's";
  if (task.outputs.length > 0) return `outputs: ${only}`;
  if (task.network !== undefined) return "network: a task of a custom executor has its executor's";
  if (task.user !== undefined) return "user: a task of a custom executor has its executor's";
  if (task.devices !== undefined) return `devices: ${only}`;
  if (task.hostVolumes !== undefined) return `hostVolumes: ${only}`;
  if (task.limits?.pinCpus === true) return `limits.pinCpus: ${OWN_SCOPE}`;
  if (task.check !== undefined) return `check: ${only}`;
  if (task.healthCheck !== undefined) return `healthCheck: ${only}`;
  return undefined;
}

function executorFault(executor: ExecutorDescription): string | undefined {
  const { kind, command, limits, uris, user, image } = executor;
  if (kind === 'custom') {
    if (command === undefined) return 'executor.command: a custom executor needs one';
    const isPinned = limits?.pinCpus === true;
    const fault = isPinned ? `limits.pinCpus: ${OWN_SCOPE}` : limitsFault(executor);
    return fault && `executor.${fault}`;
  }
  if (limits !== undefined) {
    return 'executor.limits: a default executor has none, each of its tasks has its own';
  }
  if (uris !== undefined) {
    return 'executor.uris: a default executor has none, each of its tasks has its own';
  }
  if (user !== undefined) {
    return 'executor.user: a default executor has none, each of its tasks has its own';
  }
  if (image !== undefined) {
    return 'executor.image: a default executor has none, each of its tasks has its own';
  }
  return command === undefined
    ? undefined
    : 'executor.command: a default executor has none, the agent runs its tasks';
}

// Owns what Mesos's executors say and are told, as it is here, and the other way round. Pure; what cannot be told throws
// `Untranslatable`.

import type { FrameworkRecord } from '@parley/cluster/records';
import type {
  ExecutorEvent,
  ExecutorInfo,
  FrameworkInfo,
  TaskInfo,
} from '@parley/mesos-api/message-types';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { ExecutorUpdate } from '@parley/protocol/executors';
import { type AgentId, type ExecutorRef, TaskId } from '@parley/protocol/ids';
import { Data, type TaskDescription } from '@parley/protocol/tasks';
import { foreignIdOf, isDigest, ownIdOf } from '../mesos/foreign-id.ts';
import { mesosLabels, nanosecondsOf, Untranslatable } from '../mesos/mesos-values.ts';
import { plainResources } from '../mesos/resource-translation.ts';
import { mesosFrameworkId } from '../read-model/mesos-ids.ts';
import type { ExecutorStatus } from './executor-call.ts';

type OwnState = ExecutorUpdate['state'];

const STATES: Readonly<Record<string, OwnState>> = {
  TASK_STARTING: 'starting',
  TASK_RUNNING: 'running',
  TASK_KILLING: 'killing',
  TASK_FINISHED: 'finished',
  TASK_FAILED: 'failed',
  TASK_KILLED: 'killed',
};
/** Ends that Mesos tells apart: for us an executor has one way to say that a task did not do what it should. */
const FAILURES = new Set([
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);
const MAX_MESSAGE = 4096;
/** Where the name of a task stands whose id took the name's place (launch-translation.ts). */
const NAME_LABEL = 'mesos.name';
const MS = 1000;
/** Agents give resources without roles to executors: which reservation they came from is the books' business. */
const FORM = { isRefined: false, allocationRole: undefined };

export const ownTaskId = (foreign: string): TaskId => {
  const id = TaskId.safeParse(ownIdOf(foreign));
  if (id.success) return id.data;
  throw new Untranslatable(`task_id: "${foreign}" is no id of a task`);
};

/** But for its number in the order. */
export function ownUpdate(status: ExecutorStatus): Omit<ExecutorUpdate, 'sequence'> {
  const { task_id, state, message, data, healthy } = status;
  const own = STATES[state] ?? (FAILURES.has(state) ? 'failed' : undefined);
  if (own === undefined) throw new Untranslatable(`status.state: no executor can say ${state}`);
  if (data !== undefined && !Data.safeParse(data).success) {
    throw new Untranslatable('status.data: must be at most 32 KiB');
  }
  const text = FAILURES.has(state) ? [state, message].filter(Boolean).join(': ') : message;
  return {
    taskId: ownTaskId(task_id.value),
    state: own,
    ...(text !== undefined && { message: text.slice(0, MAX_MESSAGE) }),
    ...(data !== undefined && { data: Uint8Array.from(data) }),
    ...(healthy !== undefined && { healthy }),
  };
}

/** `executorId`: as the framework chose it. */
export function mesosExecutor(
  ref: ExecutorRef,
  description: ExecutorDescription,
  executorId: string,
): ExecutorInfo {
  const { command, resources, data, shutdownGraceMs } = description;
  return {
    type: 'CUSTOM',
    executor_id: { value: executorId },
    framework_id: { value: mesosFrameworkId(ref) },
    ...(command !== undefined && { command: commandInfo(command) }),
    resources: plainResources(resources, FORM) as ExecutorInfo['resources'],
    ...(data !== undefined && { data }),
    shutdown_grace_period: { nanoseconds: nanosecondsOf(shutdownGraceMs) },
  };
}

const commandInfo = ({ argv }: NonNullable<ExecutorDescription['command']>) => ({
  shell: false,
  value: argv[0] ?? '',
  arguments: argv,
});

/** `record`: undefined while this gateway has not read of it. */
export function mesosFramework(
  ref: ExecutorRef,
  record: FrameworkRecord | undefined,
  { mesos }: ExecutorDescription,
): FrameworkInfo {
  return {
    user: '',
    name: record?.name ?? ref.frameworkId,
    id: { value: mesosFrameworkId(ref) },
    failover_timeout: (record?.failoverTimeoutMs ?? 0) / MS,
    checkpoint: mesos?.checkpoint === true,
    roles: record?.roles.map(({ role }) => role) ?? [],
    principal: ref.principal,
  };
}

export function mesosTask(
  description: TaskDescription,
  executor: ExecutorInfo,
  agentId: AgentId,
): TaskInfo {
  const { taskId, name, resources, data, killGraceMs, maxCompletionMs } = description;
  const { [NAME_LABEL]: namedSo, ...others } = description.labels ?? {};
  const isKept = isDigest(taskId);
  const labels = mesosLabels(isKept ? others : (description.labels ?? {}));
  return {
    name: isKept ? (namedSo ?? '') : name,
    task_id: { value: foreignIdOf(taskId, name) },
    agent_id: { value: agentId },
    resources: plainResources(resources, FORM) as TaskInfo['resources'],
    executor,
    ...(data !== undefined && { data }),
    ...(labels !== undefined && { labels }),
    ...(killGraceMs !== undefined && { kill_policy: killPolicy(killGraceMs) }),
    ...(maxCompletionMs !== undefined && {
      max_completion_time: { nanoseconds: nanosecondsOf(maxCompletionMs) },
    }),
  };
}

const killPolicy = (graceMs: number) => ({
  grace_period: { nanoseconds: nanosecondsOf(graceMs) },
});

/** `taskId`: as the framework chose it. */
export const killEvent = (taskId: string, graceMs: number): ExecutorEvent => ({
  type: 'KILL',
  kill: { task_id: { value: taskId }, kill_policy: killPolicy(graceMs) },
});

// Owns which containers there are for a client of Mesos: one for each task that an agent runs itself, and nested ones for the
// commands that somebody runs beside them (session-book.ts). Ids of containers are read here, and what ended is told.
import { constants } from 'node:os';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { EndedTaskRecord, TaskRecord } from '@parley/cluster/records';
import type { MessageOf } from '@parley/mesos-api/message-types';
import { cutOffWords, type ExecOutcome } from '@parley/operator-sdk/exec-session';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import { taskOfContainerId } from '../read-model/mesos-ids.ts';
import { mesosReason, mesosTaskState } from '../read-model/mesos-words.ts';
import type { AgentCall } from './agent-call.ts';

export type ContainerId = NonNullable<AgentCall['wait_container']>['container_id'];
export type Termination = NonNullable<MessageOf<'agent.Response'>['wait_container']>;

/** The task, and where it runs or ran. With `nested`: a command beside it, by a key of its own. */
export type Container = {
  readonly task: TaskRef;
  readonly agentId: AgentId;
  readonly hasEnded: boolean;
  readonly nested?: string;
};

const MAX_ID = 255;

/** `own`: the one agent whose containers are meant; undefined: all. Undefined: there is no such container. */
export function containerOf(
  state: ClusterState,
  id: ContainerId,
  own: AgentId | undefined,
): Container | undefined {
  const itself = ofTask(state, id, own);
  if (itself !== undefined || id.parent === undefined) return itself;
  const around = ofTask(state, id.parent, own);
  const isName = id.value.length > 0 && id.value.length <= MAX_ID;
  return around && isName ? { ...around, nested: `${id.parent.value}/${id.value}` } : undefined;
}

function ofTask(
  state: ClusterState,
  { value }: ContainerId,
  own: AgentId | undefined,
): Container | undefined {
  const task = taskOfContainerId(value);
  const known = task && knownTask(state, task);
  if (task === undefined || known === undefined) return undefined;
  const { agentId } = known;
  const hasEnded = !state.tasks.has(taskKey(task));
  return own === undefined || own === agentId ? { task, agentId, hasEnded } : undefined;
}

function knownTask(
  { tasks, ended }: ClusterState,
  task: TaskRef,
): TaskRecord | EndedTaskRecord | undefined {
  return tasks.get(taskKey(task)) ?? ended.get(taskKey(task));
}

const signals: Readonly<Record<string, number>> = constants.signals;

/** As wait(2) has it. */
const exitStatus = (code: number): number => (code & 0xff) << 8;

/** How a command beside a task ended. */
export function terminationOf(outcome: ExecOutcome): Termination {
  switch (outcome.kind) {
    case 'exited':
      return {
        exit_status: exitStatus(outcome.code),
        state: outcome.code === 0 ? 'TASK_FINISHED' : 'TASK_FAILED',
      };
    case 'signaled':
      return {
        exit_status: signals[outcome.signal] ?? 0,
        state: 'TASK_FAILED',
        message: `ended by ${outcome.signal}`,
      };
    case 'notStarted':
      return { state: 'TASK_FAILED', message: outcome.message };
    case 'lost':
      return { state: 'TASK_FAILED', message: 'its agent knows nothing of it any more' };
    case 'cutOff':
      return {
        state: 'TASK_FAILED',
        message: `it ${cutOffWords(outcome.failure)}: ${outcome.failure.message}`,
      };
  }
}

/** How a task ended; of one that is forgotten nothing is known. */
export function terminationOfTask({ ended }: ClusterState, task: TaskRef): Termination | undefined {
  const record = ended.get(taskKey(task));
  if (record === undefined) return undefined;
  const { exitCode, signal, state, reason, message } = record;
  const named = mesosReason(reason);
  return {
    ...(exitCode !== undefined && { exit_status: exitStatus(exitCode) }),
    ...(signal !== undefined && { exit_status: signals[signal] ?? 0 }),
    state: mesosTaskState(state, reason) as Termination['state'],
    ...(named !== undefined && { reason: named as Termination['reason'] }),
    ...(message !== undefined && { message }),
  };
}

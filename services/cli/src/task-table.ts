// Owns how tasks are listed: live ones and those that ended lately, out of the followed state.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { EndedTaskRecord, TaskRecord } from '@parley/cluster/records';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { TaskCause } from '@parley/protocol/task-causes';
import { formatCpus, formatMemory } from './cluster-summary.ts';
import { amountsOf, sumOf } from './summarise.ts';

export type ShownTask = {
  /** PRINCIPAL/FRAMEWORK/TASK, as other commands take it. */
  readonly task: string;
  readonly name: string;
  readonly state: string;
  readonly agent: string;
  readonly cpus: string;
  readonly memory: string;
  /** It runs on what may be taken back at any time. */
  readonly isRevocable: boolean;
  readonly reason: string;
  /** The finer cause of its end, where its agent told one. */
  readonly cause: TaskCause | undefined;
  readonly message: string;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly ended: boolean;
};

/** Live tasks first, each part in order of launch. */
export function listTasks(state: ClusterState, withEnded: boolean): ShownTask[] {
  const live = [...state.tasks.rows()].map((record) => shown(record, false));
  if (!withEnded) return live;
  return [...live, ...[...state.ended.rows()].map((record) => shown(record, true))];
}

export function findTask(state: ClusterState, task: TaskRef): ShownTask | undefined {
  const key = taskKey(task);
  const live = state.tasks.get(key);
  if (live !== undefined) return shown(live, false);
  const ended = state.ended.get(key);
  return ended === undefined ? undefined : shown(ended, true);
}

function shown(record: TaskRecord | EndedTaskRecord, ended: boolean): ShownTask {
  const reserved = 'reserved' in record ? record.reserved : [];
  const ordinary = amountsOf({ resources: record.resources, reserved });
  const amounts = sumOf([...ordinary, record.revocable?.scalars ?? {}]);
  return {
    task: taskKey(record.task),
    name: record.name,
    state: record.state,
    agent: record.agentId,
    cpus: formatCpus(amounts['cpus'] ?? 0),
    memory: formatMemory(amounts['mem'] ?? 0),
    isRevocable: record.revocable !== undefined,
    reason: record.reason ?? '',
    cause: 'cause' in record ? record.cause : undefined,
    message: record.message ?? '',
    exitCode: 'exitCode' in record ? record.exitCode : undefined,
    signal: 'signal' in record ? record.signal : undefined,
    ended,
  };
}

/** The agent that a task was launched on; undefined when the cluster does not know the task. */
export function findAgentOf(state: ClusterState, task: TaskRef): AgentId | undefined {
  const key = taskKey(task);
  return (state.tasks.get(key) ?? state.ended.get(key))?.agentId;
}

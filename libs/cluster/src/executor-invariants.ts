// Owns the check of what must hold of executors, of events for frameworks and of agents that are gone. For tests and
// the simulator: it looks at everything.
import { type AgentId, frameworkKey, taskKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import { tasksOn } from './agent-tasks.ts';
import type { ClusterState } from './cluster-state.ts';
import { executorOfTask, tasksOfExecutor } from './executor-book.ts';
import { ExecutorTasks } from './executor-tasks.ts';
import { goneAgents } from './gone-agents.ts';
import { effectiveState } from './leader-updates.ts';
import { orderToSend } from './order-book.ts';

export function executorsAndEvents(state: ClusterState): string[] {
  return [
    ...executors(state),
    ...tasksOfExecutors(state),
    ...events(state),
    ...gone(state),
    ...taskIndexes(state),
  ];
}

/** One is there from the launch of its first task until its agent says that it is no more, or is itself gone. */
function executors(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const [key, record] of state.executors.entries()) {
    if (!state.frameworks.has(frameworkKey(record.executor))) broken.push(`${key}: no framework`);
    const agent = state.agents.get(record.agentId);
    if (agent === undefined || agent.state === 'gone') broken.push(`${key}: its agent is gone`);
    const { shutdownOrder, isShuttingDown, description } = record;
    if (shutdownOrder !== undefined && !(isShuttingDown && state.orders.has(shutdownOrder))) {
      broken.push(`${key}: ordered to shut down or not`);
    }
    if (description.kind === 'default' && tasksOfExecutor(state, record).length === 0) {
      broken.push(`${key} stands for tasks that have ended`);
    }
  }
  return broken;
}

/** While a launch may be ordered again, the executor of the task holds its resources: it may have to be started. */
function tasksOfExecutors(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const [key, task] of state.tasks.entries()) {
    if (task.runOrder !== undefined && !state.orders.has(task.runOrder)) {
      broken.push(`${key}: its launch is not ordered`);
    }
    if (task.runOrder === undefined || task.executorId === undefined) continue;
    if (orderToSend(state, task.runOrder) === undefined) continue;
    if (executorOfTask(state, task) === undefined) broken.push(`${key}: no executor for it`);
  }
  return broken;
}

function events(state: ClusterState): string[] {
  const broken: string[] = [];
  const kept = new Map<string, number[]>();
  for (const { framework, event } of state.frameworkEvents.rows()) {
    const key = frameworkKey(framework);
    kept.set(key, [...(kept.get(key) ?? []), event.eventId]);
    const record = state.frameworks.get(key);
    if (record === undefined || record.state === 'removed') broken.push(`${key}: nobody to tell`);
    if (event.eventId > (record?.lastEventId ?? 0)) broken.push(`${key}: more told than counted`);
  }
  for (const [key] of state.eventSpans.entries()) {
    const expected = JSON.stringify(kept.get(key) ?? []);
    if (JSON.stringify(state.eventSpans.of(key)) !== expected) broken.push(`${key}: its events`);
    kept.delete(key);
  }
  for (const key of kept.keys()) broken.push(`${key}: events in no index`);
  return broken;
}

/** Nothing is said to an agent that is gone, and its tasks are, or end otherwise by what the stream says before. */
function gone(state: ClusterState): string[] {
  const broken: string[] = [];
  const known = new Set<string>();
  for (const [agentId] of goneAgents(state)) {
    known.add(agentId);
    broken.push(...leftOn(state, agentId));
  }
  for (const agent of state.agents.rows()) {
    const isGone = agent.state === 'gone';
    if (isGone !== known.has(agent.agentId) || isGone !== (agent.goneAtMs !== undefined)) {
      broken.push(`${agent.agentId}: gone or not`);
    }
  }
  return broken;
}

function leftOn(state: ClusterState, agentId: AgentId): string[] {
  const broken: string[] = [];
  if ((state.books.agents.get(agentId)?.orders.size ?? 0) > 0) broken.push(`${agentId}: orders`);
  for (const task of tasksOn(state, agentId)) {
    const key = taskKey(task.task);
    if (!isTerminal(effectiveState(task))) broken.push(`${key}: its agent is gone`);
    if (task.runOrder ?? task.killOrder) broken.push(`${key}: ordered of nobody`);
  }
  return broken;
}

function taskIndexes(state: ClusterState): string[] {
  const broken: string[] = [];
  const expected = new ExecutorTasks();
  for (const task of state.tasks.rows()) expected.taskLaunched(task);
  const text = (index: ExecutorTasks) =>
    JSON.stringify([...index.entries()].map(([key, tasks]) => [key, [...tasks].sort()]).sort());
  if (text(expected) !== text(state.executorTasks)) broken.push('tasks by executor');
  const keys = [...state.tasks.rows()].map(({ task }) => taskKey(task)).sort();
  if (JSON.stringify(keys) !== JSON.stringify([...state.taskOrder])) broken.push('order of tasks');
  return broken;
}

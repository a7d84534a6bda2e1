// Owns builders for tests about tasks and executors: descriptions as a framework writes them, and launches of them.
// Driving the core is in scripted-cluster.ts.
import type { ExecutorExited } from '@parley/protocol/agents';
import {
  ExecutorDescription,
  type ExecutorDescriptionInput,
} from '@parley/protocol/executor-description';
import {
  type AgentId,
  ExecutorId,
  type FrameworkRef,
  PrincipalName,
  TaskId,
  type TaskRef,
} from '@parley/protocol/ids';
import type { AcceptResult, OperationInput } from '@parley/protocol/offers';
import type { ReconcileResult, TaskStatus } from '@parley/protocol/tasks';
import type { Effect } from './effects.ts';
import {
  anAgentId,
  answerOf,
  type Effects,
  of,
  type ScriptedCluster,
  some,
  updatesOf,
} from './scripted-cluster.ts';

export type RawTask = { readonly taskId: string } & Readonly<Record<string, unknown>>;

export const aCommand = { argv: ['true'] };
export const raw = (taskId: string, more: Record<string, unknown> = {}): RawTask => ({
  taskId,
  resources: some(1),
  ...more,
});
export const aCommandTask = (taskId: string, more: Record<string, unknown> = {}): RawTask =>
  raw(taskId, { command: aCommand, ...more });

export const anExecutor = (more: Partial<ExecutorDescriptionInput> = {}): ExecutorDescription =>
  ExecutorDescription.parse({ executorId: 'e1', command: aCommand, ...more });
export const aDefaultExecutor = (
  more: Partial<ExecutorDescriptionInput> = {},
): ExecutorDescription =>
  ExecutorDescription.parse({ executorId: 'pod', kind: 'default', ...more });

export const launchOf = (...tasks: RawTask[]): OperationInput => ({
  kind: 'launch',
  tasks: tasks.map((task) => ({ ...task, taskId: TaskId.parse(task.taskId) })),
});
export const groupOf = (executor: ExecutorDescription, ...tasks: RawTask[]): OperationInput => ({
  kind: 'launchGroup',
  executor,
  tasks: tasks.map((task) => ({ ...task, taskId: TaskId.parse(task.taskId) })),
});

export const taskRef = (framework: FrameworkRef, taskId: string): TaskRef => ({
  ...framework,
  taskId: TaskId.parse(taskId),
});

/** An accept of one fitting offer. */
export function launchRaw(
  cluster: ScriptedCluster,
  framework: FrameworkRef,
  operation: OperationInput,
  { resources = some(8), agentId = anAgentId() } = {},
): Effect[] {
  return cluster.operate(framework, [cluster.offer(framework, resources, agentId)], [operation]);
}

/** Likewise, and the agent answers all the orders. */
export function launchAnswered(
  cluster: ScriptedCluster,
  framework: FrameworkRef,
  operation: OperationInput,
  place: { resources?: ReturnType<typeof some>; agentId?: AgentId } = {},
): Effect[] {
  const effects = launchRaw(cluster, framework, operation, place);
  for (const { order } of of(effects, 'order')) cluster.answerOrder(order.orderId, order.agentId);
  return effects;
}

export function acceptResultOf(effects: Effects): AcceptResult {
  const answer = answerOf(effects);
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value as AcceptResult;
}

/** What the leader wrote about the tasks, in order. */
export const writtenOf = (effects: Effects) =>
  updatesOf(effects).map(({ task, state, reason, message }) => ({
    taskId: task.taskId,
    state,
    reason,
    message,
  }));

/** What the framework was told beside offers. */
export const toldOf = (effects: Effects) =>
  of(effects, 'events').flatMap(({ message }) => message.events);

export const executorExits = (
  cluster: ScriptedCluster,
  framework: FrameworkRef,
  { executorId = 'e1', agentId = anAgentId(), ...body }: ExitBody = {},
): Effect[] =>
  cluster.call(
    { kind: 'agent', agentId },
    {
      verb: 'executorExited',
      body: {
        executor: { ...framework, executorId: ExecutorId.parse(executorId) },
        end: 'exited',
        ...body,
        tasks: (body.tasks ?? []).map((taskId) => TaskId.parse(taskId)),
      },
    },
  );
type ExitBody = Partial<Omit<ExecutorExited, 'executor' | 'tasks'>> & {
  executorId?: string;
  agentId?: AgentId;
  tasks?: readonly string[];
};

export const shutsDown = (
  cluster: ScriptedCluster,
  framework: FrameworkRef,
  { executorId = 'e1', agentId = anAgentId(), graceMs }: ShutdownBody = {},
): Effect[] =>
  cluster.frameworkCall(framework, {
    verb: 'shutdownExecutor',
    body: {
      agentId,
      executorId: ExecutorId.parse(executorId),
      ...(graceMs !== undefined && { graceMs }),
    },
  });
type ShutdownBody = { executorId?: string; agentId?: AgentId; graceMs?: number };

/** An agent registers with what it has. */
export const registers = (
  cluster: ScriptedCluster,
  agentId: AgentId,
  { tasks = [], executors = [] }: { tasks?: readonly TaskRef[]; executors?: readonly TaskLike[] },
): Effect[] =>
  cluster.call(
    { kind: 'agent', agentId },
    {
      verb: 'register',
      body: {
        hostname: `${agentId}.example`,
        total: some(20),
        attributes: {},
        tasks: tasks.map((task) => ({ task, state: 'running', lastSequence: 1 })),
        executors: executors.map(({ executorId, ...framework }) => ({
          ...framework,
          executorId: ExecutorId.parse(executorId),
        })),
      },
    },
  );
type TaskLike = FrameworkRef & { readonly executorId: string };

export function reconciled(
  cluster: ScriptedCluster,
  framework: FrameworkRef,
  body: { tasks?: readonly { taskId: string; agentId?: AgentId }[]; after?: string } = {},
): ReconcileResult {
  const { tasks = [], after } = body;
  const effects = cluster.frameworkCall(framework, {
    verb: 'reconcile',
    body: {
      tasks: tasks.map((task) => ({ ...task, taskId: TaskId.parse(task.taskId) })),
      ...(after !== undefined && { after: TaskId.parse(after) }),
    },
  });
  const answer = answerOf(effects);
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value as ReconcileResult;
}

export const statusIn = (effects: Effects): TaskStatus => {
  const answer = answerOf(effects);
  if (!answer.ok) throw new Error(answer.failure.message);
  return (answer.value as { status: TaskStatus }).status;
};

export const operatorCalls = (
  cluster: ScriptedCluster,
  call: Extract<Parameters<ScriptedCluster['call']>[1], { verb: `operator${string}` }>,
): Effect[] => cluster.call({ kind: 'operator', operator: PrincipalName.parse('admin') }, call);

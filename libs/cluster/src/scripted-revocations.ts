// Owns builders for tests about revocation: two frameworks, tasks of the one, and what is done to take them back for
// the other. Driving the core is in scripted-cluster.ts.
import type { AgentId, FrameworkRef, TaskRef } from '@parley/protocol/ids';
import { RoleName } from '@parley/protocol/ids';
import type { CandidatesQuestion, RevocableTask, StopAnswer } from '@parley/protocol/revocations';
import { normalise } from '@parley/resources/resources';
import type { Effect } from './effects.ts';
import type { ClusterSettings, Order } from './inputs.ts';
import { revocationCandidates } from './revocation-candidates.ts';
import { aFramework, anAgentId, of, ScriptedCluster, some } from './scripted-cluster.ts';
import {
  aCommandTask,
  anExecutor,
  launchAnswered,
  launchOf,
  raw,
  taskRef,
} from './scripted-tasks.ts';

export const HOLDER = aFramework('f1');
export const WAITER = aFramework('f2');
export const GRACE_MS = 30_000;
export const EXTENSION_MS = 120_000;

/** One agent, and tasks of one CPU each of the holder, which run. */
export function aFullAgent(
  taskIds: readonly string[] = ['t1'],
  settings: Partial<ClusterSettings> = {},
): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.startTerm(settings);
  cluster.register(anAgentId(), some(8));
  cluster.subscribe(HOLDER);
  cluster.subscribe(WAITER);
  launchAnswered(cluster, HOLDER, launchOf(...taskIds.map((id) => aCommandTask(id))));
  for (const id of taskIds) cluster.update(taskRef(HOLDER, id), 'running');
  return cluster;
}

type More = {
  readonly agentId?: AgentId;
  readonly beneficiary?: FrameworkRef;
  readonly role?: string;
  readonly revision?: number;
};

/** What the allocator asks for, and the master's answer to it. */
export function revokes(
  cluster: ScriptedCluster,
  task: TaskRef,
  { agentId = anAgentId(), beneficiary = WAITER, role = 'r', revision }: More = {},
): Effect[] {
  const { epoch } = cluster;
  const revocation = {
    task,
    agentId,
    beneficiary: { framework: beneficiary, role: RoleName.parse(role) },
    reason: 'belowGuarantee' as const,
  };
  return cluster.enter({
    kind: 'revocations',
    epoch: { ...epoch, revision: revision ?? epoch.revision },
    revocations: [revocation],
    calledOff: [],
  });
}

/** The allocator finds that nobody needs these any more. */
export const callsOff = (cluster: ScriptedCluster, ...tasks: TaskRef[]): Effect[] =>
  cluster.enter({
    kind: 'revocations',
    epoch: cluster.epoch,
    revocations: [],
    calledOff: tasks,
  });

/** What the allocator is told where it asks for tasks of the holder, so that one CPU can be freed by them. */
export const candidatesIn = (
  cluster: ScriptedCluster,
  changes: Partial<Omit<CandidatesQuestion, 'question'>> = {},
): RevocableTask[] =>
  revocationCandidates(cluster.state, {
    holders: [{ framework: HOLDER, role: RoleName.parse('r'), spare: {} }],
    beneficiary: { framework: WAITER, role: RoleName.parse('r') },
    needs: [{ resources: normalise(some(1)), constraints: [] }],
    mayUseFree: false,
    limit: 10,
    ...changes,
  });

/** What the task says to the question. */
export const answers = (
  cluster: ScriptedCluster,
  task: TaskRef,
  answer: StopAnswer,
  agentId: AgentId = anAgentId(),
): Effect[] =>
  cluster.call({ kind: 'agent', agentId }, { verb: 'stopAnswered', body: { task, answer } });

type OrderOf<Kind extends Order['kind']> = Extract<Order, { kind: Kind }>;

/** The orders of this kind among the effects. */
export const ordersOf = <Kind extends Order['kind']>(
  effects: readonly Effect[],
  kind: Kind,
): OrderOf<Kind>[] =>
  of(effects, 'order')
    .map(({ order }) => order)
    .filter((order): order is OrderOf<Kind> => order.kind === kind);

export const keyOf = (id: string): string => `alice/f1/${id}`;

/** Beside its commands the holder runs tasks on `e1`, a custom executor: x1 and more. */
export function withExecutor(cluster: ScriptedCluster, ...more: string[]): ScriptedCluster {
  const executor = anExecutor();
  const tasks = ['x1', ...more].map((id) => raw(id, { executor }));
  launchAnswered(cluster, HOLDER, launchOf(...tasks), { resources: some(2 + more.length) });
  for (const { taskId } of tasks) cluster.update(taskRef(HOLDER, taskId), 'running');
  return cluster;
}

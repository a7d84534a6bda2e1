// Owns taking over what an agent has into books that know nothing of it, because they were lost: tasks and executors go
// on under the frameworks that they belong to, nothing is killed for that reason. What agents say of tasks that the
// books know is in agents.ts. Mesos docs, "High availability": there a new leader rebuilds itself like this always.
import type {
  TellTasksRequest,
  TellTasksResult,
  ToldExecutor,
  ToldTask,
} from '@parley/protocol/adoption';
import type { RegisterRequest } from '@parley/protocol/agents';
import { fail, succeed } from '@parley/protocol/errors';
import { ExecutorDescription } from '@parley/protocol/executor-description';
import {
  type AgentId,
  type ExecutorId,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
  taskKey,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { isTerminal } from '@parley/protocol/tasks';
import { add, contains, normalise } from '@parley/resources/resources';
import { isWaitOver } from './awaited-agents.ts';
import { openCard } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import { empty } from './emptying.ts';
import { confirmExecutor, findExecutor, launchExecutor } from './executor-book.ts';
import { numberFloor, sessionFloor } from './kept-settings.ts';
import { orderReturn } from './leader-updates.ts';
import { ADOPTED_FAILOVER_MS } from './limits.ts';
import { type Holding, OfferPool } from './offer-pool.ts';
import { clearOvercommitment } from './overcommitment.ts';
import type { AgentRecord, FrameworkRecord, TaskRecord } from './records.ts';
import { readRevocable, takeBackRevocable } from './revocable-resources.ts';
import { isRoleOrAbove } from './roles.ts';
import { executorUnderRules, ruleHolds } from './rules.ts';
import { bookTask, heldBy } from './task-book.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/** What an agent that is new to the books, or that they have lost, is to tell before anything of it is offered. */
export function isToTellTasks(
  state: ClusterState,
  before: AgentRecord | undefined,
  { tellsTasks, tasks, executors }: RegisterRequest,
): boolean {
  if (!ruleHolds(state, 'unknownAgentsTell')) return false;
  if (tellsTasks !== true || (before !== undefined && before.isRecovering !== true)) return false;
  return executors.length > 0 || tasks.some(({ state }) => !isTerminal(state));
}

/** Fails with `agentGone`, and with `unknownAgent` when it has to register first. */
export function adoptTold(turn: Turn, agentId: AgentId, told: TellTasksRequest): Answer {
  const { state } = turn;
  const agent = state.agents.get(agentId);
  if (agent?.state === 'gone') return fail('agentGone', `agent ${agentId} was declared gone`);
  if (agent?.state !== 'registered') return fail('unknownAgent', 'register first');
  const result: TellTasksResult = { unknownTasks: [], unknownExecutors: [] };
  if (agent.isRecovering !== true) return succeed(result);
  for (const executor of told.executors) {
    if (!adoptExecutor(turn, agentId, executor)) result.unknownExecutors.push(executor.executor);
  }
  for (const task of told.tasks) {
    if (!adoptTask(turn, agentId, task)) result.unknownTasks.push(task.task);
  }
  markOvercommitment(state, agentId);
  takeBackRevocable(turn, agentId);
  if (told.isLast) allTold(turn, agentId);
  return succeed(result);
}

/** From now on it is offered, or emptied, like any other. */
function allTold(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  const before = state.agents.get(agentId);
  if (before === undefined) return;
  const { isRecovering: _, ...record } = before;
  state.agents.put(agentId, record);
  state.books.agentChanged(before, record);
  state.marks.agent(agentId);
  empty(turn, agentId);
  count(state, 'agents');
}

/** False: it is nobody's any more. One that is in the books already was told before. */
function adoptTask(turn: Turn, agentId: AgentId, told: ToldTask): boolean {
  const { state } = turn;
  const key = taskKey(told.task);
  if (isTerminal(told.state)) return true;
  const known = state.tasks.get(key);
  if (known !== undefined) {
    if (known.agentId === agentId) return true;
    reportViolation(turn, agentId, `names task ${key} of agent ${known.agentId}`);
    return false;
  }
  const framework = frameworkOf(turn, told.task, told.role);
  if (framework === undefined || state.ended.has(key)) return false;
  const role = told.role ?? framework.roles[0]?.role;
  if (role === undefined) return false;
  const { group, executorId } = told;
  if (group !== undefined && executorId !== undefined) {
    adoptDefaultExecutor(turn, { framework: framework.framework, agentId, role, executorId });
  }
  // Its framework may have been answered that it is away.
  const isLate = framework.state === 'subscribed' && isWaitOver(turn);
  const adopted = adoptedTask(turn, agentId, { told, role });
  const record: TaskRecord = isLate ? { ...adopted, state: 'unreachable' } : adopted;
  bookTask(state, record);
  count(state, 'tasks');
  report(turn, {
    type: 'taskStateChanged',
    task: told.task,
    name: told.name,
    agentId,
    from: undefined,
    to: record.state,
    resources: heldBy(record),
    message: `agent ${agentId} runs it: taken over into books that were lost`,
  });
  if (isLate) orderReturn(turn, record, told.state);
  return true;
}

function adoptedTask(
  turn: Turn,
  agentId: AgentId,
  { told, role }: { readonly told: ToldTask; readonly role: RoleName },
): TaskRecord {
  const { state, context } = turn;
  const { group, executorId } = told;
  return {
    task: told.task,
    name: told.name,
    agentId,
    role,
    ...holdingOf(turn, agentId, { told, role }),
    ...(executorId !== undefined && { executorId }),
    isInGroup: told.isInGroup === true,
    ...(group !== undefined && { group }),
    ...(told.priority !== undefined && told.priority !== 0 && { priority: told.priority }),
    state: told.state,
    ...(told.state === 'running' && { runningAtMs: context.coreTimeMs }),
    launchedAtMs: context.coreTimeMs,
    changedWallTimeMs: context.wallTimeMs,
    agentSequence: told.lastSequence,
    masterSequence: numberFloor(state),
    orderedSequence: numberFloor(state),
  };
}

function adoptExecutor(turn: Turn, agentId: AgentId, told: ToldExecutor): boolean {
  const { state } = turn;
  const { executor } = told;
  if (findExecutor(state, agentId, executor) !== undefined) return true;
  const { principal, frameworkId } = executor;
  const framework = frameworkOf(turn, { principal, frameworkId }, told.role);
  const role = told.role ?? framework?.roles[0]?.role;
  if (framework === undefined || role === undefined) return false;
  const description = executorUnderRules(state, told.description);
  const resources = normalise(description.resources);
  launchExecutor(turn, { framework: framework.framework, agentId, role, description, resources });
  const record = findExecutor(state, agentId, executor);
  if (record !== undefined) confirmExecutor(turn, record);
  count(state, 'executors');
  return true;
}

/** Stands for a group that the agent runs itself. What it had beside its tasks, no agent knows. */
function adoptDefaultExecutor(
  turn: Turn,
  {
    framework,
    agentId,
    role,
    executorId,
  }: {
    readonly framework: FrameworkRef;
    readonly agentId: AgentId;
    readonly role: RoleName;
    readonly executorId: ExecutorId;
  },
): void {
  if (findExecutor(turn.state, agentId, { ...framework, executorId }) !== undefined) return;
  const description = ExecutorDescription.parse({ executorId, kind: 'default' });
  launchExecutor(turn, { framework, agentId, role, description, resources: NO_RESOURCES });
}

/** As an accept would take it out of everything that is free; what does not fit is held all the same. */
function holdingOf(
  turn: Turn,
  agentId: AgentId,
  { told, role }: { readonly told: ToldTask; readonly role: RoleName },
): Holding {
  const { state } = turn;
  const resources = normalise(told.resources);
  if (told.isRevocable === true) {
    const { scalars, ports, sets } = resources;
    const revocable = { ...NO_RESOURCES, scalars };
    lendAtLeast(state, agentId, revocable);
    return { resources: { ...NO_RESOURCES, ports, sets }, reserved: [], revocable };
  }
  const agent = state.agents.get(agentId);
  const pool = new OfferPool({
    agentId,
    role,
    resources: agent === undefined ? NO_RESOURCES : state.books.free(agent),
    parts: freeParts(state, agentId, role),
    hadStale: false,
  });
  const { reservationId, volumes } = told;
  const want = { resources, volumes, ...(reservationId !== undefined && { reservationId }) };
  const taken = pool.tryTake(want);
  return taken.ok ? taken.value : { resources, reserved: [] };
}

function freeParts(
  state: ClusterState,
  agentId: AgentId,
  role: RoleName,
): ConstructorParameters<typeof OfferPool>[0]['parts'] {
  const { reservations } = state.books;
  const keys = [...(state.books.agents.get(agentId)?.reservations ?? [])].sort();
  return keys
    .map((key) => state.reservations.get(key))
    .filter((record) => record !== undefined)
    .filter((record) => isRoleOrAbove(record.role, role))
    .map((record) => {
      const part = {
        role: record.role,
        reservationId: record.reservationId,
        resources: reservations.free(record),
        volumes: reservations.freeVolumes(record),
      };
      return { ...part, volumes: reservations.mibOf(agentId, part) };
    });
}

/** What an agent has lent it says of its own accord, and perhaps not yet: what a task holds was lent. */
function lendAtLeast(
  state: ClusterState,
  agentId: AgentId,
  held: NonNullable<AgentRecord['revocable']>,
): void {
  const agent = state.agents.get(agentId);
  if (agent === undefined || contains(state.books.freeRevocable(agent), held)) return;
  const revocable = readRevocable(add(agent.revocable ?? NO_RESOURCES, held), agent.total);
  state.agents.put(agentId, { ...agent, ...(revocable !== undefined && { revocable }) });
}

/** Undefined when it was removed. One of which nothing is known waits for its scheduler. */
function frameworkOf(
  turn: Turn,
  { principal, frameworkId }: FrameworkRef,
  role: RoleName | undefined,
): FrameworkRecord | undefined {
  const { state, context } = turn;
  const framework = { principal, frameworkId };
  const key = frameworkKey(framework);
  const known = state.frameworks.get(key);
  if (state.tombstones.has(key) || known?.state === 'removed') return undefined;
  if (known !== undefined || role === undefined) return known;
  const failoverAtMs = context.coreTimeMs + ADOPTED_FAILOVER_MS;
  const record: FrameworkRecord = {
    framework,
    state: 'disconnected',
    name: frameworkId,
    roles: [{ role, isSuppressed: false }],
    session: sessionFloor(state),
    lastNumber: 0,
    confirmedNumber: 0,
    failoverTimeoutMs: ADOPTED_FAILOVER_MS,
    expiryStrikes: 0,
    lastEventId: numberFloor(state),
    droppedEvents: 0,
    failoverAtMs,
    subscribedAtMs: context.coreTimeMs,
  };
  state.books.frameworkChanged(undefined, record);
  state.frameworks.put(key, record);
  state.deadlines.set(deadlineKey('framework', key), failoverAtMs);
  openCard(state, framework);
  state.marks.framework(framework);
  return record;
}

function markOvercommitment(state: ClusterState, agentId: AgentId): void {
  const agent = state.agents.get(agentId);
  if (agent === undefined) return;
  clearOvercommitment(state, agentId);
  if (agent.isOvercommitted || state.books.fits(agent)) return;
  const record = { ...agent, isOvercommitted: true };
  state.agents.put(agentId, record);
  state.books.agentChanged(agent, record);
}

/** For people: what came back into the books. */
function count(state: ClusterState, what: 'agents' | 'tasks' | 'executors'): void {
  const { rebuilt } = state.record;
  if (rebuilt !== undefined) state.change({ rebuilt: { ...rebuilt, [what]: rebuilt[what] + 1 } });
}

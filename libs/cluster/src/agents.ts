// Owns agents: registration, what an agent that comes back runs, and the verdict that one is silent.
// Tasks of an agent that is away keep their resources until somebody says what became of them.
import { nextAgentState } from '@parley/lifecycle/transitions';
import type { AgentTask, RegisterRequest, RegisterResult } from '@parley/protocol/agents';
import { fail, succeed } from '@parley/protocol/errors';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { isTerminal, type TaskState } from '@parley/protocol/tasks';
import { equals, normalise } from '@parley/resources/resources';
import { isToTellTasks } from './adoption.ts';
import { rescindAllOf } from './agent-offers.ts';
import { compareAgent } from './agent-report.ts';
import { tasksOn, tellHolders } from './agent-tasks.ts';
import type { ClusterState } from './cluster-state.ts';
import { empty } from './emptying.ts';
import { stopExcess } from './excess.ts';
import { reconcileExecutors } from './executor-ends.ts';
import { countOfAgents } from './gone-agents.ts';
import type { Input } from './inputs.ts';
import { effectiveState, orderReturn, orderUpdate } from './leader-updates.ts';
import {
  HEARTBEATS_PER_SECOND,
  HEARTBEATS_PER_SECOND_BEFORE,
  MAX_AGENT_HEARTBEAT_INTERVAL_MS,
} from './limits.ts';
import { isSpent, resendOrders, tasksOfOrder } from './order-book.ts';
import { confirmLaunch, killRest } from './orders.ts';
import type { AgentRecord, TaskRecord } from './records.ts';
import { readRevocable, takeBackRevocable } from './revocable-resources.ts';
import { maxAgents, ruleHolds } from './rules.ts';
import { reservedObjection, takeOverReserved } from './static-reservations.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/**
 * Fails with `agentGone`, with `overloaded`, or with `malformed` when the amounts leave what can be counted exactly.
 */
export function registerAgent(turn: Turn, agentId: AgentId, request: RegisterRequest): Answer {
  const { state } = turn;
  const before = state.agents.get(agentId);
  const total = normalise(request.total);
  const next = nextAgentState(before?.state ?? 'unknown', 'register');
  if (next === undefined) {
    return fail(
      'agentGone',
      `an operator declared agent ${agentId} gone: it must not run any more`,
    );
  }
  const most = maxAgents(state);
  if (before === undefined && countOfAgents(state) >= most) {
    return fail('overloaded', `there are ${most} agents`);
  }
  const excess = uncountable(state, before, total.scalars);
  if (excess !== undefined) {
    return fail('malformed', `the cluster's ${excess} would be too much to be counted exactly`);
  }
  const objection = reservedObjection(state, { agentId, total, reserved: request.reserved });
  if (objection !== undefined) return fail('malformed', objection);
  const isToTell = isToTellTasks(state, before, request);
  const record = {
    ...recordOf(before, { ...request, agentId, state: next, total }),
    ...(isToTell && { isRecovering: true as const }),
  };
  state.agents.put(agentId, record);
  state.books.agentChanged(before, record);
  if (before !== undefined && !isSameOffer(before, record))
    rescindAllOf(turn, agentId, 'agentChanged');
  takeOverReserved(turn, agentId, request.reserved);
  if (!state.books.fits(record)) {
    const short = { ...record, isOvercommitted: true };
    state.agents.put(agentId, short);
    state.books.agentChanged(record, short);
  }
  state.marks.agent(agentId);
  const returned = before?.state === 'unreachable';
  const { hostname } = record;
  report(turn, { type: 'agentRegistered', agentId, hostname, total, returned });
  if (returned) tellHolders(turn, agentId, 'agentReturned');
  if (isToTell) return succeed(wantsTasks(state));
  const differences = compareAgent(state, agentId, request);
  if (differences !== undefined) report(turn, { type: 'agentDiffers', agentId, ...differences });
  const unknownTasks = reconcile(turn, agentId, request.tasks);
  const unknownExecutors = reconcileExecutors(turn, agentId, request.executors);
  resendOrders(turn, state.books.agents.get(agentId)?.orders ?? []);
  killRestOfSpent(turn, agentId);
  empty(turn, agentId);
  stopExcess(turn, agentId);
  takeBackRevocable(turn, agentId);
  const result: RegisterResult = {
    heartbeatIntervalMs: heartbeatIntervalMs(state),
    unknownTasks,
    unknownExecutors,
  };
  return succeed(result);
}

const wantsTasks = (state: ClusterState): RegisterResult => ({
  heartbeatIntervalMs: heartbeatIntervalMs(state),
  unknownTasks: [],
  unknownExecutors: [],
  wantsTasks: true,
});

/** What an operator has decided about it stays, whatever it says. */
function recordOf(
  before: AgentRecord | undefined,
  registering: Pick<AgentRecord, 'agentId' | 'state' | 'total'> & RegisterRequest,
): AgentRecord {
  const { agentId, state, hostname, total, domain, attributes } = registering;
  const revocable = readRevocable(registering.revocable ?? before?.revocable, total);
  return {
    agentId,
    state,
    registration: (before?.registration ?? 0) + 1,
    hostname,
    total,
    ...(domain !== undefined && { domain }),
    ...(revocable !== undefined && { revocable }),
    attributes,
    isOvercommitted: false,
    isDeactivated: before?.isDeactivated ?? false,
    ...(before?.draining !== undefined && { draining: before.draining }),
    ...(before?.maintenance !== undefined && { maintenance: before.maintenance }),
    ...(before?.isEmptied === true && { isEmptied: true }),
  };
}

/** The verdict on a registration; about an older one it says nothing. */
export function agentFellSilent(
  turn: Turn,
  { agentId, registration }: Extract<Input, { kind: 'agentSilent' }>,
): void {
  const { state } = turn;
  const before = state.agents.get(agentId);
  if (before === undefined || before.registration !== registration) return;
  const next = nextAgentState(before.state, 'silent');
  if (next === undefined) return;
  const record = { ...before, state: next, unreachableSinceMs: turn.context.wallTimeMs };
  state.agents.put(agentId, record);
  state.books.agentChanged(before, record);
  rescindAllOf(turn, agentId, 'agentUnreachable');
  state.marks.agent(agentId);
  report(turn, { type: 'agentUnreachable', agentId });
  tellHolders(turn, agentId, 'agentUnreachable');
  for (const task of tasksOn(state, agentId)) {
    orderUpdate(turn, task, {
      state: 'unreachable',
      reason: 'agentUnreachable',
      message: `nothing was heard of agent ${agentId} for too long`,
    });
  }
}

/** So long that all agents together stay below the limit, within its bounds. */
function heartbeatIntervalMs(state: ClusterState): number {
  const shortestMs = state.record.settings.agentHeartbeatIntervalMs;
  const isSeldom = ruleHolds(state, 'agentsBeatSeldom');
  const mostPerSecond = isSeldom ? HEARTBEATS_PER_SECOND : HEARTBEATS_PER_SECOND_BEFORE;
  const wantedMs = Math.ceil((state.books.registeredAgents * 1000) / mostPerSecond);
  // Three in a row have to be lost before an agent counts as silent.
  const bySilenceMs = Math.floor(state.record.settings.agentSilenceMs / 3);
  const mostMs = isSeldom
    ? Math.min(MAX_AGENT_HEARTBEAT_INTERVAL_MS, bySilenceMs)
    : MAX_AGENT_HEARTBEAT_INTERVAL_MS;
  const longestMs = Math.max(shortestMs, mostMs);
  return Math.min(Math.max(shortestMs, wantedMs), longestMs);
}

/** Compares what the agent names with the books. Returns what it must kill. */
function reconcile(turn: Turn, agentId: AgentId, named: readonly AgentTask[]): TaskRef[] {
  const unknown: TaskRef[] = [];
  const seen = new Set(named.map(({ task }) => taskKey(task)));
  for (const { task, state } of named) {
    const known = turn.state.tasks.get(taskKey(task));
    if (known?.agentId === agentId) returnTask(turn, known, { named: state, seen });
    else if (!isTerminal(state)) unknown.push(task);
    if (known !== undefined && known.agentId !== agentId) {
      reportViolation(turn, agentId, `names task ${taskKey(task)} of agent ${known.agentId}`);
    }
  }
  for (const task of tasksOn(turn.state, agentId)) {
    if (seen.has(taskKey(task.task)) || task.runOrder !== undefined) continue;
    orderUpdate(turn, task, {
      state: 'gone',
      reason: 'agentForgot',
      message: `agent ${agentId} came back without the task`,
    });
  }
  return unknown;
}

/** It does not name all that is left of them. Where it has forgotten a task it says so to the kill. */
function killRestOfSpent(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  for (const orderId of [...(state.books.agents.get(agentId)?.orders ?? [])]) {
    const order = state.orders.get(orderId)?.order;
    if (order !== undefined && isSpent(state, order)) killRest(turn, order);
  }
}

function returnTask(
  turn: Turn,
  task: TaskRecord,
  { named, seen }: { readonly named: TaskState; readonly seen: ReadonlySet<string> },
): void {
  if (isLaunchNamed(turn.state, task, seen)) confirmLaunch(turn, task);
  const confirmed = turn.state.tasks.get(taskKey(task.task)) ?? task;
  if (effectiveState(confirmed) !== 'unreachable' || isTerminal(named)) return;
  orderReturn(turn, confirmed, named);
}

/**
 * Of a group the agent may have some tasks on its disk and not yet the others: it has not accepted them, may still
 * refuse them all, and needs their order again after a restart.
 */
function isLaunchNamed(
  state: ClusterState,
  { runOrder }: TaskRecord,
  seen: ReadonlySet<string>,
): boolean {
  const order = runOrder === undefined ? undefined : state.orders.get(runOrder)?.order;
  if (order === undefined) return false;
  return tasksOfOrder(state, order).every(({ task }) => seen.has(taskKey(task)));
}

/** What offers of it say would still be true. */
function isSameOffer(before: AgentRecord, after: AgentRecord): boolean {
  const names = Object.keys(before.attributes);
  return (
    before.hostname === after.hostname &&
    equals(before.total, after.total) &&
    before.domain?.region === after.domain?.region &&
    before.domain?.zone === after.domain?.zone &&
    names.length === Object.keys(after.attributes).length &&
    names.every((name) => before.attributes[name] === after.attributes[name])
  );
}

/** The name of a scalar whose sum over all agents would leave the safe integers. */
function uncountable(
  state: ClusterState,
  before: AgentRecord | undefined,
  scalars: Readonly<Record<string, number>>,
): string | undefined {
  return Object.keys(scalars).find((name) => {
    const old =
      before && Object.hasOwn(before.total.scalars, name) ? before.total.scalars[name] : 0;
    const sum = state.books.known.get(name) - (old ?? 0) + (scalars[name] ?? 0);
    return !Number.isSafeInteger(sum);
  });
}

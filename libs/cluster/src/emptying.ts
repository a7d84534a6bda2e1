// Owns how an agent is emptied, because an operator drains it or a maintenance window of it is under way: its tasks are
// asked to stop as by a kill, its executors are shut down after them, and once the books hold nothing of it that is told.
// Tasks that it names later are asked likewise, so that a new leader, or an agent that was away, goes on where it was.
// Mesos docs, "Agent draining".
import { type AgentId, taskKey } from '@parley/protocol/ids';
import { declareGone } from './agent-end.ts';
import { tasksOn } from './agent-tasks.ts';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn, orderShutdown } from './executor-book.ts';
import { orderKill } from './orders.ts';
import type { AgentRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

type Wish = { readonly graceMs?: number; readonly message: string };

/** Its tasks are to stop; undefined: they may go on. */
export function emptyingOf({ agentId, draining, maintenance }: AgentRecord): Wish | undefined {
  if (draining?.emptying === undefined) {
    if (maintenance?.isUnderWay !== true) return undefined;
    const { windowId, graceMs } = maintenance;
    const message = `maintenance window ${windowId} of agent ${agentId} has begun`;
    return { message, ...(graceMs !== undefined && { graceMs }) };
  }
  const { graceMs } = draining.emptying;
  const why = draining.reason === '' ? '' : `: ${draining.reason}`;
  const message = `agent ${agentId} is drained${why}`;
  return { message, ...(graceMs !== undefined && { graceMs }) };
}

/** Nobody wants it empty any more. */
export function withoutEmptied(record: AgentRecord): AgentRecord {
  if (emptyingOf(record) !== undefined) return record;
  const { isEmptied: _, ...rest } = record;
  return rest;
}

/** Asks every task on it to stop that was not asked, or that has a longer grace, where the agent is to be emptied. */
export function empty(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  const record = state.agents.get(agentId);
  const wish = record && record.state !== 'gone' ? emptyingOf(record) : undefined;
  if (wish === undefined) return;
  state.marks.agentFree(agentId);
  for (const { task } of tasksOn(state, agentId)) {
    const live = state.tasks.get(taskKey(task));
    if (live === undefined) continue;
    if (live.kill !== undefined && !isShorter(wish.graceMs, live.kill.graceMs)) continue;
    orderKill(turn, live, { reason: 'agentDraining', ...wish });
  }
}

/** At the end of an entry: agents on which something has ended. */
export function finishEmptying(turn: Turn): void {
  const { marks } = turn.state;
  if (marks.agents.size + marks.freeAgents.size === 0) return;
  for (const agentId of new Set([...marks.agents, ...marks.freeAgents])) goOn(turn, agentId);
}

function goOn(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  const record = state.agents.get(agentId);
  if (record === undefined || record.state === 'gone') return;
  const wish = emptyingOf(record);
  if (wish === undefined) return;
  if (!isEmpty(state, agentId)) {
    shutDownIdle(turn, agentId, wish);
    if (record.isEmptied === true) put(turn, record, withUnset(record));
    return;
  }
  if (record.isEmptied === true) return;
  const emptied: AgentRecord = { ...record, isEmptied: true };
  put(turn, record, emptied);
  report(turn, { type: 'agentDrained', agentId });
  if (record.draining?.emptying?.marksGone === true) declareGone(turn, emptied);
}

/** Custom executors without a task; a default one is there only as long as its tasks are. */
function shutDownIdle(turn: Turn, agentId: AgentId, { graceMs }: Wish): void {
  if ((turn.state.books.agents.get(agentId)?.tasks.size ?? 0) > 0) return;
  for (const executor of executorsOn(turn.state, agentId)) {
    if (executor.description.kind === 'custom' && !executor.isShuttingDown) {
      orderShutdown(turn, executor, graceMs);
    }
  }
}

function isEmpty(state: ClusterState, agentId: AgentId): boolean {
  const book = state.books.agents.get(agentId);
  return book === undefined || (book.tasks.size === 0 && book.executors.size === 0);
}

/** Nothing says how long the task's own grace is: one that is stated is not taken for shorter. */
function isShorter(wanted: number | undefined, before: number | undefined): boolean {
  if (wanted === undefined) return false;
  return before === undefined || wanted < before;
}

function withUnset({ isEmptied: _, ...rest }: AgentRecord): AgentRecord {
  return rest;
}

function put({ state }: Turn, before: AgentRecord, after: AgentRecord): void {
  state.agents.put(after.agentId, after);
  state.books.agentChanged(before, after);
}

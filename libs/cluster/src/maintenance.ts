// Owns the course of a maintenance window: its agents are left out of offers when it is near, and frameworks with tasks
// there are asked to free them; they are emptied when it begins, and offered again when it is over. An agent is in one
// window at a time. Nothing hangs on what frameworks answer. Mesos docs, "Maintenance Primitives"; there an operator has to
// begin and to end each window, and nothing is emptied.
//
//   planned --(notice before the start)--> announced --(start)--> under way --(duration)--> over
import { nextMaintenanceState } from '@parley/lifecycle/transitions';
import { fail, succeed } from '@parley/protocol/errors';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type PrincipalName,
} from '@parley/protocol/ids';
import type {
  InverseOfferAnswer,
  MaintenanceWindow,
  OperatorMaintenanceRequest,
} from '@parley/protocol/maintenance';
import type { Answer } from '@parley/protocol/message';
import { rescindAllOf } from './agent-offers.ts';
import { tasksOn } from './agent-tasks.ts';
import { canonical } from './canonical-hash.ts';
import type { ClusterState } from './cluster-state.ts';
import { empty, withoutEmptied } from './emptying.ts';
import { executorsOn } from './executor-book.ts';
import { tellFramework } from './framework-events.ts';
import {
  dropWindow,
  inverseOfferKey,
  inverseOffersOf,
  nextWallTimeMs,
  putWindow,
} from './maintenance-book.ts';
import { nearObjection, othersNear, windowObjection } from './maintenance-checks.ts';
import type { MaintenanceRecord } from './maintenance-records.ts';
import type { AgentRecord, FrameworkRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/** Agents that one event names. */
const AGENTS_AN_EVENT = 500;

/** Scheduling the same window again succeeds and changes nothing. Fails with `unknownAgent`, `agentGone` or `malformed`. */
export function changeMaintenance(
  turn: Turn,
  operator: PrincipalName,
  request: OperatorMaintenanceRequest,
): Answer {
  if (request.change === 'schedule') return schedule(turn, operator, request.window);
  const { state, context } = turn;
  const { windowId, change } = request;
  const record = state.maintenance.get(windowId);
  if (record === undefined) return fail('malformed', `there is no maintenance window ${windowId}`);
  switch (change) {
    case 'cancel':
      if (record.state === 'underWay') {
        return fail('malformed', `window ${windowId} has begun: stop it instead`);
      }
      cancel(turn, record, operator);
      return succeed({});
    case 'stop':
      if (record.state !== 'underWay') {
        return fail('malformed', `window ${windowId} has not begun: cancel it instead`);
      }
      end(turn, record, operator);
      return succeed({});
    default: {
      if (record.state === 'underWay') return succeed({});
      const now = { ...record, startWallTimeMs: context.wallTimeMs };
      const objection =
        windowObjection(state, now, context.wallTimeMs) ?? nearObjection(state, record);
      if (objection !== undefined) return { ok: false, failure: objection };
      begin(turn, now, operator);
      return succeed({});
    }
  }
}

/** What is due by core time, where the wall clock agrees. */
export function goOnWithMaintenance(turn: Turn, keys: readonly string[]): void {
  for (const key of keys) {
    const record = turn.state.maintenance.get(key);
    if (record !== undefined) goOn(turn, record);
  }
}

/** The last answer counts. Fails with `invalidOffers` when nothing was asked, or the window is over. */
export function answerInverseOffer(
  turn: Turn,
  { framework }: FrameworkRecord,
  { windowId, answer, reason }: InverseOfferAnswer,
): Answer {
  const { inverseOffers } = turn.state;
  const key = inverseOfferKey(windowId, framework);
  const before = inverseOffers.get(key);
  if (before === undefined) {
    return fail('invalidOffers', `there is no inverse offer for window ${windowId}`);
  }
  const { answer: _, reason: __, ...asked } = before;
  const told = { answer, ...(reason !== undefined && { reason }) };
  inverseOffers.put(key, { ...asked, ...told });
  report(turn, { type: 'inverseOfferAnswered', windowId, framework, ...told });
  return succeed({});
}

function schedule(turn: Turn, by: PrincipalName, window: MaintenanceWindow): Answer {
  const { state, context } = turn;
  const { windowId } = window;
  const before = state.maintenance.get(windowId);
  if (before !== undefined) {
    if (canonical(before.asked) === canonical(window)) return succeed({});
    return fail(
      'malformed',
      `there is a window ${windowId} already: cancel it, or take another name`,
    );
  }
  const objection = windowObjection(state, window, context.wallTimeMs);
  if (objection !== undefined) return { ok: false, failure: objection };
  const record = { ...window, asked: window, state: 'planned', by } as const;
  putWindow(turn, record);
  tell(turn, record, 'planned', by);
  const put = state.maintenance.get(windowId);
  if (put !== undefined) goOn(turn, put);
  return succeed({});
}

function goOn(turn: Turn, record: MaintenanceRecord): void {
  if (turn.context.wallTimeMs < nextWallTimeMs(record)) {
    putWindow(turn, record);
    return;
  }
  const { state, startWallTimeMs, durationMs } = record;
  // Over before anybody led: nobody has to go for it.
  const isMissed = turn.context.wallTimeMs >= startWallTimeMs + durationMs;
  if (state === 'planned') (isMissed ? cancel : announce)(turn, record);
  else if (state === 'announced') begin(turn, record);
  else end(turn, record);
}

function announce(turn: Turn, before: MaintenanceRecord): void {
  const next = nextMaintenanceState(before.state, 'announce');
  if (next === undefined) return;
  for (const other of othersNear(turn.state, before)) giveUp(turn, other);
  const record = { ...before, state: next };
  putWindow(turn, record);
  tell(turn, record, next);
  leaveOut(turn, record, false);
  askHolders(turn, record);
  goOn(turn, record);
}

/** One that was not announced before is now. */
function begin(turn: Turn, before: MaintenanceRecord, by?: PrincipalName): void {
  const next = nextMaintenanceState(before.state, 'begin');
  if (next === undefined) return;
  const record = { ...before, state: next };
  putWindow(turn, record);
  tell(turn, record, next, by);
  leaveOut(turn, record, true);
  if (before.state === 'planned') askHolders(turn, record);
  for (const agentId of record.agents) empty(turn, agentId);
  if (turn.context.wallTimeMs >= nextWallTimeMs(record)) end(turn, record);
}

function end(turn: Turn, record: MaintenanceRecord, by?: PrincipalName): void {
  const next = nextMaintenanceState(record.state, 'end');
  if (next === undefined) return;
  tell(turn, record, next, by);
  dropWindow(turn.state, record);
  takeIn(turn, record);
}

/**
 * Windows of one agent are at different times: where another one is due, this one is not to be near any more, and an
 * earlier leader's clock went otherwise.
 */
function giveUp(turn: Turn, record: MaintenanceRecord): void {
  if (record.state === 'underWay') end(turn, record);
  else cancel(turn, record);
}

function cancel(turn: Turn, record: MaintenanceRecord, by?: PrincipalName): void {
  const next = nextMaintenanceState(record.state, 'cancel');
  if (next === undefined) return;
  const { windowId } = record;
  tell(turn, record, next, by);
  for (const { framework } of inverseOffersOf(turn.state, windowId)) {
    tellFramework(turn, framework, { kind: 'agentInverseOfferWithdrawn', windowId });
  }
  dropWindow(turn.state, record);
  takeIn(turn, record);
}

/** What is offered of the agents is taken back. One that is gone, or forgotten, has nothing. */
function leaveOut(turn: Turn, window: MaintenanceRecord, isUnderWay: boolean): void {
  const { windowId, graceMs } = window;
  const maintenance = { windowId, isUnderWay, ...(graceMs !== undefined && { graceMs }) };
  for (const agentId of window.agents) {
    const agent = turn.state.agents.get(agentId);
    if (agent === undefined || agent.state === 'gone') continue;
    put(turn, agent, { ...agent, maintenance });
    rescindAllOf(turn, agentId, 'agentMaintenance');
  }
}

function takeIn(turn: Turn, { windowId, agents }: MaintenanceRecord): void {
  for (const agentId of agents) {
    const agent = turn.state.agents.get(agentId);
    if (agent?.maintenance?.windowId !== windowId) continue;
    const { maintenance: _, ...rest } = agent;
    put(turn, agent, withoutEmptied(rest));
  }
}

function put({ state }: Turn, before: AgentRecord, after: AgentRecord): void {
  state.agents.put(after.agentId, after);
  state.books.agentChanged(before, after);
  state.marks.agent(after.agentId);
}

/** Each framework with tasks or executors there, once for the window, of all of its agents. */
function askHolders(turn: Turn, window: MaintenanceRecord): void {
  const { state, context } = turn;
  const { windowId, startWallTimeMs, durationMs, graceMs, reason } = window;
  for (const { framework, agents } of holdersOn(state, window.agents)) {
    const count = agents.length;
    const record = { windowId, framework, agents: count };
    state.inverseOffers.put(inverseOfferKey(windowId, framework), record);
    for (let from = 0; from < count; from += AGENTS_AN_EVENT) {
      tellFramework(turn, framework, {
        kind: 'agentInverseOffer',
        windowId,
        agents: agents.slice(from, from + AGENTS_AN_EVENT),
        startWallTimeMs,
        durationMs,
        ...(graceMs !== undefined && { graceMs }),
        reason,
        wallTimeMs: context.wallTimeMs,
      });
    }
  }
}

type Holder = { readonly framework: FrameworkRef; readonly agents: AgentId[] };

function holdersOn(state: ClusterState, agents: readonly AgentId[]): Holder[] {
  const holders = new Map<string, Holder>();
  for (const agentId of agents) {
    const refs: FrameworkRef[] = [
      ...tasksOn(state, agentId).map(({ task }) => task),
      ...executorsOn(state, agentId).map(({ executor }) => executor),
    ];
    for (const { principal, frameworkId } of refs) {
      const framework = { principal, frameworkId };
      const holder = holders.get(frameworkKey(framework)) ?? { framework, agents: [] };
      holders.set(frameworkKey(framework), holder);
      if (holder.agents.at(-1) !== agentId) holder.agents.push(agentId);
    }
  }
  return [...holders.values()];
}

function tell(
  turn: Turn,
  window: Omit<MaintenanceRecord, 'dueAtMs'>,
  to: MaintenanceRecord['state'],
  by?: PrincipalName,
): void {
  const { windowId, agents, startWallTimeMs, durationMs, reason } = window;
  report(turn, {
    type: 'maintenanceChanged',
    windowId,
    to,
    agents,
    startWallTimeMs,
    durationMs,
    reason,
    ...(by !== undefined && { by }),
  });
}

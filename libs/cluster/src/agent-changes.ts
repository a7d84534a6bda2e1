// Owns what operators change about an agent: no more offers of it, with or without the
// wish that it be emptied, offers again, or its end for good.
// Mesos docs, "Agent draining" and "Performing node maintenance"; there "gone" is told to frameworks at most once.
import { nextAgentState } from '@parley/lifecycle/transitions';
import { fail, succeed } from '@parley/protocol/errors';
import type { AgentId } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { OperatorAgentRequest } from '@parley/protocol/operators';
import { unreachable } from '@parley/protocol/unreachable';
import { tasksOn, tellHolders } from './agent-tasks.ts';
import { endExecutorsOn } from './executor-ends.ts';
import { rememberGone } from './gone-agents.ts';
import { orderUpdate } from './leader-updates.ts';
import { offersOf, rescindOffers } from './offer-book.ts';
import { dropOrder } from './order-book.ts';
import { forgetOrdersOf } from './orders.ts';
import type { AgentRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/** What is so already succeeds and changes nothing. Fails with `unknownAgent` or `agentGone`. */
export function changeAgent(turn: Turn, { agentId, change, reason }: OperatorAgentRequest): Answer {
  const record = turn.state.agents.get(agentId);
  if (record === undefined) return fail('unknownAgent', `there is no agent ${agentId}`);
  if (record.state === 'gone') {
    const message = `agent ${agentId} was declared gone`;
    return change === 'gone' ? succeed({}) : fail('agentGone', message);
  }
  switch (change) {
    case 'deactivate':
      deactivate(turn, record);
      break;
    case 'drain':
      drain(turn, record, reason ?? '');
      break;
    case 'reactivate':
      reactivate(turn, record);
      break;
    case 'gone':
      declareGone(turn, record);
      break;
    default:
      unreachable(change);
  }
  return succeed({});
}

/** Its tasks go on. It stays so when it registers again. */
function deactivate(turn: Turn, record: AgentRecord): void {
  if (record.isDeactivated) return;
  const { agentId } = record;
  put(turn, record, { ...record, isDeactivated: true });
  rescindAll(turn, agentId, 'agentDeactivated');
  turn.state.marks.agent(agentId);
  report(turn, { type: 'agentDeactivated', agentId });
}

/** Likewise. Another reason takes the place of the one before. */
function drain(turn: Turn, record: AgentRecord, reason: string): void {
  if (record.draining?.reason === reason) return;
  const { agentId } = record;
  put(turn, record, { ...record, draining: { reason } });
  rescindAll(turn, agentId, 'agentDraining');
  turn.state.marks.agent(agentId);
  report(turn, { type: 'agentDraining', agentId, reason });
}

function reactivate(turn: Turn, record: AgentRecord): void {
  if (!record.isDeactivated && record.draining === undefined) return;
  const { draining: _, ...rest } = record;
  const { agentId } = rest;
  put(turn, record, { ...rest, isDeactivated: false });
  turn.state.marks.agent(agentId);
  report(turn, { type: 'agentReactivated', agentId });
}

function put({ state }: Turn, before: AgentRecord, after: AgentRecord): void {
  state.agents.put(after.agentId, after);
  state.books.agentChanged(before, after);
}

/**
 * Nothing is heard of it ever again: what was to be said to it is forgotten, its executors are no more, and its tasks
 * are gone once that stands in the stream, unless the stream says before that how they ended.
 */
function declareGone(turn: Turn, before: AgentRecord): void {
  const { state } = turn;
  const { agentId } = before;
  const next = nextAgentState(before.state, 'declareGone');
  if (next === undefined) return;
  rescindAll(turn, agentId, 'agentGone');
  const record: AgentRecord = { ...before, state: next, goneAtMs: turn.context.coreTimeMs };
  put(turn, before, record);
  state.marks.agent(agentId);
  report(turn, { type: 'agentGone', agentId });
  tellHolders(turn, agentId, 'agentGone');
  for (const task of tasksOn(state, agentId)) {
    orderUpdate(turn, forgetOrdersOf(state, task), {
      state: 'gone',
      reason: 'agentGoneByOperator',
      message: `an operator declared agent ${agentId} gone`,
    });
  }
  endExecutorsOn(turn, agentId);
  for (const orderId of [...state.books.agent(agentId).orders]) dropOrder(state, orderId);
  rememberGone(state, record);
}

function rescindAll(
  turn: Turn,
  agentId: AgentId,
  reason: 'agentDeactivated' | 'agentDraining' | 'agentGone',
): void {
  const offers = turn.state.books.agents.get(agentId)?.offers ?? [];
  rescindOffers(turn, offersOf(turn.state, offers), reason);
}

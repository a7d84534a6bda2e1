// Owns what operators change about an agent: no more offers of it, with or without the
// wish that it be emptied, offers again, or its end for good. How it is emptied is in emptying.ts.
// Mesos docs, "Agent draining" and "Performing node maintenance".
import { fail, succeed } from '@parley/protocol/errors';
import type { Answer } from '@parley/protocol/message';
import type { OperatorAgentRequest } from '@parley/protocol/operators';
import { unreachable } from '@parley/protocol/unreachable';
import { declareGone } from './agent-end.ts';
import { rescindAllOf } from './agent-offers.ts';
import { canonical } from './canonical-hash.ts';
import { empty, withoutEmptied } from './emptying.ts';
import type { AgentRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

type Draining = NonNullable<AgentRecord['draining']>;

/** What is so already succeeds and changes nothing. Fails with `unknownAgent` or `agentGone`. */
export function changeAgent(
  turn: Turn,
  { agentId, change, reason = '', emptying }: OperatorAgentRequest,
): Answer {
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
      drain(turn, record, { reason, ...(emptying !== undefined && { emptying }) });
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
  rescindAllOf(turn, agentId, 'agentDeactivated');
  turn.state.marks.agent(agentId);
  report(turn, { type: 'agentDeactivated', agentId });
}

/**
 * Likewise, but where it is to be emptied its tasks are asked to stop. Other words take the place of the ones before; a
 * shorter grace shortens the time that tasks have, a longer one comes too late for those that were asked.
 */
function drain(turn: Turn, record: AgentRecord, draining: Draining): void {
  if (record.draining !== undefined && canonical(record.draining) === canonical(draining)) return;
  const { isEmptied: _, ...rest } = record;
  const { agentId } = rest;
  const { reason, emptying } = draining;
  put(turn, record, { ...rest, draining });
  rescindAllOf(turn, agentId, 'agentDraining');
  turn.state.marks.agent(agentId);
  const { graceMs } = emptying ?? {};
  report(turn, {
    type: 'agentDraining',
    agentId,
    reason,
    ...(emptying !== undefined && { isEmptied: true }),
    ...(graceMs !== undefined && { graceMs }),
  });
  empty(turn, agentId);
}

/** Tasks that were asked to stop stop nevertheless. */
function reactivate(turn: Turn, record: AgentRecord): void {
  if (!record.isDeactivated && record.draining === undefined) return;
  const { draining: _, ...rest } = record;
  const { agentId } = rest;
  put(turn, record, withoutEmptied({ ...rest, isDeactivated: false }));
  turn.state.marks.agent(agentId);
  report(turn, { type: 'agentReactivated', agentId });
}

function put({ state }: Turn, before: AgentRecord, after: AgentRecord): void {
  state.agents.put(after.agentId, after);
  state.books.agentChanged(before, after);
}

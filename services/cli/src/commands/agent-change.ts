// Owns `parley agent deactivate|drain|reactivate|gone`: what an operator decides about an agent. A drain waits until
// nothing runs on the agent any more, unless it is told not to.

import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import type { AgentId } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { confirm } from '../confirmation.ts';
import { askAtTerminal } from '../effects.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine } from '../print.ts';
import { currentContext } from './context.ts';

export type AgentChange = {
  readonly agentId: AgentId;
  readonly change: 'deactivate' | 'drain' | 'reactivate' | 'gone';
  /** Of a drain: for people. */
  readonly reason?: string;
  readonly graceMs?: number;
  readonly marksGone: boolean;
  readonly wait: boolean;
  readonly yes: boolean;
  readonly json: boolean;
};

const DONE = {
  deactivate: 'deactivated: nothing more is offered of it, its tasks go on',
  drain: 'draining: nothing more is offered of it, its tasks are asked to stop',
  reactivate: 'reactivated: it is offered again',
  gone: 'gone: its tasks are gone with it, and it is refused from now on',
  drained: 'drained: nothing runs on it any more',
  drainedAndGone:
    'drained and given up: nothing runs on it any more, and it is refused from now on',
} as const;
const REMEDY_OF_GONE =
  'that is for good: its host comes back under another id ("parley credential create agent NEW-ID")';
/** Beyond the grace. */
const WAIT_MS = 60_000;

export async function agentChangeCommand(
  surroundings: Surroundings,
  named: string | undefined,
  wanted: AgentChange,
): Promise<void> {
  const { agentId, change, json } = wanted;
  const context = await currentContext(surroundings, named);
  const done = await withOperator(context, async (link) => {
    const { state } = await link.load();
    if (!state.agents.has(agentId)) {
      throw new CommandFailure(EXIT.notFound, {
        what: `there is no agent ${agentId}`,
        remedy: 'see "parley agent list"',
      });
    }
    const tasks = state.books.agents.get(agentId)?.tasks.size ?? 0;
    await confirmEnd(surroundings, wanted, { cluster: context.name, tasks });
    const caller = { operator: link.operator };
    const asked = await link.callLeader(SUBJECTS.operatorAgent, caller, requestOf(wanted));
    if (!asked.ok) {
      const remedy = asked.failure.code === 'agentGone' ? REMEDY_OF_GONE : undefined;
      throw failureFromCluster(`agent ${agentId} was not changed`, asked.failure, { remedy });
    }
    return change === 'drain' && wanted.wait ? drained(link, wanted) : change;
  });
  if (json)
    printJson({ agentId, change, ...(change === 'drain' && { drained: done !== 'drain' }) });
  else printLine(`${agentId}: ${DONE[done]}`);
}

/** Only what cannot be taken back has to be confirmed. */
async function confirmEnd(
  { isTerminal }: Surroundings,
  { agentId, change, marksGone, yes }: AgentChange,
  { cluster, tasks }: { readonly cluster: string; readonly tasks: number },
): Promise<void> {
  if (change !== 'gone' && !(change === 'drain' && marksGone)) return;
  const command = change === 'gone' ? 'gone' : 'drain --mark-gone';
  await confirm(
    {
      warning: `this gives up agent ${agentId} of cluster ${cluster} for good, and the ${tasks} tasks on it`,
      word: agentId,
      command: `parley agent ${command} ${agentId}`,
    },
    { yes, isTerminal, ask: askAtTerminal },
  );
}

function requestOf({ agentId, change, reason, graceMs, marksGone }: AgentChange) {
  const emptying = { marksGone, ...(graceMs !== undefined && { graceMs }) };
  return {
    agentId,
    change,
    ...(reason !== undefined && { reason }),
    ...(change === 'drain' && { emptying }),
  };
}

/** One that is unreachable is not empty before it is back and has ended its tasks. */
async function drained(
  link: OperatorLink,
  { agentId, graceMs = 0, marksGone }: AgentChange,
): Promise<'drained' | 'drainedAndGone'> {
  await link.waitFor(
    ({ state }) => {
      const agent = state.agents.get(agentId);
      const isDone = agent === undefined || (marksGone ? agent.state === 'gone' : agent.isEmptied);
      return isDone === true ? true : undefined;
    },
    {
      timeoutMs: WAIT_MS + graceMs,
      what: `agent ${agentId} is draining, but tasks still run on it ("parley task list" names them)`,
    },
  );
  return marksGone ? 'drainedAndGone' : 'drained';
}

// Owns `parley agent deactivate|drain|reactivate|gone`: what an operator decides about an agent. A drain waits until
// nothing runs on the agent any more, unless it is told not to.
import type { AgentId } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { confirm } from '../confirmation.ts';
import { askAtTerminal } from '../effects.ts';
import { type OperatorLink, withOperator } from '../operator-link.ts';
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
    if (change === 'gone' || (change === 'drain' && wanted.marksGone)) {
      const tasks = state.books.agents.get(agentId)?.tasks.size ?? 0;
      const command = change === 'gone' ? 'gone' : 'drain --mark-gone';
      await confirm(
        {
          warning: `this gives up agent ${agentId} of cluster ${context.name} for good, and the ${tasks} tasks on it`,
          word: agentId,
          command: `parley agent ${command} ${agentId}`,
        },
        { yes: wanted.yes, isTerminal: surroundings.isTerminal, ask: askAtTerminal },
      );
    }
    const caller = { operator: link.operator };
    const asked = await link.callLeader(SUBJECTS.operatorAgent, caller, requestOf(wanted));
    if (!asked.ok) throw failureFromCluster(`agent ${agentId} was not changed`, asked.failure);
    return change === 'drain' && wanted.wait ? drained(link, wanted) : change;
  });
  if (json)
    printJson({ agentId, change, ...(change === 'drain' && { drained: done !== 'drain' }) });
  else printLine(`${agentId}: ${DONE[done]}`);
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

// Owns `parley agent deactivate|drain|reactivate|gone`: what an operator decides about an agent.

import type { AgentId } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { confirm } from '../confirmation.ts';
import { askAtTerminal } from '../effects.ts';
import { withOperator } from '../operator-link.ts';
import { printJson, printLine } from '../print.ts';
import { currentContext } from './context.ts';

export type AgentChange = {
  readonly agentId: AgentId;
  readonly change: 'deactivate' | 'drain' | 'reactivate' | 'gone';
  /** Of a drain: for people. */
  readonly reason?: string;
  readonly yes: boolean;
  readonly json: boolean;
};

const DONE = {
  deactivate: 'deactivated: nothing more is offered of it, its tasks go on',
  drain: 'draining: nothing more is offered of it, its tasks go on',
  reactivate: 'reactivated: it is offered again',
  gone: 'gone: its tasks are gone with it, and it is refused from now on',
} as const;

export async function agentChangeCommand(
  surroundings: Surroundings,
  named: string | undefined,
  { agentId, change, reason, yes, json }: AgentChange,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  await withOperator(context, async (link) => {
    const { state } = await link.load();
    if (!state.agents.has(agentId)) {
      throw new CommandFailure(EXIT.notFound, {
        what: `there is no agent ${agentId}`,
        remedy: 'see "parley agent list"',
      });
    }
    if (change === 'gone') {
      const tasks = state.books.agents.get(agentId)?.tasks.size ?? 0;
      await confirm(
        {
          warning: `this gives up agent ${agentId} of cluster ${context.name} for good, and the ${tasks} tasks on it`,
          word: agentId,
          command: `parley agent gone ${agentId}`,
        },
        { yes, isTerminal: surroundings.isTerminal, ask: askAtTerminal },
      );
    }
    const caller = { operator: link.operator };
    const request = { agentId, change, ...(reason !== undefined && { reason }) };
    const asked = await link.callLeader(SUBJECTS.operatorAgent, caller, request);
    if (!asked.ok) throw failureFromCluster(`agent ${agentId} was not changed`, asked.failure);
  });
  if (json) printJson({ agentId, change });
  else printLine(`${agentId}: ${DONE[change]}`);
}

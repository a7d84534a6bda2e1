// Owns how a command gets to the agent of a task: by the books of the cluster, or by the agent's name where they have
// forgotten the task, whose files may be kept longer than its record.

import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from './command-failure.ts';
import { currentContext } from './commands/context.ts';
import type { Surroundings } from './config.ts';
import { withOperator } from './operator-place.ts';
import { findAgentOf } from './task-table.ts';

export type TaskAddress = {
  readonly task: TaskRef;
  /** Where it ran, if whoever types knows. */
  readonly agent?: AgentId | undefined;
};

export type ReachedTask = {
  readonly link: OperatorLink;
  readonly task: TaskRef;
  readonly agentId: AgentId;
};

export async function withTask<Value>(
  surroundings: Surroundings,
  named: string | undefined,
  { task, agent }: TaskAddress,
  work: (reached: ReachedTask) => Promise<Value>,
): Promise<Value> {
  const context = await currentContext(surroundings, named);
  return withOperator(context, async (link) => {
    const agentId = agent ?? findAgentOf((await link.load()).state, task);
    if (agentId !== undefined) return work({ link, task, agentId });
    throw new CommandFailure(EXIT.notFound, {
      what: `there is no task ${taskKey(task)}`,
      why: 'it never was, or it ended too long ago',
      remedy:
        'see "parley task list --all"; if you know where it ran, add --agent AGENT: its files may be there still',
    });
  });
}

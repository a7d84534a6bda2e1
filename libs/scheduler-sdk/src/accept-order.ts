// Owns what a user asks for on offers, and the call that it becomes. Pure; whether the offers may be used is the ledger's.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AgentId, TaskId } from '@parley/protocol/ids';
import { describeIssues } from '@parley/protocol/message';
import {
  AcceptRequest,
  type Filter,
  type Offer,
  type Operation,
  type OperationInput,
} from '@parley/protocol/offers';
import type { TaskDescription } from '@parley/protocol/tasks';

export type AcceptOrder = {
  /** All of one role, of one agent or of several; at least one. */
  readonly offers: readonly Offer[];
  /** The plain form: these tasks on the one agent, before any other operation. */
  readonly launches?: readonly TaskDescription[];
  /** In order; each names its agent where the offers are of several. */
  readonly operations?: readonly OperationInput[];
  /** For what is left of the offers. */
  readonly filter?: Filter;
  /** All or nothing, over all agents. */
  readonly atomic?: boolean;
};

export type LaunchedTask = { readonly taskId: TaskId; readonly agentId: AgentId };

/** The call and the tasks in it. Fails with `malformed`; the message names the field. */
export function acceptRequest(
  order: AcceptOrder,
  first: Offer,
): Outcome<{ body: AcceptRequest; tasks: LaunchedTask[] }> {
  const { offers, launches = [], operations = [], filter, atomic } = order;
  const plain: OperationInput[] =
    launches.length === 0 ? [] : [{ kind: 'launch', tasks: [...launches] }];
  const parsed = AcceptRequest.safeParse({
    offerIds: offers.map(({ offerId }) => offerId),
    operations: [...plain, ...operations],
    filter,
    atomic,
  });
  if (!parsed.success) return fail('malformed', describeIssues('accept', parsed.error));
  return succeed({ body: parsed.data, tasks: tasksOf(parsed.data.operations, first.agentId) });
}

function tasksOf(operations: readonly Operation[], only: AgentId): LaunchedTask[] {
  return operations.flatMap((operation) => {
    if (operation.kind !== 'launch' && operation.kind !== 'launchGroup') return [];
    const agentId = operation.agentId ?? only;
    return operation.tasks.map(({ taskId }) => ({ taskId, agentId }));
  });
}

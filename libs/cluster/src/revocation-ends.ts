// Owns the end of revocations before their task's: nobody gains by it any more, and the task has not been made to stop.
// The course of one is in revocations.ts.
import type { AgentId } from '@parley/protocol/ids';
import { taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { tasksOn } from './agent-tasks.ts';
import { executorOfTask } from './executor-book.ts';
import { tellFramework } from './framework-events.ts';
import { isOffered } from './offered-agents.ts';
import type { RevocationRecord, TaskRecord } from './records.ts';
import { dropRevocation, revocationOf } from './revocation-book.ts';
import { wantsMore } from './revocation-checks.ts';
import { orderStop } from './stop-orders.ts';
import { report, type Turn } from './turn.ts';

/** At the end of an entry: nobody gains any more by what has changed in it. */
export function callOffUnneeded(turn: Turn): void {
  const { state } = turn;
  if (state.revocationIndex.isEmpty) return;
  for (const key of state.marks.frameworks.keys()) callOffUnwanted(turn, key);
  for (const agentId of state.marks.agents) callOffOn(turn, agentId);
}

function callOffUnwanted(turn: Turn, framework: string): void {
  const { state } = turn;
  for (const task of [...state.revocationIndex.inFavourOf(framework)]) {
    const record = state.revocations.get(task);
    if (record === undefined || wantsMore(state, record.beneficiary)) continue;
    callOff(turn, record, 'the beneficiary does not need it any more');
  }
}

function callOffOn(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  const agent = state.agents.get(agentId);
  if (agent !== undefined && isOffered(agent)) return;
  for (const { task } of tasksOn(state, agentId)) {
    const record = revocationOf(state, task);
    if (record === undefined) continue;
    if (agent?.state === 'gone') giveUp(turn, record, 'its agent is gone');
    else callOff(turn, record, 'nothing is offered of its agent');
  }
}

/** False when it is too late: the task is being ended. */
export function callOff(turn: Turn, record: RevocationRecord, why: string): boolean {
  const { state } = turn;
  const task = state.tasks.get(taskKey(record.task));
  if (task === undefined || task.kill !== undefined) return false;
  if (!mayGoOn(turn, record, task)) return false;
  const { agentId } = record;
  giveUp(turn, record, why);
  const { taskId } = record.task;
  tellFramework(turn, record.task, { kind: 'inverseOfferWithdrawn', taskId, agentId });
  if (record.phase === 'asked') orderStop(turn, task, { graceMs: 0, isCalledOff: true });
  return true;
}

/** Whatever the task does now: it is not waited for. */
export function giveUp(turn: Turn, record: RevocationRecord, why: string): void {
  dropRevocation(turn.state, record);
  const { task, agentId } = record;
  report(turn, { type: 'revocationCalledOff', task, agentId, why });
}

/** A command that was asked has been sent a signal, which nobody can take back. */
function mayGoOn({ state }: Turn, record: RevocationRecord, task: TaskRecord): boolean {
  switch (record.phase) {
    case 'told':
      return true;
    case 'asked':
      return (
        executorOfTask(state, task)?.description.kind === 'custom' &&
        record.answer?.kind !== 'stopping'
      );
    case 'killing':
      return false;
    default:
      return unreachable(record.phase);
  }
}

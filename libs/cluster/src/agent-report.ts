// Owns comparing what a registering agent says of tasks that the books know with what they say: the state after the same
// update, and what is held. Which tasks there are at all is compared in agents.ts, which repairs it.
import type { RegisterRequest } from '@parley/protocol/agents';
import { type AgentId, executorKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { isTerminal } from '@parley/protocol/tasks';
import { add, equals, normalise, trySubtract } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn } from './executor-book.ts';
import { effectiveState } from './leader-updates.ts';
import type { TaskRecord } from './records.ts';
import { heldBy } from './task-book.ts';

export type AgentComparison = {
  readonly tasks: readonly TaskRef[];
  /** By tasks and executors that both know, where it is not the same. */
  readonly held?: { readonly told: Resources; readonly known: Resources };
};

/** Before anything of the report is carried out. Undefined: there is no difference. */
export function compareAgent(
  state: ClusterState,
  agentId: AgentId,
  request: RegisterRequest,
): AgentComparison | undefined {
  const tasks = request.tasks.flatMap(({ task, state: told, lastSequence }) => {
    const known = state.tasks.get(taskKey(task));
    if (known?.agentId !== agentId || !isAfter(known, lastSequence)) return [];
    return told === known.state ? [] : [task];
  });
  const held = heldOtherwise(state, agentId, request);
  if (tasks.length === 0 && held === undefined) return undefined;
  return { tasks, ...(held !== undefined && { held }) };
}

/**
 * Both speak of the state after this update. Where the agent has said more its word is on its way, and where the books
 * have heard more its report is older; what the leader has said of a task meanwhile is its own.
 */
const isAfter = (known: TaskRecord, lastSequence: number): boolean =>
  lastSequence > 0 &&
  known.agentSequence === lastSequence &&
  known.masterSequence === 0 &&
  effectiveState(known) === known.state;

/** Where one knows of something that the other does not, there is nothing to compare: that is told as such. */
function heldOtherwise(
  state: ClusterState,
  agentId: AgentId,
  { total, free, tasks, executors }: RegisterRequest,
): AgentComparison['held'] {
  if (free === undefined) return undefined;
  const told = trySubtract(normalise(total), normalise(free));
  if (told === undefined) return undefined;
  const own = new Map(
    executorsOn(state, agentId).map((record) => [executorKey(record.executor), record]),
  );
  let known = NO_RESOURCES;
  for (const { task, state: named } of tasks) {
    if (isTerminal(named)) continue;
    const record = state.tasks.get(taskKey(task));
    if (record?.agentId !== agentId) return undefined;
    known = add(known, heldBy(record));
  }
  for (const executor of executors) {
    const record = own.get(executorKey(executor));
    if (record === undefined) return undefined;
    known = add(known, record.resources);
  }
  return equals(told, known) ? undefined : { told, known };
}

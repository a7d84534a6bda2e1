// Owns which revocations the books allow, and which tasks are worth proposing. The allocator may be stale or wrong: what
// it names is checked at its place in the journal, like every proposal.
import { frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type {
  CandidatesQuestion,
  RevocableTask,
  Revocation,
  Sharer,
} from '@parley/protocol/revocations';
import { isTerminal } from '@parley/protocol/tasks';
import type { ClusterState } from './cluster-state.ts';
import { comesBackWith, membersOf } from './group-members.ts';
import { guaranteeObjection, roleAboveObjection } from './guarantees.ts';
import { effectiveState } from './leader-updates.ts';
import { promisedCount } from './needs.ts';
import { isOffered } from './offered-agents.ts';
import type { NeedRecord, TaskRecord } from './records.ts';
import { revocationOf } from './revocation-book.ts';
import { isRoleOrAbove } from './roles.ts';

/** Undefined: the rules allow it. */
export function revocationObjection(
  state: ClusterState,
  { task, agentId, beneficiary }: Revocation,
): string | undefined {
  const live = state.tasks.get(taskKey(task));
  if (live === undefined) return 'the task is not live';
  if (live.agentId !== agentId) return `the task is on agent ${live.agentId}`;
  if (!wantsMore(state, beneficiary)) return 'the beneficiary takes no offers in that role';
  return (
    taskObjection(state, live, beneficiary) ??
    guaranteeObjection(state, live) ??
    roleAboveObjection(state, live, { to: beneficiary.role })
  );
}

/** Of this framework in this role more could be launched than it has been offered room for. */
export function wantsMore(state: ClusterState, { framework, role }: Sharer): boolean {
  const record = state.frameworks.get(frameworkKey(framework));
  if (record?.state !== 'subscribed') return false;
  const own = record.roles.find((one) => one.role === role);
  if (own === undefined || own.isSuppressed) return false;
  const isOpen = ({ shape, count, revocable }: NeedRecord): boolean =>
    revocable !== 'only' && count > promisedCount(state, framework, { role, shape });
  return record.demand?.some((need) => need.role === role && isOpen(need)) ?? true;
}

/** What its agent can offer again, and to whom. */
function taskObjection(
  state: ClusterState,
  live: TaskRecord,
  beneficiary: Sharer,
): string | undefined {
  const { task, agentId } = live;
  if (live.revocable !== undefined) return 'it runs on what its agent alone takes back';
  if (frameworkKey(task) === frameworkKey(beneficiary.framework)) {
    return "it is the beneficiary's own";
  }
  const agent = state.agents.get(agentId);
  if (agent === undefined || !isOffered(agent)) return 'nothing is offered of its agent';
  const foreign = membersOf(state, live)
    .flatMap(({ reserved }) => reserved)
    .find((part) => !isRoleOrAbove(part.role, beneficiary.role));
  if (foreign !== undefined) return `it holds what is reserved for ${foreign.role}`;
  return membersOf(state, live)
    .map((member) => endObjection(state, member))
    .find((why) => why !== undefined);
}

/** Where one of a group is on its way out, all of it is. */
function endObjection(state: ClusterState, member: TaskRecord): string | undefined {
  const effective = effectiveState(member);
  if (isTerminal(effective) || effective === 'unreachable') return `it is ${effective}`;
  if (revocationOf(state, member.task) !== undefined) return 'it is being taken back already';
  if (member.kill !== undefined || member.state === 'killing') return 'it is being killed already';
  return undefined;
}

/**
 * The most expendable first: the lowest priority, then the youngest. At most as many as were asked for. What runs on
 * revocable resources gives nothing back that could be offered as anything else: its agent takes it back.
 */
export function revocationCandidates(
  state: ClusterState,
  { holders, beneficiary, limit }: Omit<CandidatesQuestion, 'question'>,
): RevocableTask[] {
  let kept: RevocableTask[] = [];
  for (const { framework, role } of holders) {
    for (const key of state.books.frameworks.get(frameworkKey(framework))?.tasks ?? []) {
      const task = state.tasks.get(key);
      if (task?.role !== role || !isWorthAsking(state, task)) continue;
      if (taskObjection(state, task, beneficiary) !== undefined) continue;
      kept.push(candidate(state, task));
      if (kept.length >= 2 * limit) kept = firstOf(kept, limit);
    }
  }
  return firstOf(kept, limit);
}

/** Of a group its first live task stands for all. */
function isWorthAsking(state: ClusterState, { group, task }: TaskRecord): boolean {
  const first = group?.find((taskId) => state.tasks.has(taskKey({ ...task, taskId })));
  return first === undefined || first === task.taskId;
}

/** A group matters as much as the one of its tasks that matters most. */
function candidate(state: ClusterState, task: TaskRecord): RevocableTask {
  const members = membersOf(state, task);
  return {
    task: task.task,
    agentId: task.agentId,
    role: task.role,
    resources: comesBackWith(state, task),
    isRevocable: false,
    priority: Math.max(...members.map(({ priority }) => priority ?? 0)),
    launchedAtMs: task.launchedAtMs,
  };
}

function firstOf(tasks: RevocableTask[], limit: number): RevocableTask[] {
  const sorted = tasks.sort(
    (a, b) => a.priority - b.priority || b.launchedAtMs - a.launchedAtMs || compare(a.task, b.task),
  );
  return sorted.slice(0, limit);
}

function compare(a: TaskRef, b: TaskRef): number {
  const [left, right] = [taskKey(a), taskKey(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

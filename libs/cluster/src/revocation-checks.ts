// Owns which revocations the books allow. The allocator may be stale or wrong: what it names is checked at its place in
// the journal, like every proposal. Which tasks are worth proposing is in revocation-candidates.ts.
import { frameworkKey, type RoleName, taskKey } from '@parley/protocol/ids';
import type { Revocation, Sharer } from '@parley/protocol/revocations';
import { isTerminal } from '@parley/protocol/tasks';
import type { ClusterState } from './cluster-state.ts';
import { membersOf } from './group-members.ts';
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
  return holdingObjection(state, live, beneficiary.role);
}

/** Why a task on an agent that is offered gives nothing back to somebody in the role. Where one of a group is on its way out, all of it is. */
export function holdingObjection(
  state: ClusterState,
  live: TaskRecord,
  to: RoleName,
): string | undefined {
  if (live.group === undefined) return memberObjection(state, live, to);
  return membersOf(state, live)
    .map((member) => memberObjection(state, member, to))
    .find((why) => why !== undefined);
}

function memberObjection(
  state: ClusterState,
  member: TaskRecord,
  to: RoleName,
): string | undefined {
  const foreign = member.reserved.find((part) => !isRoleOrAbove(part.role, to));
  if (foreign !== undefined) return `it holds what is reserved for ${foreign.role}`;
  const effective = effectiveState(member);
  if (isTerminal(effective) || effective === 'unreachable') return `it is ${effective}`;
  if (revocationOf(state, member.task) !== undefined) return 'it is being taken back already';
  if (member.kill !== undefined || member.state === 'killing') return 'it is being killed already';
  return undefined;
}

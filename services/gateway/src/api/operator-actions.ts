// Owns the changes that the API makes as an operator does: each is a call to the leader, and has an equal command line, which
// is answered with it so that people learn it.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { type Outcome, succeed } from '@parley/protocol/errors';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { SharingChange } from '@parley/protocol/operators';
import { SUBJECTS } from '@parley/protocol/subjects';
import { formatAmount } from '@parley/resources/format';

export type ActionLink = Pick<OperatorLink, 'callLeader' | 'operator'>;
export type Done = {
  /** The same, typed. */
  readonly command: string;
  /** Of a kill: what became of it, as the leader says. */
  readonly status?: string;
};
type RoleChange = Extract<SharingChange, { kind: 'role' }>;

export async function killTask(
  link: ActionLink,
  task: TaskRef,
  graceMs: number | undefined,
): Promise<Outcome<Done>> {
  const body = { task, ...(graceMs !== undefined && { graceMs }) };
  const asked = await link.callLeader(SUBJECTS.operatorKill, caller(link), body);
  if (!asked.ok) return asked;
  const grace = graceMs === undefined ? '' : ` --grace ${graceMs}ms`;
  return succeed({
    command: `parley task kill ${taskKey(task)}${grace}`,
    status: asked.value.status.state,
  });
}

export async function tearDown(link: ActionLink, framework: FrameworkRef): Promise<Outcome<Done>> {
  const asked = await link.callLeader(SUBJECTS.operatorTeardown, caller(link), { framework });
  if (!asked.ok) return asked;
  return succeed({ command: `parley framework teardown ${frameworkKey(framework)}` });
}

/** Of a drain its tasks are asked to stop. */
export async function changeAgent(
  link: ActionLink,
  agentId: AgentId,
  change: 'drain' | 'deactivate' | 'reactivate',
): Promise<Outcome<Done>> {
  const emptying = change === 'drain' ? { emptying: { marksGone: false } } : {};
  const body = { agentId, change, ...emptying };
  const asked = await link.callLeader(SUBJECTS.operatorAgent, caller(link), body);
  return asked.ok ? succeed({ command: `parley agent ${change} ${agentId}` }) : asked;
}

/** Null sets back to the default. `force`: though it does not fit the cluster as it is. */
export async function changeRole(
  link: ActionLink,
  change: RoleChange,
  force: boolean,
): Promise<Outcome<Done>> {
  const body = { changes: [change], force };
  const asked = await link.callLeader(SUBJECTS.operatorSharing, caller(link), body);
  return asked.ok ? succeed({ command: commandOf(change, force) }) : asked;
}

const caller = ({ operator }: ActionLink) => ({ operator });

function commandOf({ role, weight, guarantee, limit }: RoleChange, force: boolean): string {
  const commands: string[] = [];
  const quota = [
    ...(guarantee === undefined ? [] : [`--guarantee ${amountWords(guarantee)}`]),
    ...(limit === undefined ? [] : [`--limit ${amountWords(limit)}`]),
  ];
  const forced = force ? ' --force' : '';
  if (quota.length > 0) commands.push(`parley quota set ${role} ${quota.join(' ')}${forced}`);
  if (weight === null) commands.push(`parley weight clear ${role}`);
  else if (weight !== undefined) commands.push(`parley weight set ${role} ${formatAmount(weight)}`);
  return commands.join(' && ');
}

/** As `parley` reads them: `cpus=2.5,mem=4096`. */
function amountWords(amounts: Readonly<Record<string, number>> | null): string {
  if (amounts === null) return 'none';
  return Object.entries(amounts)
    .map(([name, amount]) => `${name}=${formatAmount(amount)}`)
    .join(',');
}

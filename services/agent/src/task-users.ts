// Owns which users of this host tasks may name: those that the agent's command line lists, with the numbers that the host
// gives them when the agent starts. What such a user may do is the host's.
import { runCommand } from '@parley/isolation/run-command';
import type { Owner } from '@parley/isolation/sandbox';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { UserName } from '@parley/protocol/user-name';
import type { UserRange } from './framework-users.ts';

/** `NAME[,NAME...]`, or `none`. Fails with `malformed`. */
export function readTaskUsers(text: string | undefined): Outcome<readonly string[]> {
  if (text === undefined || text === 'none') return succeed([]);
  const names = text.split(',');
  const wrong = names.find((name) => !UserName.safeParse(name).success);
  return wrong === undefined
    ? succeed([...new Set(names)])
    : fail('malformed', `--task-users: ${JSON.stringify(wrong)} is no user's name`);
}

/**
 * Asks the host, wherever it keeps its users (getent(1)), in the namespaces that tasks run in. Fails with `notPermitted`
 * where one is not there, or has a number that is set aside for frameworks.
 */
export async function findTaskUsers(
  names: readonly string[],
  range: UserRange,
  enterCommand: readonly string[],
): Promise<Outcome<ReadonlyMap<string, Owner>>> {
  const users = new Map<string, Owner>();
  for (const name of names) {
    const { stdout } = await runCommand([...enterCommand, 'getent', 'passwd', name]);
    const [, , userId = '', groupId = ''] = stdout.split(':');
    if (!/^\d+$/.test(userId) || !/^\d+$/.test(groupId)) {
      return fail('notPermitted', `--task-users: this host has no user ${name}`);
    }
    const owner = { userId: Number(userId), groupId: Number(groupId) };
    if (owner.userId >= range.first && owner.userId <= range.last) {
      const why = `has number ${userId}, which is of those for frameworks (--user-range)`;
      return fail('notPermitted', `--task-users: ${name} ${why}`);
    }
    users.set(name, owner);
  }
  return succeed(users);
}

// Owns reading what the command line says about how tasks are confined. Failures are `malformed` and name the option.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { UserRange } from './framework-users.ts';
import { readTaskUsers } from './task-users.ts';

export type ConfinementChoice = {
  /**
   * `default`: another user for each framework, and namespaces of its own for files and processes. `inScopes`: the same, but
   * not for plain processes, which is what counts when nothing is said.
   */
  readonly policy: 'default' | 'inScopes' | 'none';
  readonly users: UserRange;
  /** Names of users of this host that tasks may name. */
  readonly taskUsers: readonly string[];
  /** `default`: those that ordinary programs do not need are refused. */
  readonly syscalls: 'default' | 'none';
  readonly hide: readonly string[];
  readonly show: readonly string[];
};

export const CONFINEMENT_OPTIONS = {
  confine: { type: 'string' },
  'confine-syscalls': { type: 'string', default: 'default' },
  'user-range': { type: 'string' },
  'task-users': { type: 'string' },
  'confine-hide': { type: 'string', multiple: true },
  'confine-show': { type: 'string', multiple: true },
} as const;

export const CONFINEMENT_USAGE = `  --confine POLICY      default: tasks of different frameworks cannot see each other's files,
                        processes and environment, nor the agent's files; they need bubblewrap.
                        none: they see and may do what the agent does. When left out: default,
                        but none with --isolation process
  --confine-syscalls FILTER
                        default: confined tasks cannot make system calls that mount, make
                        namespaces, load code into the kernel and the like. none: no filter
  --user-range FIRST-LAST
                        of the user and group numbers that an agent which is root gives to
                        frameworks, one each (1900000000-1900065535); none may be anybody else's
  --task-users NAME[,NAME...]
                        users of this host that tasks may name to run as, with all that they
                        may do here (none); needs root
  --confine-hide PATH   a directory or file that no task sees; may be repeated
  --confine-show PATH   a directory that tasks see all the same, read-only, where it lies in a
                        hidden one, or one that only root passes; may be repeated`;

/** Nobody's by the rules of systemd (systemd.io, "Users, Groups, UIDs and GIDs on systemd Systems"). */
const DEFAULT_USERS: UserRange = { first: 1_900_000_000, last: 1_900_065_535 };
/** 2³² - 1 and 2³¹ and above mean something else to some programs. */
const LAST_USER = 2 ** 31 - 2;

const CHOICES = ['default', 'none'] as const;

type Values = {
  readonly confine?: string | undefined;
  readonly 'confine-syscalls'?: string;
  readonly 'user-range'?: string | undefined;
  readonly 'task-users'?: string | undefined;
  readonly 'confine-hide'?: readonly string[] | undefined;
  readonly 'confine-show'?: readonly string[] | undefined;
};

export function readConfinement(values: Values): Outcome<ConfinementChoice> {
  const { confine } = values;
  const policy = confine === undefined ? 'inScopes' : CHOICES.find((one) => one === confine);
  if (policy === undefined) return fail('malformed', '--confine is one of default, none');
  const syscalls = CHOICES.find((one) => one === (values['confine-syscalls'] ?? 'default'));
  if (syscalls === undefined) {
    return fail('malformed', '--confine-syscalls is one of default, none');
  }
  const users = readRange(values['user-range']);
  if (!users.ok) return users;
  const taskUsers = readTaskUsers(values['task-users']);
  if (!taskUsers.ok) return taskUsers;
  const { 'confine-hide': hide = [], 'confine-show': show = [] } = values;
  return succeed({ policy, users: users.value, taskUsers: taskUsers.value, syscalls, hide, show });
}

function readRange(text: string | undefined): Outcome<UserRange> {
  if (text === undefined) return succeed(DEFAULT_USERS);
  const found = /^(\d{1,10})-(\d{1,10})$/.exec(text);
  const [first, last] = [Number(found?.[1]), Number(found?.[2])];
  // Root is no framework's user, and NaN is not in any range.
  if (first >= 1 && first <= last && last <= LAST_USER) return succeed({ first, last });
  return fail('malformed', `--user-range takes FIRST-LAST, of 1 to ${LAST_USER}`);
}

// Owns how task ids are made of a key and an attempt, and read again: so a scheduler that takes over knows whose task it is
// from the id alone. Ids of another form belong to nobody here.
import { createHash } from 'node:crypto';
import { TaskId } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';

/** Keys that stand in ids as they are; all others are hashed. 40 + 1 + 12 + 1 + 6 + 1 + 3 = 64 characters at most. */
const PLAIN_KEY = /^[A-Za-z0-9_-]{1,40}$/;
const HASHED_PREFIX = 'h_';
const HASHED_DIGITS = 32;
const INCARNATION = /^[0-9a-z]{1,12}$/;
const MAX_ATTEMPT = 999_999;
const MAX_MEMBER = 999;
/** Numbers as `taskIdOf` writes them, so that an id is made again of what was read of it. */
const TASK_ID =
  /^([A-Za-z0-9_-]{1,40})-([0-9a-z]{1,12})-(0|[1-9][0-9]{0,5})(?:x(0|[1-9][0-9]{0,2}))?$/;

export type TaskName = {
  readonly token: string;
  /** Of the scheduler that launched it: numbers of attempts begin anew with each. */
  readonly incarnation: string;
  readonly attempt: number;
  /** Of a task of a group: its place in it. */
  readonly member?: number | undefined;
};

/** Different keys have different tokens (as far as SHA-256 goes). */
export function keyToken(key: string): string {
  if (PLAIN_KEY.test(key) && !key.startsWith(HASHED_PREFIX)) return key;
  const digits = createHash('sha256').update(key).digest('hex').slice(0, HASHED_DIGITS);
  return `${HASHED_PREFIX}${digits}`;
}

export function taskIdOf({ token, incarnation, attempt, member }: TaskName): TaskId {
  assert(INCARNATION.test(incarnation), 'an incarnation is 1 to 12 of 0-9 a-z');
  assert(attempt <= MAX_ATTEMPT && (member ?? 0) <= MAX_MEMBER, 'attempts and members are few');
  const suffix = member === undefined ? '' : `x${member}`;
  return TaskId.parse(`${token}-${incarnation}-${attempt}${suffix}`);
}

/** Undefined for an id that was not made here. */
export function readTaskId(taskId: string): TaskName | undefined {
  const [, token, incarnation, attempt, member] = TASK_ID.exec(taskId) ?? [];
  if (token === undefined || incarnation === undefined || attempt === undefined) return undefined;
  return {
    token,
    incarnation,
    attempt: Number(attempt),
    member: member === undefined ? undefined : Number(member),
  };
}

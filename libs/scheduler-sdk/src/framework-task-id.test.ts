// Owns the rules of task ids: safe, short, and read back to what they were made of.
import { TaskId } from '@parley/protocol/ids';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyToken, readTaskId, taskIdOf } from './framework-task-id.ts';

describe('a task id', () => {
  it('holds a key that is a token as it is', () => {
    const name = { token: keyToken('job-9'), incarnation: 't0abc', attempt: 2 };
    expect(taskIdOf(name)).toBe('job-9-t0abc-2');
    expect(taskIdOf({ ...name, member: 1 })).toBe('job-9-t0abc-2x1');
  });

  it('is valid for every key, and read back to key, incarnation, attempt and member (property)', () => {
    const part = {
      key: fc.string({ maxLength: 200 }),
      attempt: fc.integer({ min: 1, max: 999_999 }),
      member: fc.option(fc.integer({ min: 0, max: 63 }), { nil: undefined }),
    };
    fc.assert(
      fc.property(fc.record(part), ({ key, attempt, member }) => {
        const name = { token: keyToken(key), incarnation: 'zzzzzzzzzzzz', attempt, member };
        const taskId = taskIdOf(name);
        expect(TaskId.safeParse(taskId).success).toBe(true);
        expect(readTaskId(taskId)).toEqual(name);
      }),
    );
  });

  it('of another key is another one, also where a key looks like a hashed one', () => {
    const odd = 'a key with blanks';
    expect(keyToken(odd)).not.toBe(odd);
    expect(keyToken(keyToken(odd))).not.toBe(keyToken(odd));
    expect(keyToken('x'.repeat(41))).not.toBe(keyToken('x'.repeat(42)));
  });

  it('of another form is nobody’s', () => {
    for (const taskId of [
      ...['m0-1', 'job', 'job-T0-1', 'job-t0-x1', 'job-t0-1x'],
      ...['job-t0-01', 'job-t0-1x01', 'job-t0-1x1000'],
    ])
      expect(readTaskId(taskId)).toBeUndefined();
  });
});

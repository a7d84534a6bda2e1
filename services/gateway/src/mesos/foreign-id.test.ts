import { TaskId } from '@parley/protocol/ids';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foreignIdFault, foreignIdOf, isDigest, ownIdOf } from './foreign-id.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 255 }),
  fc.string({
    unit: fc.constantFrom('a', 'Z', '_', '-', '.', ':', '/', '\u0000', 'e', 'd'),
    maxLength: 80,
  }),
  fc
    .string({ unit: fc.constantFrom('_', 'e', 'd', 'p', '5', 'f'), maxLength: 70 })
    .map((s) => `__e_${s}`),
);

describe('ids of Mesos frameworks', () => {
  test('each becomes a token, and the token becomes the id again', () => {
    fc.assert(
      fc.property(text, (foreign) => {
        const id = ownIdOf(foreign);
        expect(TaskId.safeParse(id).success).toBe(true);
        expect(ownIdOf(foreign)).toBe(id);
        expect(foreignIdOf(id, 'something else', foreign)).toBe(foreign);
        if (!isDigest(id)) expect(foreignIdOf(id)).toBe(foreign);
      }),
    );
  });

  test('two of them never become the same token', () => {
    fc.assert(
      fc.property(fc.tuple(text, text), ([one, other]) => {
        expect(ownIdOf(one) === ownIdOf(other)).toBe(one === other);
      }),
    );
  });

  test('what is a token stays as it is, unless it looks like one that was made here', () => {
    expect(ownIdOf('task-1_b')).toBe('task-1_b');
    expect(ownIdOf('a'.repeat(64))).toBe('a'.repeat(64));
    expect(ownIdOf('__e_x')).not.toBe('__e_x');
    expect(ownIdOf('app.web:1')).toBe('__e_app_pweb_k1');
  });

  test('an id that was not made here reads as it is', () => {
    for (const id of ['plain', '__e_broken_', '__e_a_5', '__e__41', '__d_unknown']) {
      expect(foreignIdOf(id, 'kept')).toBe(id);
    }
  });

  test.each(['', '.', '..', 'a b', 'a/b', 'a\\b', 'a\u0007', 'x'.repeat(256), '\ud800'])(
    'Mesos takes no %j',
    (id) => expect(foreignIdFault(id)).toBeTypeOf('string'),
  );

  test.each(['a', 'a.b', 'täsk', 'x'.repeat(255), 'a@b:c'])('Mesos takes %j', (id) =>
    expect(foreignIdFault(id)).toBeUndefined(),
  );
});

// Tests of the users' file and of how secrets in it are kept.
import { describe, expect, test } from 'vitest';
import { parseUsers, writeUsers } from './gateway-users.ts';
import { fitsPassword, hashPassword, hashToken } from './secret-hash.ts';

const salt = Buffer.alloc(16, 7);
const password = `scrypt:32768:8:3:${'A'.repeat(22)}:${'B'.repeat(43)}`;
const olga = { name: 'olga', password, permissions: ['view', 'operate'] };
const parse = (...users: unknown[]) => parseUsers('users.json', JSON.stringify({ users }));
const why = (...users: unknown[]): string => {
  const outcome = parse(...users);
  return outcome.ok ? 'fine' : outcome.failure.message;
};

test('what is written is read', () => {
  const users = parse(olga, {
    name: 'ci@example.org',
    tokens: [{ name: 'laptop', sha256: hashToken('x') }],
    principal: 'batch',
    permissions: ['framework'],
  });
  if (!users.ok) throw new Error(users.failure.message);
  expect(parseUsers('again', writeUsers(users.value))).toStrictEqual(users);
});

describe('what is wrong is said of the user and the field', () => {
  test.each([
    [{ ...olga, name: 'a:b' }, 'user "a:b", name: must be 1 to 64 characters'],
    [{ ...olga, permissions: ['rule'] }, 'user "olga", permissions.0: Invalid option'],
    [{ ...olga, permissions: [] }, 'user "olga", permissions: must name at least one'],
    [{ ...olga, permissions: ['framework'] }, 'user "olga", principal: is missing'],
    [{ ...olga, password: 'secret' }, 'user "olga", password: must be such as scrypt:'],
    [{ ...olga, passwort: 1 }, 'user "olga": Unrecognized key: "passwort"'],
    [{ permissions: ['view'] }, 'user 1, name: '],
  ])('%j', (user, sentence) => {
    expect(why(user)).toContain(`users.json: ${sentence}`);
  });

  test('a name or a token that stands twice', () => {
    expect(why(olga, olga)).toContain('user "olga", name: stands for another user already');
    const tokens = [{ name: 'a', sha256: hashToken('x') }];
    expect(why({ ...olga, tokens }, { ...olga, name: 'b', tokens })).toContain('user "b", tokens:');
  });

  test('text that is no JSON', () => {
    expect(parseUsers('f', '{')).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  });
});

test.each([
  'scrypt:33333:8:3', // no power of two
  'scrypt:4194304:8:3', // 4 GiB
  'scrypt:32768:8:99',
  'scrypt:32768:0:1',
])('a hash that would cost too much or nothing is refused: %s', (numbers) => {
  const hash = `${numbers}:${'A'.repeat(22)}:${'B'.repeat(43)}`;
  expect(why({ ...olga, password: hash })).toContain('password');
});

test('a password fits its hash alone, however its accents are written, and nothing fits nobody', async () => {
  const hash = await hashPassword('caf\u00e9', salt);
  expect(why({ ...olga, password: hash })).toBe('fine');
  expect(await fitsPassword('cafe\u0301', hash)).toBe(true);
  expect(await fitsPassword('cafe', hash)).toBe(false);
  expect(await fitsPassword('', undefined)).toBe(false);
});

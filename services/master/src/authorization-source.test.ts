// Tests of how the rules in force follow their file.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { createLogger } from '@parley/telemetry/logger';
import { expect, it } from 'vitest';
import { AuthorizationRules } from './authorization.ts';
import { AuthorizationSource } from './authorization-source.ts';

const deny = AuthorizationRules.parse({ rules: [], otherwise: 'deny' });
const allow = AuthorizationRules.parse({ rules: [], otherwise: 'allow' });

function aLog() {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger({ service: 'master', actorId: 'm1', destination }) };
}

it('a bad file keeps the rules of before, and says so', async () => {
  const { lines, logger } = aLog();
  let file: Outcome<AuthorizationRules> = succeed(deny);
  const source = new AuthorizationSource(async () => file, logger);
  await source.reload();
  expect(source.rules()).toBe(deny);
  file = fail('malformed', 'rules.json: line 7: not JSON');
  expect(await source.reload()).toMatchObject({ ok: false });
  expect(source.rules()).toBe(deny);
  expect(lines.at(-1)).toContain('the old rules stay');
  expect(lines.at(-1)).toContain('line 7');
  file = succeed(allow);
  await source.reload();
  expect(source.rules()).toBe(allow);
});

it('a bad file at the start is a failure, and there are no rules', async () => {
  const { logger } = aLog();
  const source = new AuthorizationSource(async () => fail('malformed', 'no'), logger);
  expect(await source.reload()).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  expect(source.rules()).toBeUndefined();
});

it('without a file there are no rules, however often it is told to read', async () => {
  const { logger } = aLog();
  const source = new AuthorizationSource(undefined, logger);
  expect(await source.reload()).toMatchObject({ ok: true });
  expect(source.rules()).toBeUndefined();
});

it('of two readings at a time the later one counts, whichever ends first', async () => {
  const { logger } = aLog();
  const slow = Promise.withResolvers<Outcome<AuthorizationRules>>();
  const files = [slow.promise, Promise.resolve(succeed(allow))];
  const source = new AuthorizationSource(() => files.shift() ?? slow.promise, logger);
  const first = source.reload();
  await source.reload();
  slow.resolve(succeed(deny));
  await first;
  expect(source.rules()).toBe(allow);
});

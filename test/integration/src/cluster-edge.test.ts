// Tests of the edge of a real master and of what operators do there: rules from a file that is read again, rate limits,
// and the command line that looks at a framework and ends it. No agents: nothing here runs a task.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Failure } from '@parley/protocol/errors';
import { FrameworkId, RoleName } from '@parley/protocol/ids';
import { type Answer, encodeMessage } from '@parley/protocol/message';
import type { BodyOf, SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from './cluster-caller.ts';
import { alice, ClusterFixture, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ClusterTerminal, type Typed } from './cluster-terminal.ts';

const CALLS_PER_SECOND = 50;

const fixture = new ClusterFixture();
const rulesFile = path.join(fixture.directory, 'rules.json');
let connection: NatsConnection;
let terminal: ClusterTerminal;
let counter = 0;

const rules = (...denied: string[]) =>
  JSON.stringify({
    rules: [
      {
        name: 'reserved-roles',
        principals: ['*'],
        actions: ['subscribe', 'update'],
        objects: { roles: denied },
        allow: false,
      },
    ],
    otherwise: 'allow',
  });

beforeAll(async () => {
  await fixture.startServer();
  await fixture.provision();
  writeFileSync(rulesFile, rules('ops'));
  const master = fixture
    .service('master-1')
    .start(
      ...['--authorization', rulesFile],
      ...['--calls-per-second', String(CALLS_PER_SECOND), '--outstanding-calls', '50'],
    );
  await master.says('term begins');
  connection = await fixture.connect('principal', alice);
  terminal = new ClusterTerminal(fixture);
}, TEST_TIMEOUT_MS);

afterAll(() => fixture.close());

const aFramework = (id: string) => ({ principal: alice, frameworkId: FrameworkId.parse(id) });

function call<Entry extends SubjectEntry>(
  entry: Entry,
  id: string,
  body: BodyOf<Entry>,
  frameworkSession = 0,
): Promise<Answer> {
  counter += 1;
  const request = { session: 'by-hand', counter, lowest: 1 };
  const message = encodeMessage<SubjectEntry>(entry, cluster, aFramework(id), body, {
    request,
    ...(frameworkSession > 0 && { frameworkSession }),
  });
  return ask(connection, entry, message.subject, message.bytes);
}

const READY_MS = 10_000;

/** As any client does, it asks again while the leader is not ready. */
async function subscribe(id: string, ...roles: string[]): Promise<Answer> {
  const names = roles.map((role) => RoleName.parse(role));
  const body = SUBJECTS.subscribe.body.parse({ name: id, roles: names });
  const untilMs = Date.now() + READY_MS;
  for (;;) {
    const answer = await call(SUBJECTS.subscribe, id, body);
    if (answer.ok || answer.failure.code !== 'unavailable' || Date.now() > untilMs) return answer;
    await wait(100);
  }
}

async function subscribed(id: string, role: string): Promise<number> {
  const answer = await subscribe(id, role);
  if (!answer.ok) throw new Error(answer.failure.message);
  return SUBJECTS.subscribe.reply?.parse(answer.value).session ?? 0;
}

const parley = (...words: string[]): Promise<Typed> => terminal.type(...words);

test(
  'a rule denies a role, by name, until the file says otherwise and the master is told to read it; a bad file changes nothing',
  async () => {
    const master = fixture.service('master-1');
    const denied = await subscribe('edge-1', 'eng', 'ops');
    expect(denied).toMatchObject({ ok: false, failure: { code: 'notPermitted' } });
    expect(JSON.stringify(denied)).toContain('reserved-roles');
    await master.says('"msg":"call refused"');

    writeFileSync(rulesFile, rules('eng').replace('"allow":false', '"allow":'));
    master.signal('SIGHUP');
    await master.says('the old rules stay');
    expect(await subscribe('edge-1', 'ops')).toMatchObject({ failure: { code: 'notPermitted' } });

    const times = master.count('authorization rules read');
    writeFileSync(rulesFile, rules('eng'));
    master.signal('SIGHUP');
    await master.says('authorization rules read', times);
    expect(await subscribe('edge-1', 'ops')).toMatchObject({ ok: true });
    expect(await subscribe('edge-2', 'eng/search')).toMatchObject({
      failure: { code: 'notPermitted' },
    });
    expect(master.isRunning).toBe(true);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a master with a bad file does not start, and says which line is wrong',
  async () => {
    const bad = path.join(fixture.directory, 'bad.json');
    writeFileSync(bad, '{\n  "rules": [],\n  "otherwise": nobody\n}\n');
    const twin = fixture.twinOf('master-1').start('--authorization', bad);
    await twin.says(`${bad}: line 3`);
    await until(
      () => !twin.isRunning,
      () => 'the master leaves by itself',
    );
    expect(await twin.end('SIGTERM')).toBe(2);
  },
  TEST_TIMEOUT_MS,
);

test(
  'what a principal calls too often is answered with the time to wait, all of it, and a teardown passes meanwhile',
  async () => {
    const session = await subscribed('edge-3', 'ops');
    const answers = await Promise.all(
      Array.from({ length: 4 * CALLS_PER_SECOND }, () =>
        call(SUBJECTS.resync, 'edge-3', {}, session),
      ),
    );
    const failures = answers.flatMap((answer): Failure[] => (answer.ok ? [] : [answer.failure]));
    expect(failures.length).toBeGreaterThan(CALLS_PER_SECOND);
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['rateLimited']));
    expect(failures.every(({ retryAfterMs }) => (retryAfterMs ?? 0) > 0)).toBe(true);
    expect(await call(SUBJECTS.teardown, 'edge-3', {}, session)).toMatchObject({ ok: true });
    await fixture.service('master-1').says('"by":"rate limit"');
  },
  TEST_TIMEOUT_MS,
);

test(
  'an operator sees a framework and its card, and ends it only when that is confirmed',
  async () => {
    await subscribed('edge-4', 'ops');
    const name = `${alice}/edge-4`;
    const listed = JSON.parse((await parley('framework', 'list', '--json')).stdout);
    expect(listed).toContainEqual(
      expect.objectContaining({ frameworkId: 'edge-4', roles: ['ops'], state: 'subscribed' }),
    );
    const inspected = JSON.parse((await parley('framework', 'inspect', name, '--json')).stdout);
    expect(inspected).toMatchObject({ state: 'subscribed', card: { offered: 0, launched: 0 } });
    expect((await parley('framework', 'inspect', name)).stdout).toContain('report card');

    const refused = await parley('framework', 'teardown', name);
    expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
    expect(refused.stderr).toContain(`parley framework teardown ${name} --yes`);
    expect(await parley('framework', 'teardown', name, '--yes')).toMatchObject({
      exitCode: 0,
      stdout: `${name}: removed; its 0 tasks are gone\n`,
    });
    expect(await subscribe('edge-4', 'ops')).toMatchObject({
      failure: { code: 'frameworkRemoved' },
    });
    expect((await parley('framework', 'inspect', name)).stdout).toContain(
      'removed (teardownByOperator)',
    );
    expect(await parley('framework', 'teardown', name, '--yes')).toMatchObject({ exitCode: 3 });
  },
  TEST_TIMEOUT_MS,
);

test(
  'what an operator names and is not there is said so',
  async () => {
    const nobody = await parley('task', 'kill', `${alice}/edge-1/t1`, '--yes');
    expect(nobody).toMatchObject({ exitCode: 3 });
    expect(nobody.stderr).toContain('is not known to the cluster');
    expect(await parley('agent', 'gone', 'a9', '--yes')).toMatchObject({ exitCode: 3 });
    expect(await parley('framework', 'inspect', `${alice}/edge-9`)).toMatchObject({ exitCode: 3 });
  },
  TEST_TIMEOUT_MS,
);

test('a role that is taken away from a principal is refused soon after, though it was allowed before', async () => {
  expect(await subscribe('before', 'wide')).toMatchObject({ ok: true });
  await fixture.allow(alice, 'narrow');
  let last: Answer | undefined;
  await until(
    async () => {
      last = await subscribe(`after-${counter}`, 'wide');
      return !last.ok && last.failure.code === 'notPermitted';
    },
    () => `the role is refused; ${JSON.stringify(last)}`,
  );
  expect(await subscribe('inside', 'narrow')).toMatchObject({ ok: true });
  await fixture.allow(alice, '*');
});

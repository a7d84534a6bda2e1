// Tests the way in as a whole, with the server that it guards: passwords, tokens, sessions, links, changes by pages.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hashPassword, hashToken } from '@parley/operator-sdk/secret-hash';
import { createLogger } from '@parley/telemetry/logger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { newSecret } from '../effects.ts';
import { makeServer } from '../http-server.ts';
import { openGate } from './gate.ts';
import { permitted } from './permit.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'gate-'));
const usersFile = path.join(directory, 'users.json');
const signInFile = path.join(directory, 'sign-in.json');
const url = 'http://127.0.0.1:5050';
let password: string;
let nowMs = 0;
let server: FastifyInstance | undefined;

function writeFile(hash: string): void {
  const users = [
    { name: 'olga', password: hash, permissions: ['view', 'operate'] },
    { name: 'ci', tokens: [{ name: 'a', sha256: hashToken('tok') }], permissions: ['view'] },
  ];
  writeFileSync(usersFile, JSON.stringify({ users }), { mode: 0o600 });
}
beforeAll(async () => {
  password = await hashPassword('secret', Buffer.alloc(16));
});
afterEach(async () => await server?.close());
afterAll(() => rmSync(directory, { recursive: true }));

async function openServer(files: { usersFile?: string; signInFile?: string }) {
  writeFile(password);
  nowMs = 0;
  const config = {
    ...{ usersFile: undefined, signInFile: undefined, tls: undefined, ...files },
    hostNames: new Set<string>(),
  };
  const destination = { write: () => undefined };
  const logger = createLogger({ service: 'gateway', actorId: 'x', destination });
  const gate = openGate(config, { logger, nowMs: () => nowMs, newSecret });
  if (!gate.ok) throw new Error(gate.failure.message);
  const made = makeServer();
  server = made;
  gate.value.guard(made);
  made.register(async (group) => {
    group.addHook('onRequest', permitted(gate.value.access, { permission: 'operate' }));
    group.post('/change', async () => ({ done: true }));
    group.get('/sight', async () => ({ seen: true }));
  });
  gate.value.announce(url);
  const ask = async (
    method: 'GET' | 'POST',
    place: string,
    headers: object = {},
    body?: string,
  ) => {
    const all = { host: '127.0.0.1:5050', ...headers };
    return await made.inject({
      ...{ method, url: place, headers: all },
      ...(body !== undefined && { payload: body }),
    });
  };
  return { gate: gate.value, ask };
}
type Ask = Awaited<ReturnType<typeof openServer>>['ask'];

const basic = (pair: string) => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
});
const FORM = { 'content-type': 'application/x-www-form-urlencoded', origin: url };
const cookieIn = (answer: { headers: Record<string, unknown> }): string =>
  String(answer.headers['set-cookie']).split(';')[0] ?? '';
const signIn = async (ask: Ask): Promise<string> =>
  cookieIn(await ask('POST', '/sign-in', FORM, 'name=olga&password=secret&next=%2Fapp'));

describe('with a file of users', () => {
  test('a right password lets in, a wrong one and an unknown user get the same answer', async () => {
    const { ask } = await openServer({ usersFile });
    expect((await ask('POST', '/change', basic('olga:secret'))).statusCode).toBe(200);
    const wrong = await ask('POST', '/change', basic('olga:other'));
    const unknown = await ask('POST', '/change', basic('nobody:other'));
    const bodies = [wrong, unknown].map(({ statusCode, body }) => [statusCode, body]);
    expect(bodies[0]).toStrictEqual(bodies[1]);
    expect(wrong.statusCode).toBe(401);
  });

  test('an unknown user costs as much as a wrong password', async () => {
    const { ask } = await openServer({ usersFile });
    const costOf = async (pair: string): Promise<number> => {
      const { user, system } = process.cpuUsage();
      await ask('POST', '/change', basic(pair));
      const after = process.cpuUsage();
      return after.user + after.system - user - system;
    };
    const known = await costOf('olga:wrong');
    const unknown = await costOf('nobody:wrong');
    expect(unknown / known).toBeGreaterThan(0.5);
    expect(unknown / known).toBeLessThan(2);
  });

  test('what a password let in does not go on once its user has another, also when that came while it was let in', async () => {
    const { gate } = await openServer({ usersFile });
    const { access } = gate;
    const asks = (headers: object): FastifyRequest =>
      // What is asked of a request.
      ({ headers, ip: '127.0.0.1', socket: { localPort: 1 } }) as unknown as FastifyRequest;
    const request = asks(basic('olga:secret'));
    expect(await access.visitorOf(request)).toMatchObject({ ok: true });
    expect(access.stillBehind(request)()).toMatchObject({ name: 'olga' });
    writeFile(await hashPassword('another', Buffer.alloc(16)));
    nowMs += 2000;
    await access.visitorOf(asks({}));
    expect(access.stillBehind(request)()).toBeUndefined();
  });

  test('a token lets in with the permissions of its user', async () => {
    const { ask } = await openServer({ usersFile });
    const answer = await ask('POST', '/change', { authorization: 'Bearer tok' });
    expect([answer.statusCode, answer.json()]).toStrictEqual([
      403,
      { error: 'ci may not do this: it takes the permission "operate"' },
    ]);
  });

  test('after ten wrong tokens an address waits, and who is right does not', async () => {
    const { ask } = await openServer({ usersFile });
    const tryWrong = async () => await ask('GET', '/sight', { authorization: 'Bearer nope' });
    for (let count = 0; count < 10; count += 1) expect((await tryWrong()).statusCode).toBe(401);
    const late = await tryWrong();
    expect([late.statusCode, late.headers['retry-after']]).toStrictEqual([429, '6']);
    expect((await ask('GET', '/sight', { authorization: 'Bearer tok' })).statusCode).toBe(403);
    expect((await ask('GET', '/sight', basic('olga:secret'))).statusCode).toBe(429);
    nowMs = 6000;
    expect((await ask('GET', '/sight', basic('olga:secret'))).statusCode).toBe(200);
  });

  test('a browser gets a session that scripts cannot read, and goes on to where it wanted', async () => {
    const { ask } = await openServer({ usersFile });
    const form = await ask('GET', '/sign-in?next=%2Fapp');
    expect(form.body).toContain('name="next" value="/app"');
    const answer = await ask('POST', '/sign-in', FORM, 'name=olga&password=secret&next=%2Fapp');
    expect([answer.statusCode, answer.headers.location]).toStrictEqual([303, '/app']);
    const cookie = String(answer.headers['set-cookie']);
    expect(cookie).toMatch(/^parley-session-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await ask('GET', '/sight', { cookie: cookieIn(answer) })).statusCode).toBe(200);
  });

  test('a wrong password shows the form again; what was typed is no markup, and leads to no other site', async () => {
    const { ask } = await openServer({ usersFile });
    const fields = 'name=olga&password=x&next=%2F%2Fevil.example';
    const answer = await ask('POST', '/sign-in', FORM, fields);
    expect(answer.statusCode).toBe(403);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.body).toContain('role="alert"');
    expect(answer.body).toContain('name="next" value="/"');
    expect((await ask('GET', '/sign-in?next=/%22%3E%3Cscript%3E')).body).not.toContain('<script>');
  });

  test('a change by cookie takes the token that only our page knows', async () => {
    const { ask } = await openServer({ usersFile });
    const cookie = await signIn(ask);
    const { csrfToken } = (await ask('GET', '/v1/session', { cookie })).json();
    expect((await ask('POST', '/change', { cookie })).statusCode).toBe(403);
    const guessed = { cookie, 'x-parley-csrf': 'guessed' };
    expect((await ask('POST', '/change', guessed)).statusCode).toBe(403);
    const shown = { cookie, 'x-parley-csrf': csrfToken };
    expect((await ask('POST', '/change', shown)).statusCode).toBe(200);
    expect((await ask('POST', '/change', { ...shown, origin: 'http://evil' })).statusCode).toBe(
      403,
    );
  });

  test('signing out ends the session, for our page alone', async () => {
    const { ask } = await openServer({ usersFile });
    const cookie = await signIn(ask);
    expect((await ask('POST', '/sign-out', { ...FORM, cookie }, 'csrf=x')).statusCode).toBe(403);
    const { csrfToken } = (await ask('GET', '/v1/session', { cookie })).json();
    await ask('POST', '/sign-out', { ...FORM, cookie }, `csrf=${csrfToken}`);
    expect((await ask('GET', '/sight', { cookie })).statusCode).toBe(401);
  });

  test('a session ends when the password of its user changes', async () => {
    const { ask } = await openServer({ usersFile });
    const cookie = await signIn(ask);
    writeFile(await hashPassword('another', Buffer.alloc(16)));
    nowMs = 60_000;
    expect((await ask('GET', '/sight', { cookie })).statusCode).toBe(401);
  });

  test('a cookie of a session that is no more changes nothing for who shows a token', async () => {
    const { ask } = await openServer({ usersFile });
    const cookie = 'parley-session-0=old';
    const both = { cookie, ...basic('olga:secret') };
    expect((await ask('POST', '/change', both)).statusCode).toBe(200);
  });
});

describe('with a sign-in file', () => {
  const read = (): { link: string; token: string } => JSON.parse(readFileSync(signInFile, 'utf8'));
  const placeOf = (link: string): string => link.slice(url.length);

  test('only the user that runs the gateway can read it, and it is gone afterwards', async () => {
    const { gate } = await openServer({ signInFile });
    expect(statSync(signInFile).mode & 0o777).toBe(0o600);
    gate.close();
    expect(() => read()).toThrow();
  });

  test('nobody is let in without the link or the token', async () => {
    const { ask, gate } = await openServer({ signInFile });
    expect((await ask('GET', '/sight')).statusCode).toBe(401);
    const { token } = read();
    const bearer = { authorization: `Bearer ${token}` };
    expect((await ask('POST', '/change', bearer)).statusCode).toBe(200);
    gate.close();
  });

  test('the link signs in once, and the file has another then', async () => {
    const { ask, gate } = await openServer({ signInFile });
    const { link } = read();
    const first = await ask('GET', placeOf(link));
    expect(first.statusCode).toBe(200);
    expect((await ask('GET', '/sight', { cookie: cookieIn(first) })).statusCode).toBe(200);
    const again = await ask('GET', placeOf(link));
    expect([again.statusCode, again.headers['set-cookie']]).toStrictEqual([403, undefined]);
    expect((await ask('GET', placeOf(read().link))).statusCode).toBe(200);
    gate.close();
  });
});

describe('where nobody has to sign in', () => {
  test('requests are answered, those for another name and of other pages are not', async () => {
    const { ask } = await openServer({});
    expect((await ask('POST', '/change')).statusCode).toBe(200);
    expect((await ask('POST', '/change', { host: 'evil.example' })).statusCode).toBe(421);
    expect((await ask('POST', '/change', { origin: 'http://evil' })).statusCode).toBe(403);
    expect((await ask('GET', '/no-such-path', { host: 'evil.example' })).statusCode).toBe(421);
    expect((await ask('GET', '/v1/session')).json()).toMatchObject({ name: 'anybody' });
  });

  test('every answer carries the headers that bound what a page can do', async () => {
    const { ask } = await openServer({});
    for (const place of ['/sight', '/no-such-path']) {
      expect((await ask('GET', place)).headers).toMatchObject({
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
        'cross-origin-resource-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
    }
  });
});

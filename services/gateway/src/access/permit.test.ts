// Tests what is answered to whoever may not.

import { type AddressInfo, connect } from 'node:net';
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { openAccess } from './open-access.ts';
import { identified, permitted, visitorBehind } from './permit.ts';
import type { Permission, Visitor } from './visitor.ts';

function serverOf(visitor: Outcome<Visitor>) {
  const server = Fastify();
  const access = { ...openAccess, visitorOf: async () => visitor };
  server.addHook(
    'onRequest',
    permitted(access, { permission: 'operate', realm: 'mesos-master-readwrite' }),
  );
  server.post('/change', async (request) => ({ by: visitorBehind(request).name }));
  return server;
}
const someone = (...permissions: Permission[]): Outcome<Visitor> =>
  succeed({ name: 'olga', principal: undefined, permissions: new Set(permissions) });

describe('a request is let through', () => {
  test('to who has the permission, and the route knows who it is', async () => {
    const answer = await serverOf(someone('view', 'operate')).inject({
      method: 'POST',
      url: '/change',
    });
    expect([answer.statusCode, answer.json()]).toStrictEqual([200, { by: 'olga' }]);
  });

  test('and else answered with 403 and the permission that is missing', async () => {
    const answer = await serverOf(someone('view')).inject({ method: 'POST', url: '/change' });
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toStrictEqual({
      error: 'olga may not do this: it takes the permission "operate"',
    });
  });

  test('nobody that is known gets 401 and the realm of the path', async () => {
    const server = serverOf(fail('notPermitted', 'sign in'));
    const answer = await server.inject({ method: 'POST', url: '/change' });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe(
      'Basic realm="mesos-master-readwrite", Bearer realm="mesos-master-readwrite"',
    );
  });

  test('the script of a page does not make the browser ask for a password', async () => {
    const server = serverOf(fail('notPermitted', 'sign in'));
    const headers = { 'sec-fetch-mode': 'cors' };
    const answer = await server.inject({ method: 'POST', url: '/change', headers });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="mesos-master-readwrite"');
  });

  test('who tried too often gets 429 and when to try again, in whole seconds', async () => {
    const failure: Failure = { code: 'rateLimited', message: 'slowly', retryAfterMs: 1200 };
    const server = serverOf({ ok: false, failure });
    const answer = await server.inject({ method: 'POST', url: '/change' });
    expect([answer.statusCode, answer.headers['retry-after']]).toStrictEqual([429, '2']);
  });
});

test('of nobody that is known no body is read, where the body says which permission is needed', async () => {
  const failed = fail('notPermitted', 'sign in');
  const server = Fastify();
  server.addHook(
    'onRequest',
    identified({ ...openAccess, visitorOf: async () => failed }, () => 'mesos-master-readonly'),
  );
  server.post('/', async () => 'carried out');
  const { promise, resolve } = Promise.withResolvers<string>();
  await server.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  socket.once('data', (text) => resolve(String(text)));
  socket.write(
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n',
  );
  expect(await promise).toContain('401 Unauthorized');
  socket.destroy();
  await server.close();
});

test('a route that forgot to ask is a defect', async () => {
  const server = Fastify();
  server.get('/', async (request) => visitorBehind(request).name);
  expect((await server.inject('/')).statusCode).toBe(500);
});

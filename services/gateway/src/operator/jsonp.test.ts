// Tests answers as scripts, over a server in memory.
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { answerJsonp } from './jsonp.ts';

function aServer() {
  const server = Fastify();
  answerJsonp(server);
  server.get('/state', async () => ({ version: '1.11.0' }));
  server.get('/missing', async (_request, reply) => reply.code(404).send({ error: 'none' }));
  return server;
}

test('an answer is a call of the function that the page names', async () => {
  const answer = await aServer().inject('/state?jsonp=angular.callbacks._0');
  expect(answer.headers['content-type']).toBe('application/javascript; charset=utf-8');
  expect(answer.body).toBe('angular.callbacks._0({"version":"1.11.0"});');
  expect(Number(answer.headers['content-length'])).toBe(answer.body.length);
});

test('without a name it is plain JSON, and so is what went wrong', async () => {
  const server = aServer();
  expect((await server.inject('/state')).body).toBe('{"version":"1.11.0"}');
  expect((await server.inject('/missing?jsonp=cb')).body).toBe('{"error":"none"}');
});

test.each(['', 'alert(1)//', 'a.b.c.d.e', 'x;y', '<script>', 'a'.repeat(65), '1a'])(
  'the name %j is refused',
  async (name) => {
    const answer = await aServer().inject({ url: '/state', query: { jsonp: name } });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  },
);

test('a page of another site is refused', async () => {
  const headers = { 'sec-fetch-site': 'cross-site' };
  expect((await aServer().inject({ url: '/state?jsonp=cb', headers })).statusCode).toBe(403);
  expect((await aServer().inject({ url: '/state', headers })).statusCode).toBe(200);
});

// Tests with raw sockets what a client can make the server hold: nothing for long, and not much at once.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { ServerResponse } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { awaitLongBody } from './access/long-bodies.ts';
import { makeServer, type ServerOptions } from './http-server.ts';

let server: FastifyInstance;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function listen(options: ServerOptions): Promise<number> {
  server = makeServer(options);
  server.get('/', async () => 'fine');
  server.post('/', async () => 'taken');
  server.addContentTypeParser('text/x', (_request, body, done) => done(null, body));
  server.post('/typed', async (request) => {
    const arrived = awaitLongBody(request);
    let text = '';
    for await (const part of request.body as AsyncIterable<Buffer>) text += String(part);
    arrived();
    return text;
  });
  server.get('/stream', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200);
    reply.raw.write('begun');
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  return (server.server.address() as AddressInfo).port;
}

/** What comes until the server closes, or until `until` has come. */
async function talk(port: number, said: readonly string[], until?: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let heard = '';
  socket.on('error', () => undefined);
  for (const words of said) socket.write(words);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('close', () => resolve());
  socket.on('data', (came) => {
    heard += came.toString('latin1');
    if (until !== undefined && heard.includes(until)) resolve();
  });
  await promise;
  return heard;
}

const HOST = 'Host: 127.0.0.1\r\n';

test('who asks for another protocol and is answered otherwise keeps no connection', async () => {
  const port = await listen({});
  server.server.on('upgrade', (message, socket) => {
    const answer = new ServerResponse(message);
    answer.assignSocket(socket as Socket);
    server.routing(message, answer);
  });
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  expect(await talk(port, ['GET / HTTP/1.1\r\n', HOST, upgrade])).toContain('fine');
});

test('headers that come too slowly end the connection (slow loris)', async () => {
  const port = await listen({ headersTimeoutMs: 500 });
  const heard = await talk(port, ['GET / HTTP/1.1\r\n', HOST, 'X-Slow: ']);
  expect(heard).toContain('408');
});

test('ten thousand headers, or one that is huge, are refused', async () => {
  const port = await listen({});
  const headers = (count: number): string =>
    Array.from({ length: count }, (_, index) => `X-${index}: 1\r\n`).join('');
  const huge = (bytes: number): string => `X-Huge: ${'a'.repeat(bytes)}\r\n`;
  for (const more of [headers(1700), huge(16_500)]) {
    expect(await talk(port, [`GET / HTTP/1.1\r\n${HOST}${more}\r\n`])).toContain(' 431 ');
  }
  // What is still under way when the server hangs up may take its answer with it.
  for (const more of [headers(10_000), huge(1_000_000)]) {
    expect(await talk(port, [`GET / HTTP/1.1\r\n${HOST}${more}\r\n`])).not.toContain(' 200 ');
  }
});

test('a body that says it is too large is refused before it is read', async () => {
  const port = await listen({});
  const head = `POST / HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n`;
  expect(await talk(port, [head], '413')).toContain(' 413 ');
});

test('a body that ends twice, or is of two lengths, is refused (request smuggling)', async () => {
  const port = await listen({});
  const twice = `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
  expect(await talk(port, [twice])).toContain(' 400 ');
  const lengths = `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`;
  expect(await talk(port, [lengths])).toContain(' 400 ');
});

test('requests in one go are answered each, in their order', async () => {
  const port = await listen({});
  const one = `GET / HTTP/1.1\r\n${HOST}\r\n`;
  const last = `GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
  const heard = await talk(port, [one.repeat(50) + last]);
  expect(heard.split('HTTP/1.1 200 OK')).toHaveLength(51);
  expect(heard.lastIndexOf(' 404 ')).toBeGreaterThan(heard.lastIndexOf(' 200 '));
});

test('an address holds so many connections, and no more', async () => {
  const port = await listen({ limits: { connections: 3, openRequests: 100 } });
  const kept = `GET / HTTP/1.1\r\n${HOST}\r\n`;
  for (let count = 0; count < 3; count += 1) {
    expect(await talk(port, [kept], 'fine')).toContain(' 200 ');
  }
  expect(await talk(port, [kept])).toBe('');
  sockets.shift()?.destroy();
  await expect.poll(async () => await talk(port, [kept], 'fine')).toContain(' 200 ');
});

test('an address holds so many streams; what comes beyond is told to come later', async () => {
  const port = await listen({ limits: { connections: 100, openRequests: 2 } });
  const stream = `GET /stream HTTP/1.1\r\n${HOST}\r\n`;
  for (let count = 0; count < 2; count += 1) {
    expect(await talk(port, [stream], 'begun')).toContain(' 200 ');
  }
  const refused = await talk(port, [stream], 'too many');
  expect(refused).toContain(' 429 ');
  expect(refused.toLowerCase()).toContain('retry-after: 5');
  sockets.shift()?.destroy();
  await expect.poll(async () => await talk(port, [stream], 'HTTP')).toContain(' 200 ');
});

test('with a certificate it answers by TLS, and tells browsers to stay with it', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-'));
  const tls = {
    certificateFile: path.join(directory, 'cert.pem'),
    keyFile: path.join(directory, 'key.pem'),
  };
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=localhost', '-keyout', tls.keyFile, '-out', tls.certificateFile],
    ],
    { stdio: 'ignore' },
  );
  const port = await listen({ tls });
  rmSync(directory, { recursive: true });
  const asked = request({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false });
  asked.end();
  const [answer] = await once(asked, 'response');
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['strict-transport-security']).toContain('max-age');
  answer.resume();
});

test('a body that is typed may take longer than any other', async () => {
  const port = await listen({ headersTimeoutMs: 200, requestTimeoutMs: 300 });
  const head = `POST /typed HTTP/1.1\r\n${HOST}Content-Type: text/x\r\nContent-Length: 5\r\n\r\n`;
  const typed = talk(port, [head, 'abc'], 'HTTP/1.1');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  sockets.at(-1)?.write('de');
  expect(await typed).toContain('200');
  const head2 = head.replace('/typed', '/');
  expect(await talk(port, [head2, 'abc'])).toContain('408');
});

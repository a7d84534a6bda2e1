// Tests of HTTP, HTTPS and TCP probes against servers on this host, those that behave badly among them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Probe } from '@parley/protocol/checks';
import { afterEach, expect, test } from 'vitest';
import { probeHttp, probeTcp } from './network-probes.ts';
import type { ProbeAnswer } from './task-checks.ts';

let server: Server | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server?.close();
});

async function listen(made: Server): Promise<number> {
  server = made;
  made.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return (made.address() as AddressInfo).port;
}

function ask(port: number, changes: object = {}, timeoutMs = 5000): Promise<ProbeAnswer> {
  const probe = Probe.parse({ kind: 'http', port, ...changes });
  if (probe.kind !== 'http') throw new Error('not HTTP');
  return probeHttp(probe, '127.0.0.1', timeoutMs);
}
const connectTo = (port: number): Promise<ProbeAnswer> =>
  probeTcp({ kind: 'tcp', port }, '127.0.0.1', 5000);

test('the status is the result, and the path is asked for as it was given', async () => {
  let asked = '';
  const port = await listen(
    createHttpServer((request, response) => {
      asked = `${request.method} ${request.url}`;
      response.writeHead(418).end();
    }),
  );
  expect((await ask(port, { path: '/a?b=c' })).result).toEqual({ kind: 'http', statusCode: 418 });
  expect(asked).toBe('GET /a?b=c');
});

test('a redirect is the result and is not followed', async () => {
  let requests = 0;
  const port = await listen(
    createHttpServer((_, response) => {
      requests += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    }),
  );
  expect((await ask(port)).result).toEqual({ kind: 'http', statusCode: 302 });
  expect(requests).toBe(1);
});

test('a body without an end is not read', async () => {
  const port = await listen(
    createHttpServer((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (response.write('x'.repeat(65_536))) setImmediate(more);
      };
      more();
    }),
  );
  expect((await ask(port)).result).toEqual({ kind: 'http', statusCode: 200 });
});

test('a server that never answers gives no result at the timeout', async () => {
  const port = await listen(createServer());
  const { result, detail } = await ask(port, {}, 100);
  expect(result).toEqual({ kind: 'http' });
  expect(detail).toContain('no answer within 100 ms');
});

test('a server that sends its head byte by byte gives no result at the timeout', async () => {
  const port = await listen(
    createServer((socket) => {
      const timer = setInterval(() => socket.write('H'), 10);
      socket.on('close', () => clearInterval(timer));
    }),
  );
  expect((await ask(port, {}, 150)).result).toEqual({ kind: 'http' });
});

test('a head that is too large, or is no HTTP, gives no result', async () => {
  const texts = [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 'SSH-2.0-OpenSSH\r\n'];
  for (const text of texts) {
    const port = await listen(createServer((socket) => socket.write(text)));
    expect((await ask(port)).result).toEqual({ kind: 'http' });
    server?.close();
  }
});

test('where nothing listens HTTP has no result, and TCP has failed', async () => {
  const port = await listen(createServer());
  await new Promise((resolve) => server?.close(resolve));
  expect((await ask(port)).result).toEqual({ kind: 'http' });
  expect((await connectTo(port)).result).toEqual({ kind: 'tcp', succeeded: false });
});

test('a connection that is made is a success, and is closed again', async () => {
  const closed = Promise.withResolvers<void>();
  const port = await listen(
    createServer((socket) => {
      socket.on('close', () => closed.resolve());
      socket.resume();
    }),
  );
  expect((await connectTo(port)).result).toEqual({ kind: 'tcp', succeeded: true });
  await closed.promise;
});

test('HTTPS takes a certificate that nobody has signed', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-probe-'));
  try {
    const [key, cert] = [path.join(directory, 'key'), path.join(directory, 'cert')];
    const files = ['-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=elsewhere'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-days', '1', ...files], {
      stdio: 'ignore',
    });
    const options = { key: readFileSync(key), cert: readFileSync(cert) };
    const port = await listen(createHttpsServer(options, (_, response) => response.end()));
    const { result } = await ask(port, { scheme: 'https' });
    expect(result).toEqual({ kind: 'http', statusCode: 200 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

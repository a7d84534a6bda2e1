import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeFrame } from '@parley/protocol/executor-frames';
import type { FromExecutor } from '@parley/protocol/executors';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ExecutorSockets, SOCKET_NAME, socketPathFor } from './executor-sockets.ts';

let sandbox: string;
let sockets: ExecutorSockets;
let heard: FromExecutor[];
let faults: string[];
let closed: number[];
const clients: Socket[] = [];

beforeEach(() => {
  sandbox = mkdtempSync(path.join(tmpdir(), 'parley-sockets-'));
  sockets = new ExecutorSockets();
  heard = [];
  faults = [];
  closed = [];
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  sockets.closeAll();
  rmSync(sandbox, { recursive: true, force: true });
});

function listen(directory = sandbox): Promise<void> {
  // Of this test: what closes late belongs to the one before.
  const here = { heard, faults, closed };
  return sockets.open(directory, {
    onMessage: (_, message) => here.heard.push(message),
    onClosed: (connection) => here.closed.push(connection),
    onFault: (reason) => here.faults.push(reason),
  });
}

function connect(file = path.join(sandbox, SOCKET_NAME)): Socket {
  const client = createConnection(file);
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

function frameOf(text: string): Uint8Array {
  const frame = encodeFrame({ kind: 'message', data: Uint8Array.from(Buffer.from(text)) });
  if (!frame.ok) throw new Error(frame.failure.message);
  return frame.value;
}

test('only the owner may connect', async () => {
  await listen();
  expect(statSync(path.join(sandbox, SOCKET_NAME)).mode & 0o777).toBe(0o600);
});

test('what is left there by an agent that died is replaced', async () => {
  writeFileSync(path.join(sandbox, SOCKET_NAME), '');
  await listen();
  connect().write(frameOf('hello'));
  await vi.waitUntil(() => heard.length === 1);
});

test('a message that is not understood ends its connection alone, and nothing after it is heard', async () => {
  await listen();
  const good = connect();
  good.write(frameOf('one'));
  connect().write(Buffer.concat([Buffer.from([0, 0, 0, 1, 0xc1]), frameOf('never')]));
  await vi.waitUntil(() => closed.length === 1 && heard.length === 1);
  good.write(frameOf('two'));
  await vi.waitUntil(() => heard.length === 2);
  expect(faults).toHaveLength(1);
  expect(closed).toEqual([2]);
});

test('a sandbox with a long path has a socket too, which its executor reaches from there', async () => {
  const deep = path.join(sandbox, 'x'.repeat(100), 'y'.repeat(60));
  mkdirSync(deep, { recursive: true });
  await listen(deep);
  expect(socketPathFor(sandbox)).toBe(path.join(sandbox, SOCKET_NAME));
  expect(socketPathFor(deep)).toBe(SOCKET_NAME);
  expect(statSync(path.join(deep, SOCKET_NAME)).isSocket()).toBe(true);
});

test('a message that cannot be sent is lost, anything else ends the connection so that it is made anew', async () => {
  await listen();
  const client = connect();
  client.write(frameOf('hello'));
  await vi.waitUntil(() => heard.length === 1);
  const data = new Uint8Array(600 * 1024);
  expect(sockets.send(1, { kind: 'message', data })).toBe(false);
  expect(sockets.send(1, { kind: 'shutdown', graceMs: 1 })).toBe(true);
  expect(sockets.send(1, { kind: 'refused', message: 'x'.repeat(600 * 1024) })).toBe(false);
  await vi.waitUntil(() => closed.length === 1);
  expect(sockets.send(1, { kind: 'shutdown', graceMs: 1 })).toBe(false);
});

test('when a socket is closed its connections end, whoever holds them', async () => {
  await listen();
  const client = connect();
  const ended = new Promise((resolve) => client.once('close', resolve));
  client.write(frameOf('hello'));
  await vi.waitUntil(() => heard.length === 1);
  await sockets.close(sandbox);
  await ended;
  await vi.waitUntil(() => closed.length === 1);
});

test('an executor has a few connections, and one more is turned away', async () => {
  await listen();
  const many = Array.from({ length: 5 }, () => connect());
  const ended = many.map(
    (client) => new Promise((resolve) => client.once('close', () => resolve(client))),
  );
  await Promise.race(ended);
  for (const client of many) if (!client.destroyed) client.write(frameOf('hello'));
  await vi.waitUntil(() => heard.length === 4);
});

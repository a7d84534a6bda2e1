// Tests the streams of subscribers over a real server on loopback.
import { once } from 'node:events';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aFramework } from '@parley/cluster/scripted-cluster';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { aBusyCluster, modelOf } from '../read-model/scripted-model.ts';
import { SlowReaders } from '../slow-readers.ts';
import { type EncodeEvent, OperatorStreams } from './operator-streams.ts';

const cluster = aBusyCluster();
const model = modelOf(cluster.state);
/** So large that a reader who does not read is behind after some twenty. */
const FILLER = 'x'.repeat(1024 * 1024);
const warn = vi.fn();
const count = vi.fn();
/** Fewer than one reader alone may leave unread. */
const MAX_TOTAL_BYTES = 6 * FILLER.length;
const slowReaders = new SlowReaders({ warn }, { count }, MAX_TOTAL_BYTES);
const encodeEvent: EncodeEvent = ({ type }) =>
  Buffer.from(JSON.stringify(type === 'SUBSCRIBED' ? { type } : { type, FILLER }));
const newStreams = (readers: SlowReaders) => new OperatorStreams(encodeEvent, readers);
let streams: OperatorStreams;
let server: Server;
let responses: ServerResponse[];

beforeEach(async () => {
  responses = [];
  streams = newStreams(new SlowReaders({ warn }, { count }));
  server = http.createServer((_request, response) => {
    response.writeHead(200);
    responses.push(response);
    streams.add(response, 'json', model, { type: 'SUBSCRIBED' });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function subscribe(): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const request = http.get({ host: '127.0.0.1', port, agent: new http.Agent() });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

const happen = (): void =>
  streams.happened(
    () => model,
    { type: 'frameworkUpdated', framework: aFramework(), name: 'f1', roles: [] },
    1,
  );

test('a record is its length and its bytes, and the first one is of the state', async () => {
  const stream = await subscribe();
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  expect(chunk.toString()).toBe('21\n{"type":"SUBSCRIBED"}');
});

test('who does not read is ended, and who reads goes on', async () => {
  const slow = await subscribe();
  slow.pause();
  const quick = await subscribe();
  let read = 0;
  quick.on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  const [first, second] = responses;
  for (let sent = 0; sent < 60 && first?.destroyed !== true; sent += 1) {
    happen();
    const before = read;
    while (read < before + FILLER.length && second?.destroyed !== true) await once(quick, 'data');
  }
  expect(first?.destroyed).toBe(true);
  expect(second?.destroyed).toBe(false);
});

test('several that do not read are ended one after the other when too much waits for all, and each is forgotten', async () => {
  streams = newStreams(slowReaders);
  for (let reader = 0; reader < 3; reader += 1) (await subscribe()).pause();
  await vi.waitUntil(() => responses.length === 3);
  for (let sent = 0; sent < 30 && slowReaders.count > 1; sent += 1) {
    happen();
    expect(slowReaders.totalBytes()).toBeLessThanOrEqual(MAX_TOTAL_BYTES);
    await new Promise(setImmediate);
  }
  expect(slowReaders.count).toBe(1);
  expect(responses.filter(({ destroyed }) => destroyed)).toHaveLength(2);
  expect(count).toHaveBeenCalledWith('parley_gateway_slow_readers_ended_total', {
    stream: 'operator',
  });
});

test('all are ended when the books were made anew', async () => {
  const stream = await subscribe();
  stream.resume();
  const ended = once(stream, 'end');
  streams.endAll();
  await ended;
});

test('who has left before anything was told takes no place of a subscriber', async () => {
  const stream = await subscribe();
  const [response] = responses;
  if (response === undefined) throw new Error('nobody subscribed');
  const closed = once(response, 'close');
  stream.destroy();
  await closed;
  const write = vi.spyOn(response, 'write');
  streams.add(response, 'json', model, { type: 'SUBSCRIBED' });
  happen();
  expect(write).not.toHaveBeenCalled();
});

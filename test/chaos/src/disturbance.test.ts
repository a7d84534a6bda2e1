// What the proxy may do to which message.
import { Random } from '@parley/test-simulation/random';
import { expect, test } from 'vitest';
import { hideOtherNodes, mayBeMadeAgain, passBack, passOn } from './disturbance.ts';
import { type Frame, FrameReader } from './nats-frames.ts';

const DRAWS = 500;

function frame(text: string): Frame {
  const [read] = new FrameReader().push(Buffer.from(text));
  if (read === undefined) throw new Error('not a whole frame');
  return read;
}

function withHeader(line: string, header: string): Frame {
  const headers = `NATS/1.0\r\n${header}\r\n\r\n`;
  return frame(`H${line} ${headers.length} ${headers.length}\r\n${headers}\r\n`);
}

const REQUEST = frame('PUB parley.chaos.master.call.x _INBOX.principal.alice.1 0\r\n\r\n');
const ANSWER = frame('PUB _INBOX.principal.alice.1 0\r\n\r\n');
const BEAT = frame('PUB parley.chaos.agent.heartbeat.a1 0\r\n\r\n');
const UPDATE = withHeader('PUB parley.chaos.update.a _INBOX.agent.a1.1', 'Nats-Msg-Id: 12');
const APPEND = withHeader(
  'PUB parley.chaos.journal _INBOX.master.m.1',
  'Nats-Expected-Last-Sequence: 7',
);
const PULL = frame('PUB $JS.API.CONSUMER.MSG.NEXT.s.c _INBOX.x.1 0\r\n\r\n');
const ACKNOWLEDGEMENT = frame('PUB $JS.ACK.s.c.1.2.3.4.5 0\r\n\r\n');
const PING = frame('PING\r\n');

const drawn = (what: Frame, manner: Parameters<typeof passOn>[1]) => {
  const random = new Random(1);
  return Array.from({ length: DRAWS }, () => passOn(what, manner, random));
};

test('requests, answers and updates may be made again, nothing else', () => {
  expect([REQUEST, ANSWER, UPDATE].map(mayBeMadeAgain)).toEqual([true, true, true]);
  const others = [BEAT, APPEND, PULL, ACKNOWLEDGEMENT, PING];
  expect(others.filter(mayBeMadeAgain)).toEqual([]);
});

test('only what may be made again falls behind or comes twice', () => {
  for (const other of [BEAT, APPEND, PULL, ACKNOWLEDGEMENT, PING]) {
    const passings = [...drawn(other, 'reorder'), ...drawn(other, 'duplicate')];
    expect(passings.filter(({ keepsOrder }) => !keepsOrder)).toEqual([]);
    expect(passings.filter(({ copyLateMs }) => copyLateMs !== undefined)).toEqual([]);
  }
  expect(drawn(REQUEST, 'reorder').some(({ keepsOrder }) => !keepsOrder)).toBe(true);
  expect(drawn(UPDATE, 'duplicate').some(({ copyLateMs }) => copyLateMs !== undefined)).toBe(true);
});

test('what is late keeps its order', () => {
  for (const what of [REQUEST, BEAT, APPEND]) {
    const passings = drawn(what, 'delay');
    expect(passings.every(({ keepsOrder }) => keepsOrder)).toBe(true);
    expect(passings.some(({ lateMs }) => lateMs > 0)).toBe(true);
  }
});

test('a calm bus does nothing, and what the server says is late at most', () => {
  const atOnce = { keepsOrder: true, lateMs: 0 };
  expect(drawn(REQUEST, 'calm').every(({ lateMs, keepsOrder }) => keepsOrder && lateMs === 0)).toBe(
    true,
  );
  const random = new Random(1);
  for (const manner of ['calm', 'reorder', 'duplicate'] as const) {
    expect(passBack(manner, random)).toEqual(atOnce);
  }
});

test('a client is not told of other nodes', () => {
  const info = frame('INFO {"server_name":"n1","connect_urls":["10.0.0.1:4222"],"nonce":"x"}\r\n');
  const [kept] = new FrameReader().push(hideOtherNodes(info));
  expect(JSON.parse(kept?.rest ?? '')).toEqual({ server_name: 'n1', nonce: 'x' });
  expect(hideOtherNodes(REQUEST)).toBe(REQUEST.bytes);
});

// Reading the client protocol, in whatever pieces it comes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader } from './nats-frames.ts';

const SAID = [
  'INFO {"server_name":"n1","connect_urls":["10.0.0.1:4222"]}\r\n',
  'CONNECT {"verbose":false}\r\n',
  'SUB parley.chaos.> 1\r\n',
  'PUB parley.chaos.a.b 5\r\nhe\r\no\r\n',
  'PUB parley.chaos.ask _INBOX.master.m.1 0\r\n\r\n',
  'HPUB parley.chaos.journal _INBOX.m.2 47 50\r\nNATS/1.0\r\nNats-Expected-Last-Sequence: 1234\r\n\r\nabc\r\n',
  'MSG parley.chaos.a.b 1 3\r\nabc\r\n',
  'MSG parley.chaos.a.b 1 _INBOX.x 3\r\nabc\r\n',
  'HMSG $KV.b.k 2 12 12\r\nNATS/1.0\r\n\r\n\r\n',
  'ping\r\n',
  '+OK\r\n',
  "-ERR 'Authorization Violation'\r\n",
];

test('each operation is a frame with the bytes that it had', () => {
  const frames = new FrameReader().push(Buffer.from(SAID.join('')));
  expect(frames.map(({ bytes }) => bytes.toString())).toEqual(SAID);
  expect(frames.map(({ verb }) => verb)).toEqual([
    ...['INFO', 'CONNECT', 'SUB', 'PUB', 'PUB', 'HPUB', 'MSG', 'MSG', 'HMSG'],
    ...['PING', '+OK', '-ERR'],
  ]);
});

test('subject, reply and headers are told of what carries a message, and of nothing else', () => {
  const frames = new FrameReader().push(Buffer.from(SAID.join('')));
  expect(frames.map(({ subject }) => subject)).toEqual([
    ...[undefined, undefined, undefined, 'parley.chaos.a.b', 'parley.chaos.ask'],
    ...['parley.chaos.journal', 'parley.chaos.a.b', 'parley.chaos.a.b', '$KV.b.k'],
    ...[undefined, undefined, undefined],
  ]);
  expect(frames.map(({ reply }) => reply).filter(Boolean)).toEqual([
    ...['_INBOX.master.m.1', '_INBOX.m.2', '_INBOX.x'],
  ]);
  expect(frames[5]?.headers).toContain('Nats-Expected-Last-Sequence: 1234');
});

test('it makes no difference where the stream is cut', () => {
  const stream = Buffer.from(SAID.join(''));
  const cuts = fc.array(fc.integer({ min: 0, max: stream.length }));
  fc.assert(
    fc.property(cuts, (at) => {
      const reader = new FrameReader();
      const ends = [...at.toSorted((one, other) => one - other), stream.length];
      let from = 0;
      const frames = ends.flatMap((end) => {
        const piece = reader.push(stream.subarray(from, end));
        from = end;
        return piece;
      });
      expect(frames.map(({ bytes }) => bytes.toString())).toEqual(SAID);
    }),
  );
});

test.each([['PUB a\r\n'], ['PUB a x\r\n'], ['MSG a 1 -5\r\n'], ['HPUB 3 4\r\n']])(
  'what is not the protocol is refused: %j',
  (said) => {
    expect(() => new FrameReader().push(Buffer.from(said))).toThrow('not the NATS protocol');
  },
);

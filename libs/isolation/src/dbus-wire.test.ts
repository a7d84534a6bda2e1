// What is written is read again, whole messages only, and rubbish is refused instead of waited for.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeMessage, encodeCall, type WireWriter } from './dbus-wire.ts';

const MANAGER = {
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const;

function aCall(member: string, signature: string, body: (writer: WireWriter) => void): Buffer {
  return encodeCall({ ...MANAGER, serial: 7, member, signature, body });
}

it('a call is the bytes that the specification says', () => {
  // Taken from the answer-getting call of a client that systemd understood.
  const expected =
    '6c01000112000000010000006f00000001016f00190000002f6f72672f667265656465736b746f702f73797374656d64310000000000000002017300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e6167657200000000000000000301730007000000476574556e69740008016700017300000d0000007061726c65792e74617267657400';
  const call = { ...MANAGER, serial: 1, member: 'GetUnit', signature: 's' } as const;
  const bytes = encodeCall({ ...call, body: (writer) => writer.string('parley.target') });
  expect(bytes.toString('hex')).toBe(expected);
});

it('any strings are read as they were written, one message after the other', () => {
  const texts = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.nat()), { maxLength: 5 });
  const property = fc.property(fc.stringMatching(/^[A-Za-z]{1,30}$/), texts, (member, values) => {
    const bytes = aCall(member, 'su'.repeat(values.length), (writer) => {
      for (const [text, number] of values) {
        writer.string(text.toWellFormed());
        writer.uint32(number);
      }
    });
    const decoded = decodeMessage(Buffer.concat([bytes, bytes.subarray(0, 10)]));
    expect(decoded?.length).toBe(bytes.length);
    expect(decoded?.message.member).toBe(member);
    const body = decoded?.message.body;
    const read = values.map(() => [body?.string(), body?.uint32()]);
    expect(read).toEqual(values.map(([text, number]) => [text.toWellFormed(), number]));
  });
  fc.assert(property);
});

it('a list of texts with amounts is padded as the specification says', () => {
  const bytes = aCall('Set', 'a(sv)', (writer) => {
    writer.properties([
      [
        'Max',
        {
          type: 'a(st)',
          value: [
            ['/dev/a', 2n],
            ['/dev/b', 3n],
          ],
        },
      ],
    ]);
  });
  const body = decodeMessage(bytes)?.message.body;
  // Of the array of properties, then their alignment.
  expect(body?.uint32()).toBeGreaterThan(0);
  body?.align(8);
  expect([body?.string(), body?.signature()]).toEqual(['Max', 'a(st)']);
  // Two of a length, a text with its end, and an amount, each at a boundary of eight bytes.
  expect(body?.uint32()).toBe(2 * 24);
  const read = ['/dev/a', '/dev/b'].map(() => {
    body?.align(8);
    const path = body?.string();
    body?.align(8);
    return [path, body?.uint32(), body?.uint32()];
  });
  expect(read).toEqual([
    ['/dev/a', 2, 0],
    ['/dev/b', 3, 0],
  ]);
});

it('a message of which a byte is missing is waited for', () => {
  const bytes = aCall('KillUnit', 'ssi', (writer) => {
    writer.string('a.scope');
    writer.string('all');
    writer.uint32(15);
  });
  for (let length = 0; length < bytes.length; length += 1) {
    expect(decodeMessage(bytes.subarray(0, length))).toBeUndefined();
  }
});

it.each([
  ['of another byte order', Buffer.from('B'.padEnd(16, '\0'))],
  ['that would be too long', Buffer.from('6c020001ffffff7f0100000000000000', 'hex')],
])('bytes %s are no message', (_title, bytes) => {
  expect(() => decodeMessage(bytes)).toThrow();
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, FrameReader } from './executor-frames.ts';
import { FromExecutor, MAX_EXECUTOR_MESSAGE_BYTES } from './executors.ts';

const reader = (): FrameReader<typeof FromExecutor> => new FrameReader(FromExecutor);

function frameOf(message: FromExecutor): Uint8Array {
  const frame = encodeFrame(message);
  if (!frame.ok) throw new Error(frame.failure.message);
  return frame.value;
}

test('messages arrive whole and in order, however the bytes are cut', () => {
  const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      sizes,
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
      (each, cuts) => {
        const messages = each.map((size): FromExecutor => {
          return { kind: 'message', data: new Uint8Array(size).fill(size % 256) };
        });
        const bytes = Buffer.concat(messages.map(frameOf));
        const frames = reader();
        const read: unknown[] = [];
        for (let begin = 0, cut = 0; begin < bytes.length; cut += 1) {
          const size = cuts[cut % cuts.length] ?? 1;
          read.push(...frames.push(bytes.subarray(begin, begin + size)));
          begin += size;
        }
        expect(read).toEqual(messages.map((value) => ({ ok: true, value })));
      },
    ),
  );
});

test('a message longer than the limit is refused by its header, before its bytes have come', () => {
  const header = new Uint8Array(4);
  new DataView(header.buffer).setUint32(0, MAX_EXECUTOR_MESSAGE_BYTES + 1);
  expect(reader().push(header)).toMatchObject([{ ok: false, failure: { code: 'tooLarge' } }]);
});

test('a message longer than the limit is not sent', () => {
  const data = new Uint8Array(MAX_EXECUTOR_MESSAGE_BYTES);
  expect(encodeFrame({ kind: 'message', data })).toMatchObject({ failure: { code: 'tooLarge' } });
});

test('after a message that is not understood nothing more is read', () => {
  const frames = reader();
  const wrong = Uint8Array.from([0, 0, 0, 1, 0xc1]);
  const right = frameOf({ kind: 'message', data: new Uint8Array(1) });
  const read = frames.push(Buffer.concat([right, wrong, right]));
  expect(read.map((each) => each.ok || each.failure.code)).toEqual([true, 'malformed']);
  expect(frames.push(right)).toEqual([]);
});

test('a message that is MessagePack but of no known kind is malformed', () => {
  const body = Uint8Array.from([0x81, 0xa4, ...Buffer.from('kind'), 0xa1, 0x78]);
  const frame = Uint8Array.from([0, 0, 0, body.length, ...body]);
  expect(reader().push(frame)).toMatchObject([{ failure: { code: 'malformed' } }]);
});

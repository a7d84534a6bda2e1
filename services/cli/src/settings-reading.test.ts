import type { KeptSetting } from '@parley/cluster/inputs';
import { decodePiece, encodePiece } from '@parley/cluster/settings-part';
import { fail, succeed } from '@parley/protocol/errors';
import { expect, test } from 'vitest';
import { readPieces, type StoredPiece } from './settings-reading.ts';

const item = (key: string): KeptSetting => ({ table: 'reservations', key, record: {} });
const [one, first, second] = ['x.part-3', 'x.part-7', 'x.part-7-1'] as const;

/** A bucket to which something may happen before a read, by their number. */
function aBucket(happens: (read: number, bucket: ReturnType<typeof aBucket>) => void = () => {}) {
  const stored = new Map<string, StoredPiece>();
  let revision = 0;
  let reads = 0;
  const bucket = {
    stored,
    reads: () => reads,
    write: (subject: string, key: string, pieces?: number) => {
      revision += 1;
      const bytes = encodePiece({
        sequence: revision,
        items: [item(key)],
        ...(pieces && { pieces }),
      });
      stored.set(subject, { revision, bytes });
    },
    /** One bit of it is another. */
    damage: (subject: string) => {
      const { bytes, revision: at } = stored.get(subject) ?? {
        bytes: new Uint8Array(),
        revision: 0,
      };
      const turned = bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte));
      stored.set(subject, { revision: at, bytes: turned });
    },
    source: {
      subjects: async () => succeed([...stored.keys()].sort()),
      read: async (subject: string) => {
        reads += 1;
        happens(reads, bucket);
        return succeed(stored.get(subject));
      },
      wait: async () => {},
    },
  };
  bucket.write(one, 'one');
  bucket.write(second, 'old second');
  bucket.write(first, 'old first', 2);
  return bucket;
}

async function keysIn(bucket: ReturnType<typeof aBucket>) {
  const read = await readPieces(bucket.source);
  if (!read.ok) return read.failure;
  return [...read.value].map(([subject, { bytes }]) => {
    const piece = decodePiece(bytes);
    return [subject, ...(piece.ok ? piece.value.items.map(({ key }) => key) : ['damaged'])];
  });
}

test('what is set is read piece by piece', async () => {
  expect(await keysIn(aBucket())).toEqual([
    [one, 'one'],
    [first, 'old first'],
    [second, 'old second'],
  ]);
});

test.each([2, 3, 4, 5])(
  'a part of several pieces of which one is written before read %d, and the other then, is not read torn',
  async (at) => {
    const bucket = aBucket((read, { write }) => {
      if (read === at) write(second, 'new second');
      if (read === at + 1) write(first, 'new first', 2);
    });
    const keys = await keysIn(bucket);
    expect(keys).toEqual([
      [one, 'one'],
      [first, 'new first'],
      [second, 'new second'],
    ]);
  },
);

test('a part that has got one more piece since its pieces were named is not read without it', async () => {
  const bucket = aBucket((read, { write }) => {
    if (read !== 1) return;
    write(`${one}-1`, 'more');
    write(one, 'less', 2);
  });
  expect(await keysIn(bucket)).toEqual([
    [one, 'less'],
    [`${one}-1`, 'more'],
    [first, 'old first'],
    [second, 'old second'],
  ]);
});

test('a piece that is damaged is read again, and where it stays damaged there is no copy', async () => {
  const bucket = aBucket((read, { write }) => {
    if (read === 4) write(one, 'mended');
  });
  bucket.damage(one);
  expect(await keysIn(bucket)).toContainEqual([one, 'mended']);
  const damaged = aBucket();
  damaged.damage(second);
  expect(await keysIn(damaged)).toEqual({
    code: 'malformed',
    message: `${second} is damaged: its checksum does not fit its bytes`,
  });
});

test('a part that is written all the time is told, and so is a bucket that does not answer', async () => {
  const busy = aBucket((_, { write }) => write(second, 'ever new'));
  expect(await keysIn(busy)).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(first),
  });
  const { source } = aBucket();
  let asked = 0;
  const read = async () => {
    asked += 1;
    return fail('unavailable', 'no answer');
  };
  expect(await readPieces({ ...source, read })).toMatchObject({
    failure: { message: 'no answer' },
  });
  // Who asks has waited for that long enough.
  expect(asked).toBe(1);
});

// Tests that agents of one process read what they all get as each of them would by itself.
import { ActorId, ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, test } from 'vitest';
import { SharedReading } from './shared-reading.ts';

const cluster = ClusterName.parse('c');
const presence = (masterId: string, revision: number) =>
  encodeMessage(
    SUBJECTS.presence,
    cluster,
    {},
    { masterId: ActorId.parse(masterId) },
    { epoch: { bucketCreatedMs: 1, revision } },
  );

test('the same bytes are read once, whoever gets them', () => {
  const { read } = new SharedReading();
  const { subject, bytes } = presence('m1', 1);
  const first = read(SUBJECTS.presence, cluster, subject, bytes);
  expect(first).toEqual(decodeMessage(SUBJECTS.presence, cluster, subject, bytes));
  expect(read(SUBJECTS.presence, cluster, subject, Uint8Array.from(bytes))).toBe(first);
});

test('other bytes, another kind and another subject are read as they are, in whatever order they come', () => {
  const { read } = new SharedReading();
  const one = presence('m1', 1);
  const other = presence('m2', 2);
  const messages = [one, other, one, { ...one, subject: 'parley.c.elsewhere' }, one];
  for (const { subject, bytes } of messages) {
    for (const entry of [SUBJECTS.presence, SUBJECTS.watermarks]) {
      const alone = decodeMessage(entry, cluster, subject, bytes);
      expect(read(entry, cluster, subject, bytes)).toEqual(alone);
    }
  }
});

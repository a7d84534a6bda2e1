import { sealMap } from '@parley/protocol/checksum';
import { encode } from '@parley/protocol/codec';
import { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { updatesTestSubject } from '@parley/protocol/streams';
import { expect, test } from 'vitest';
import { readUpdates } from './update-batch.ts';

const cluster = ClusterName.parse('c1');
const alice = PrincipalName.parse('alice');
const junk = Buffer.from('test');

test('a test write is read over without a word, anything else that is no update is told', () => {
  const messages = [
    { streamSequence: 4, subject: updatesTestSubject(cluster, alice, 'master-1'), bytes: junk },
    { streamSequence: 5, subject: 'parley.c1.updates.a1.alice.f.t', bytes: junk },
  ];
  const batch = { streamCreatedMs: 1, messages, readUpTo: 5 };
  const { inputs, passedOver } = readUpdates(cluster, alice, batch);
  expect(passedOver).toMatchObject([{ streamSequence: 5, isDamaged: true }]);
  expect(inputs).toMatchObject([{ updates: [], readUpTo: 5 }]);
});

test('what was written as it is and is no update is told, and not taken for damaged', () => {
  const subject = 'parley.c1.updates.a1.alice.f.t';
  const other = { version: 1, kind: 'task.update', target: subject, body: {} };
  const messages = [
    { streamSequence: 4, subject, bytes: sealMap(encode(other)) },
    { streamSequence: 5, subject, bytes: encode(other) },
  ];
  const { passedOver } = readUpdates(cluster, alice, { streamCreatedMs: 1, messages, readUpTo: 5 });
  expect(passedOver.map(({ isDamaged }) => isDamaged)).toEqual([false, false]);
});

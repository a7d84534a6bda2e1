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
  expect(passedOver.map(({ streamSequence }) => streamSequence)).toEqual([5]);
  expect(inputs).toMatchObject([{ updates: [], readUpTo: 5 }]);
});

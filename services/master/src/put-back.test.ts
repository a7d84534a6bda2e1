// Tests that what was kept beside lost books is put back whole, or not taken for whole.
import { JournaledLeader } from '@parley/actor/journaled-leader';
import { Replica } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { Input, KeptSetting } from '@parley/cluster/inputs';
import { encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { createLogger } from '@parley/telemetry/logger';
import { expect, test } from 'vitest';
import { MAX_PIECE_BYTES, putBack } from './put-back.ts';

const epoch = { bucketCreatedMs: 1, revision: 1 };

/** Each of some 10 kB. */
const agents = (count: number): KeptSetting[] =>
  Array.from({ length: count }, (_, index) => {
    const names = Array.from({ length: 10 }, (__, name) => [`attribute-${name}`, 'x'.repeat(1000)]);
    const agentId = `a${index}`;
    return {
      table: 'agents',
      key: agentId,
      record: { agentId, attributes: Object.fromEntries(names) },
    };
  });

type Submit = (input: Input) => Outcome<undefined>;

/** What was submitted with success, and what was logged. */
function puttingBack(kept: readonly KeptSetting[], submit: Submit) {
  const pieces: Extract<Input, { kind: 'settingsRestored' }>[] = [];
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ service: 'master', actorId: 'm1', destination });
  const submitted: Submit = (input) => {
    const queued = submit(input);
    if (queued.ok && input.kind === 'settingsRestored') pieces.push(input);
    return queued;
  };
  putBack(kept, submitted, logger);
  const lasts = pieces.map(({ isLast }) => isLast);
  return { pieces, lasts, keys: pieces.flatMap(({ items }) => items.map(({ key }) => key)), lines };
}

test('many large records are put back in pieces that the journal takes, of which the last one says so', () => {
  const leader = new JournaledLeader({
    epoch,
    replica: new Replica(clusterCore),
    makeNonce: () => 'n',
  });
  const kept = agents(150);
  const { pieces, lasts, keys, lines } = puttingBack(kept, (input) => leader.submit(input));
  expect(lines).toEqual([]);
  expect(keys).toEqual(kept.map(({ key }) => key));
  const largest = Math.max(...pieces.map((piece) => encode(piece.items).length));
  expect(largest).toBeLessThanOrEqual(MAX_PIECE_BYTES);
  expect(lasts.lastIndexOf(true)).toBe(pieces.length - 1);
  expect(lasts.indexOf(true)).toBe(pieces.length - 1);
});

test('small records go by the hundred, and where nothing was kept one piece says that it is all', () => {
  const roles = Array.from({ length: 250 }, (_, index) => {
    const key = `role-${index}`;
    return { table: 'roleSettings', key, record: { role: key } } as const;
  });
  const sizes = puttingBack(roles, () => succeed(undefined)).pieces.map(
    ({ items }) => items.length,
  );
  expect(sizes).toEqual([100, 100, 50]);
  expect(puttingBack([], () => succeed(undefined)).lasts).toEqual([true]);
});

test.each(['a0', 'a149'])(
  'a refused piece that holds %s is told, and what is put back is not all then',
  (key) => {
    const refuses: Submit = (input) =>
      input.kind === 'settingsRestored' && input.items.some((item) => item.key === key)
        ? fail('tooLarge', 'far too many bytes')
        : succeed(undefined);
    const { lasts, keys, lines } = puttingBack(agents(150), refuses);
    expect(keys).not.toContain(key);
    expect(keys).toContain('a75');
    expect(lasts).not.toContain(true);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('ALARM: a part of what operators had set is not put back');
    expect(lines[0]).toContain('far too many bytes');
    expect(lines[0]).toContain(`agents ${key}`);
  },
);

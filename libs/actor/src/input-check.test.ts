// Tests who parses an input, and when: its writer always, a replica only what another schema let in.
import { expect, test } from 'vitest';
import * as z from 'zod';
import { fingerprintOf } from './input-check.ts';
import { JournaledLeader } from './journaled-leader.ts';
import { Replica } from './replica.ts';
import { TallyInput, tallyCore } from './tally-core.ts';

/** A core that counts how often its inputs are parsed. */
function countingCore(schema: z.ZodType<TallyInput> = TallyInput) {
  let parsed = 0;
  const inputSchema = schema.refine(() => {
    parsed += 1;
    return true;
  });
  return { core: { ...tallyCore(), inputSchema }, parsed: () => parsed };
}

function entryOf(core: ReturnType<typeof tallyCore>): Uint8Array {
  const leader = new JournaledLeader({
    replica: new Replica(core),
    epoch: { bucketCreatedMs: 1, revision: 1 },
    makeNonce: () => 'n',
  });
  leader.submit({ kind: 'add', key: 'a', amount: 1 });
  const request = leader.nextAppend({ nowMs: 0, wallTimeMs: 0 });
  leader.committed(1);
  return request?.bytes ?? new Uint8Array();
}

test('an input is parsed once, by its writer, and not again by whoever has the same schema', () => {
  const writer = countingCore();
  const bytes = entryOf(writer.core);
  expect(writer.parsed()).toBe(1);
  const same = countingCore();
  expect(new Replica(same.core).apply(1, bytes)).toMatchObject({ kind: 'applied', skipped: [] });
  expect(same.parsed()).toBe(0);
});

test('an input that another schema let in is parsed, and left out when it is none here', () => {
  const bytes = entryOf(tallyCore());
  const wider = countingCore(z.union([TallyInput, z.never()]));
  const replica = new Replica(wider.core);
  expect(replica.apply(1, bytes)).toMatchObject({ kind: 'applied', skipped: [] });
  expect([wider.parsed(), replica.state.totals.get('a')]).toEqual([1, 1]);

  const add = z.object({ kind: z.literal('add'), key: z.string(), amount: z.int().min(5) });
  const narrower = { ...tallyCore(), inputSchema: add as unknown as z.ZodType<TallyInput> };
  expect(new Replica(narrower).apply(1, bytes)).toMatchObject({ skipped: [{ index: 0 }] });
});

test('what is no input is refused before it is journalled', () => {
  const leader = new JournaledLeader({
    replica: new Replica(tallyCore()),
    epoch: { bucketCreatedMs: 1, revision: 1 },
    makeNonce: () => 'n',
  });
  const input = { kind: 'add', key: 'a', amount: 'much' } as unknown as TallyInput;
  expect(leader.submit(input)).toMatchObject({ failure: { code: 'internalError' } });
  expect(leader.pending).toBe(0);
});

test('schemas of another shape have other fingerprints: a field, a bound, a default, a choice more', () => {
  const shapes = [
    z.object({ a: z.int() }),
    z.object({ a: z.int(), b: z.int().optional() }),
    z.object({ a: z.int().min(1) }),
    z.object({ a: z.int().default(3) }),
    z.object({ a: z.enum(['x', 'y']) }),
    z.object({ a: z.enum(['x', 'y', 'z']) }),
  ];
  expect(new Set(shapes.map(fingerprintOf)).size).toBe(shapes.length);
  expect(fingerprintOf(z.object({ a: z.int() }))).toBe(fingerprintOf(z.object({ a: z.int() })));
});

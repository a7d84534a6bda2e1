// Tests of the exported file: it holds what the cluster holds, and what is wrong with it is said.
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { ClusterName } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { ExportEncoder } from './export-format.ts';
import { exportRecords } from './export-records.ts';
import { type ExportedReplay, openExport } from './exported-replay.ts';
import { keptEntries, replicaAt } from './replay-source.ts';
import { ScriptedHistory } from './scripted-history.ts';
import { verify } from './verification.ts';

const cluster = ClusterName.parse('c1');
let history: ScriptedHistory;

/** Twelve entries; snapshots after the fifth and the ninth. */
beforeEach(async () => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  history.subscribe(aFramework());
  const task = history.launch(aFramework(), 't1', some(2));
  history.update(task, 'running');
  while (history.sequence < 12) {
    history.pass(1000);
    if (history.sequence === 9) await history.snapshot();
  }
});

async function exported(fromSequence: number, toSequence: number): Promise<Uint8Array> {
  const encoder = new ExportEncoder();
  const pieces = [encoder.begin()];
  const range = { cluster, fromSequence, toSequence, exportedMs: 99 };
  const done = await exportRecords(history.source, range, async (record) => {
    pieces.push(encoder.record(record));
  });
  assert(done.ok, 'it is exported');
  return Buffer.concat([...pieces, encoder.end()]);
}

const open = (bytes: Uint8Array) =>
  openExport(async (offset, length) => bytes.subarray(offset, offset + length));

async function opened(bytes: Uint8Array): Promise<ExportedReplay> {
  const outcome = await open(bytes);
  assert(outcome.ok, outcome.ok ? '' : outcome.failure.message);
  return outcome.value;
}

async function hashAt(source: ScriptedHistory['source'], sequence: number): Promise<string> {
  const replica = await replicaAt(source, sequence);
  assert(replica.ok, 'there is a state');
  return replica.value.hash();
}

async function entriesIn({ journal }: ScriptedHistory['source']) {
  const entries = await journal.read(1, 100);
  assert(entries.ok, 'the journal can be read');
  return entries.value.map(({ bytes, ...rest }) => ({ ...rest, bytes: Buffer.from(bytes) }));
}

test('a file holds the entries as they are, with their times, and the same states', async () => {
  const { source, header } = await opened(await exported(1, 12));
  expect(header).toMatchObject({ cluster, firstSequence: 1, lastSequence: 12, exportedMs: 99 });
  expect(await entriesIn(source)).toEqual(await entriesIn(history.source));
  for (const sequence of [3, 9, 12]) {
    expect(await hashAt(source, sequence)).toBe(await hashAt(history.source, sequence));
  }
});

test('a part of the journal is exported with the nearest snapshot before it, and can be verified', async () => {
  const { source, header } = await opened(await exported(11, 12));
  expect(header.firstSequence).toBe(10);
  expect(await keptEntries(source)).toMatchObject({
    value: { startSequence: 9, first: { sequence: 10 }, last: { sequence: 12 } },
  });
  expect(await hashAt(source, 11)).toBe(await hashAt(history.source, 11));
  const whole = await verify((await opened(await exported(1, 12))).source);
  expect(whole).toMatchObject({
    value: { entries: 12, snapshots: [{ sequence: 9, verdict: 'equal' }], difference: undefined },
  });
});

test('a damaged snapshot is not exported: an older one or the whole journal stands in for it', async () => {
  history.snapshots.damagePart({ sequence: 9, writer: 'master-1' }, 0);
  const { header } = await opened(await exported(11, 12));
  expect(header.firstSequence).toBe(1);
});

test('a file that is cut off anywhere is refused', async () => {
  const bytes = await exported(1, 12);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
      const outcome = await open(bytes.subarray(0, length));
      expect(outcome).toMatchObject({ ok: false, failure: { code: 'malformed' } });
    }),
  );
});

test('a file of which one bit is wrong is refused, and where is said', async () => {
  const bytes = await exported(1, 12);
  const flipped = fc.tuple(fc.nat(bytes.length - 1), fc.nat(7));
  await fc.assert(
    fc.asyncProperty(flipped, async ([at, bit]) => {
      const copy = Uint8Array.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ (1 << bit);
      const outcome = await open(copy);
      expect(outcome).toMatchObject({ ok: false, failure: { code: 'malformed' } });
      if (!outcome.ok) expect(outcome.failure.message).toMatch(/at byte \d+|no exported replay/);
    }),
    { numRuns: 300 },
  );
});

test('something else is no exported replay', async () => {
  const outcome = await open(Buffer.from('PK\u0003\u0004 something that was zipped'));
  expect(outcome).toMatchObject({
    failure: { message: expect.stringContaining('no exported replay') },
  });
});

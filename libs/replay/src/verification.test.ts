// Tests of stepping everything again: what is as it was is said to be, and a difference is found and named.
import { clusterCore } from '@parley/cluster/cluster-core';
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { beforeEach, expect, test } from 'vitest';
import { ScriptedHistory } from './scripted-history.ts';
import { verify } from './verification.ts';

let history: ScriptedHistory;

beforeEach(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  history.subscribe(aFramework());
});

test('equal states are counted, and entries, inputs and what was left out with them', async () => {
  await history.snapshot();
  history.launch(aFramework(), 't1', some(2));
  await history.snapshot();
  history.pass(5);
  expect(await verify(history.source)).toEqual({
    ok: true,
    value: {
      ...{ fromSequence: 1, toSequence: 7, entries: 7, inputs: 7 },
      snapshots: [
        { sequence: 3, verdict: 'equal' },
        { sequence: 6, verdict: 'equal' },
      ],
      ...{ skipped: [], difference: undefined },
    },
  });
});

test('the first state that differs is named, with the last equal one and the records', async () => {
  await history.snapshot();
  history.pass(5);
  const other = new ScriptedHistory();
  other.startTerm();
  other.register(anAgentId(), some(9));
  other.subscribe(aFramework());
  other.pass(5);
  await history.snapshot(other.state);
  history.pass(5);
  await history.snapshot();
  const verified = await verify(history.source);
  expect(verified).toMatchObject({
    value: {
      toSequence: 4,
      snapshots: [
        { sequence: 3, verdict: 'equal' },
        { sequence: 4, verdict: 'different' },
      ],
      difference: { sequence: 4, lastEqual: 3, moreRecords: 0 },
    },
  });
  const records = verified.ok ? (verified.value.difference?.records ?? []) : [];
  expect(records.find(({ table }) => table === 'agents')).toMatchObject({
    key: 'a1',
    replayed: { total: { scalars: { cpus: 8000 } } },
    inSnapshot: { total: { scalars: { cpus: 9000 } } },
  });
});

test('a rule that was changed without a new version is found', async () => {
  history.launch(aFramework(), 't1', some(2));
  await history.snapshot();
  const changed: typeof clusterCore = {
    ...clusterCore,
    step: (state, context, input) => {
      const effects = clusterCore.step(state, context, input);
      if (input.kind === 'orderAnswered') state.change({ orderCounter: 77 });
      return effects;
    },
  };
  const verified = await verify({ ...history.source, core: changed });
  expect(verified).toMatchObject({
    value: { difference: { sequence: 6, lastEqual: 0, records: [{ table: 'cluster' }] } },
  });
});

test('a damaged snapshot is said to be damaged, and the rest is verified all the same', async () => {
  await history.snapshot();
  history.snapshots.damagePart({ sequence: 3, writer: 'master-1' }, 0);
  history.pass(5);
  await history.snapshot();
  expect(await verify(history.source)).toMatchObject({
    value: {
      snapshots: [
        { sequence: 3, verdict: 'damaged' },
        { sequence: 4, verdict: 'equal' },
      ],
      difference: undefined,
    },
  });
});

test('where the journal was purged it begins at the oldest snapshot that reaches', async () => {
  await history.snapshot();
  history.pass(5);
  await history.snapshot();
  history.pass(5);
  await history.journal.purgeBelow(4);
  expect(await verify(history.source)).toMatchObject({
    value: { fromSequence: 4, entries: 2, snapshots: [{ sequence: 4, verdict: 'equal' }] },
  });
  await history.journal.purgeBelow(5);
  history.snapshots.damagePart({ sequence: 4, writer: 'master-1' }, 0);
  expect(await verify(history.source)).toMatchObject({
    ok: false,
    failure: { code: 'unknownMoment' },
  });
});

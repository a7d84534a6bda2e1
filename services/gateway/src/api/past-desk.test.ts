// Tests that what the API shows of the past is what the fold makes of it.
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { apply } from '@parley/cluster-view/apply';
import { fromJson, toJson } from '@parley/cluster-view/view-json';
import { viewOf } from '@parley/cluster-view/view-of-state';
import type { Outcome } from '@parley/protocol/errors';
import { ScriptedHistory } from '@parley/replay/scripted-history';
import { beforeEach, expect, test } from 'vitest';
import { PastDesk } from './past-desk.ts';

const framework = aFramework();
let history: ScriptedHistory;
let desk: PastDesk;

beforeEach(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  history.subscribe(framework);
  desk = new PastDesk({ source: () => history.source, wallTimeMs: () => 1_800_000_000_000 });
});

function orThrow<Value>(outcome: Outcome<Value>): Value {
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}

test('the view at a moment is that of the state then, and shows what ended shortly before', async () => {
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  const { sequence } = history;
  const then = toJson(viewOf(history.state, { sequence, index: 0, coreTimeMs: 0 }));
  history.update(task, 'finished');
  const before = orThrow(await desk.viewAt(String(sequence)));
  expect(toJson(before)).toMatchObject({ agents: then.agents, allocated: then.allocated });
  expect(before.moment.sequence).toBe(sequence);
  expect(before.tasks.get('alice/f1/t1')).toMatchObject({ state: 'running' });
  const after = orThrow(await desk.viewAt('last'));
  expect([after.tasks.size, after.allocated]).toStrictEqual([0, {}]);
  expect(after.endedTasks.get('alice/f1/t1')).toMatchObject({ state: 'finished' });
});

test('a window begins with a view, and its events lead from there to the view at its end', async () => {
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  history.update(task, 'failed', { reason: 'commandExited', exitCode: 3 });
  const { view, events } = orThrow(await desk.window({ from: '2' }));
  const sent = fromJson(JSON.parse(JSON.stringify(toJson(view))));
  for (const { event, ...moment } of events) apply(sent, moment, event);
  const last = orThrow(await desk.viewAt('last'));
  expect({ ...toJson(sent), moment: 0 }).toStrictEqual({ ...toJson(last), moment: 0 });
});

test('a timeline counts every event once and marks what people look for', async () => {
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  history.update(task, 'failed', { reason: 'commandExited', exitCode: 3 });
  const { events } = orThrow(await desk.window({ from: 'first' }));
  const timeline = orThrow(await desk.timeline({}, 5));
  const counted = timeline.counts.reduce((sum, count) => sum + count, 0);
  // A window has what came after its first entry, a timeline that entry as well.
  expect(counted).toBe(events.length + 1);
  expect(timeline.markers.map(({ kind }) => kind)).toStrictEqual(['leaderChange', 'taskFailed']);
  expect(timeline).toMatchObject({ from: { sequence: 1 }, isCut: false });
});

test.each([
  ['yesterday', 'malformed'],
  ['999', 'unknownMoment'],
])('%s is refused as %s', async (at, code) => {
  expect(await desk.viewAt(at)).toMatchObject({ ok: false, failure: { code } });
});

// Owns what a session promises about asking the leader for its tasks: when, in how many pages, and what is news.
import { TaskId } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { aTask, eventsOf, offered, requestsOf, settle, subscribed } from './session-driving.ts';
import type { SessionEffect } from './session-vocabulary.ts';

const t1 = TaskId.parse('t1');
const QUARTER_MS = 15 * 60_000;
const always = { reconcile: {} } as const;

const questions = (effects: readonly SessionEffect[]) =>
  requestsOf(effects).flatMap(({ call }) => (call.name === 'reconcile' ? [call.body] : []));
const updates = (effects: readonly SessionEffect[]) =>
  eventsOf(effects).flatMap((event) =>
    event.kind === 'update' ? [[event.update.task.taskId, event.update.state]] : [],
  );

/** A task was launched and confirmed, and nothing was heard of it. */
function silentTask() {
  const { session, leader, offers } = offered(1, always);
  leader.isMute = true;
  settle(session, leader, session.accept({ offers, launches: [aTask('t1')] }, 0).effects, 0);
  leader.calls.length = 0;
  return { session, leader };
}

describe('asking', () => {
  it('for all tasks follows each subscription', () => {
    const { session, leader } = subscribed(always);
    leader.disconnect();
    settle(session, leader, session.kill(t1, 1), 1);
    const names = leader.calls.map(({ name }) => name);
    expect(names.filter((name) => name === 'reconcile')).toHaveLength(2);
    expect(names.indexOf('reconcile')).toBe(1);
  });

  it('goes through all pages', () => {
    const { session, leader } = subscribed(always);
    leader.pageSize = 2;
    for (const id of ['a', 'b', 'c', 'd', 'e']) leader.beliefs.set(TaskId.parse(id), 'running');
    const effects = settle(session, leader, session.tick(QUARTER_MS), QUARTER_MS);
    expect(questions(effects)).toEqual([
      { tasks: [] },
      { tasks: [], after: 'b' },
      { tasks: [], after: 'd' },
    ]);
    expect(updates(effects).map(([id]) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('is repeated every quarter of an hour, or as often as is set', () => {
    const { session, leader } = subscribed(always);
    expect(questions(settle(session, leader, session.tick(QUARTER_MS - 1), 0))).toEqual([]);
    expect(questions(session.tick(QUARTER_MS))).toEqual([{ tasks: [] }]);
    const quick = subscribed({ reconcile: { intervalMs: 1000 } });
    expect(questions(quick.session.tick(1000))).toEqual([{ tasks: [] }]);
  });

  it('does not happen by itself when the user reconciles himself', () => {
    const { session, leader } = subscribed({ reconcile: false });
    settle(session, leader, session.tick(QUARTER_MS), QUARTER_MS);
    expect(leader.calls.filter(({ name }) => name === 'reconcile')).toEqual([]);
  });

  it('for a task of which nothing was heard begins after a minute and doubles up to ten', () => {
    const { session, leader } = silentTask();
    leader.beliefs.set(t1, 'staging');
    const askedMs: number[] = [];
    for (let nowMs = 1000; nowMs < 45 * 60_000; nowMs += 1000) {
      const effects = settle(session, leader, session.tick(nowMs), nowMs);
      if (questions(effects).some(({ tasks }) => tasks.length > 0)) askedMs.push(nowMs);
    }
    const gaps = askedMs.map((atMs, index) => (atMs - (askedMs[index - 1] ?? 0)) / 60_000);
    expect(gaps).toEqual([1, 2, 4, 8, 10, 10]);
  });

  it('for a silent task ends when something is heard of it', () => {
    const { session, leader } = silentTask();
    leader.update(t1, 'agent', 1, 'running');
    for (const [index, update] of leader.stream.entries()) session.updateRead(index + 1, update, 5);
    for (let nowMs = 1000; nowMs < QUARTER_MS; nowMs += 1000)
      settle(session, leader, session.tick(nowMs), nowMs);
    expect(leader.calls.filter(({ name }) => name === 'reconcile')).toEqual([]);
  });

  it('by name follows for a task that is in no page of an answer about all', () => {
    const { session, leader } = silentTask();
    leader.beliefs.set(TaskId.parse('other'), 'running');
    const effects = settle(session, leader, session.reconnected(1), 1);
    leader.disconnect();
    effects.push(...settle(session, leader, session.tick(30_000), 30_000));
    expect(questions(effects)).toEqual([
      { tasks: [] },
      { tasks: [{ taskId: t1, agentId: 'agent-1' }] },
    ]);
    expect(updates(effects)).toEqual([
      ['other', 'running'],
      ['t1', 'gone'],
    ]);
  });
});

describe('an answer', () => {
  it('that the leader knows no such task is the end of a launched one, as gone', () => {
    const { session, leader } = silentTask();
    const effects = settle(session, leader, session.tick(60_000), 60_000);
    expect(eventsOf(effects)).toMatchObject([
      {
        kind: 'update',
        streamSequence: undefined,
        update: { state: 'gone', reason: 'reconciliation', source: 'master', agentId: 'agent-1' },
      },
    ]);
  });

  it('about a task whose accept is not answered yet is no news', () => {
    const { session, leader, offers } = offered(1, always);
    const sent = session.accept({ offers, launches: [aTask('t1')] }, 0).effects;
    const asked = session.call({ name: 'reconcile', body: { tasks: [{ taskId: t1 }] } }, 0);
    expect(updates(settle(session, leader, asked.effects))).toEqual([]);
    const [accepted] = eventsOf(settle(session, leader, sent));
    expect(accepted).toMatchObject({ kind: 'accepted', outcome: { ok: true } });
  });

  it('tells an end of which no update came', () => {
    const { session, leader } = silentTask();
    leader.beliefs.set(t1, 'killed');
    const effects = settle(session, leader, session.tick(60_000), 60_000);
    expect(updates(effects)).toEqual([['t1', 'killed']]);
    leader.update(t1, 'agent', 1, 'killed');
    const [late] = leader.stream;
    if (late) expect(eventsOf(session.updateRead(1, late, 60_001))).toEqual([]);
  });

  it('tells tasks that an earlier scheduler launched', () => {
    const { session, leader } = subscribed(always);
    leader.beliefs.set(t1, 'running');
    const effects = settle(session, leader, session.tick(QUARTER_MS), QUARTER_MS);
    expect(updates(effects)).toEqual([['t1', 'running']]);
    const again = settle(session, leader, session.tick(2 * QUARTER_MS), 2 * QUARTER_MS);
    expect(questions(again)).toEqual([{ tasks: [] }]);
    expect(updates(again)).toEqual([]);
  });

  it('that says what the updates said is no news', () => {
    const { session, leader } = subscribed(always);
    leader.update(t1, 'agent', 1, 'running');
    const effects = settle(session, leader, session.tick(QUARTER_MS), QUARTER_MS);
    expect(updates(effects)).toEqual([['t1', 'running']]);
    expect(eventsOf(effects)).toMatchObject([{ streamSequence: 1 }]);
  });

  it('waits until the stream is read as far as it holds', () => {
    const { session, leader } = subscribed(always);
    leader.update(t1, 'agent', 1, 'finished');
    const asked = requestsOf(session.tick(QUARTER_MS)).find(
      ({ call }) => call.name === 'reconcile',
    );
    if (asked === undefined) throw new Error('not asked');
    const answer = leader.request(asked.call, asked.header);
    const effects = session.answered(asked.counter, answer, QUARTER_MS);
    expect(eventsOf(effects)).toEqual([]);
    expect(effects).toContainEqual({ kind: 'catchUp', streamSequence: 1 });
    expect(session.caughtUp({ streamCreatedMs: 1, sequence: 0 }, QUARTER_MS)).toEqual([]);
    const [update] = leader.stream;
    if (update) session.updateRead(1, update, QUARTER_MS);
    expect(eventsOf(session.caughtUp({ streamCreatedMs: 1, sequence: 1 }, QUARTER_MS))).toEqual([]);
  });

  it('is left out when something later was delivered meanwhile', () => {
    const { session, leader } = subscribed(always);
    leader.update(t1, 'agent', 1, 'running');
    const asked = requestsOf(session.tick(QUARTER_MS)).find(
      ({ call }) => call.name === 'reconcile',
    );
    if (asked === undefined) throw new Error('not asked');
    session.answered(asked.counter, leader.request(asked.call, asked.header), QUARTER_MS);
    leader.update(t1, 'master', 1, 'unreachable');
    for (const [index, update] of leader.stream.entries())
      session.updateRead(index + 1, update, QUARTER_MS);
    expect(eventsOf(session.caughtUp({ streamCreatedMs: 1, sequence: 2 }, QUARTER_MS))).toEqual([]);
  });

  it('about a stream that is another one by now is left out, and asked for again', () => {
    const { session, leader } = silentTask();
    leader.update(TaskId.parse('other'), 'agent', 1, 'running');
    const asked = requestsOf(session.tick(60_000)).find(({ call }) => call.name === 'reconcile');
    if (asked === undefined) throw new Error('not asked');
    session.answered(asked.counter, leader.request(asked.call, asked.header), 60_000);
    expect(eventsOf(session.caughtUp({ streamCreatedMs: 2, sequence: 9 }, 60_000))).toEqual([]);
    expect(questions(session.tick(120_000))).toEqual([{ tasks: [] }]);
  });

  it('to a question of the user is told to him, and what is news in it comes as an update', () => {
    const { session, leader } = silentTask();
    const sent = session.call({ name: 'reconcile', body: { tasks: [{ taskId: t1 }] } }, 1);
    const events = eventsOf(settle(session, leader, sent.effects, 1));
    expect(events).toMatchObject([
      {
        kind: 'answered',
        callId: sent.callId,
        outcome: { value: { statuses: [{ state: 'unknown' }] } },
      },
      { kind: 'update', update: { state: 'gone' } },
    ]);
  });
});

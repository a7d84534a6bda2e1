// Owns the end of frameworks: teardown by themselves or by an operator, and the failover timeout. Resources of theirs are
// free only when their tasks and executors have really gone; then the framework is forgotten, but for its tombstone.
// Mesos docs, "Scheduler HTTP API", TEARDOWN; there the resources are free at once, and are given out twice.
import { nextFrameworkState } from '@parley/lifecycle/transitions';
import { fail, succeed } from '@parley/protocol/errors';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { dropCardIfOver } from './cards.ts';
import { shutDownExecutorsOf } from './executor-book.ts';
import { dropEvents } from './framework-events.ts';
import { discardOffers, outstandingOffers } from './offer-book.ts';
import { orderKill } from './orders.ts';
import type { FrameworkRecord, TombstoneRecord } from './records.ts';
import { bury, removedFailure } from './tombstones.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/** Fails with `frameworkRemoved` when it is removed already, with `notSubscribed` when there is no such framework. */
export function tearDownByOperator(turn: Turn, framework: FrameworkRef): Answer {
  const { state } = turn;
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  if (record?.state === 'removed' || state.tombstones.has(key)) return removedFailure(key);
  if (record === undefined) return fail('notSubscribed', `there is no framework ${key}`);
  removeFramework(turn, record, 'teardownByOperator');
  return succeed({});
}

/** For good: its id is not used again. Its tasks are killed, its executors shut down. */
export function removeFramework(
  turn: Turn,
  record: FrameworkRecord,
  reason: TombstoneRecord['reason'],
): void {
  const { state } = turn;
  const { framework } = record;
  const key = frameworkKey(framework);
  const next = nextFrameworkState(record.state, reason);
  if (next === undefined) {
    reportViolation(turn, key, `${reason} while ${record.state}`);
    return;
  }
  discardOffers(turn, outstandingOffers(state, record), 'frameworkRemoved');
  const { failoverAtMs: _, demand: _demand, ...rest } = state.frameworks.get(key) ?? record;
  const removed: FrameworkRecord = { ...rest, state: next };
  state.books.frameworkChanged(record, removed);
  state.frameworks.put(key, removed);
  dropEvents(state, key);
  if (state.frameworkSettings.has(key)) {
    state.frameworkSettings.delete(key);
    state.books.sharers.weighs(key, DEFAULT_WEIGHT);
    state.marks.frameworkShare(framework);
  }
  bury(turn, { framework, removedAtMs: turn.context.coreTimeMs, reason });
  state.marks.framework(framework);
  report(turn, { type: 'frameworkRemoved', framework, reason });
  for (const task of [...(state.books.frameworks.get(key)?.tasks ?? [])]) {
    const live = state.tasks.get(task);
    if (live !== undefined) orderKill(turn, live, { reason: 'frameworkRemoved' });
  }
  shutDownExecutorsOf(turn, key);
  forgetIfOver(turn, key);
}

/** A removed framework is forgotten when its last task and its last executor have ended; the tombstone stays. */
export function forgetIfOver({ state }: Turn, key: string): void {
  const record = state.frameworks.get(key);
  if (record?.state !== 'removed') return;
  const book = state.books.frameworks.get(key);
  if ((book?.tasks.size ?? 0) + (book?.executors.size ?? 0) > 0) return;
  state.frameworks.delete(key);
  state.books.frameworkChanged(record, undefined);
  state.books.dropFrameworkIfEmpty(key);
  dropCardIfOver(state, key);
}

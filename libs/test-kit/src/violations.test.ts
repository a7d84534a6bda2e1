// Owns the rules of when an accept uses an offer that the framework knows to be taken back, and until when an update may
// wait for its acknowledgement. The other rules are tested on a whole cluster in test-cluster.test.ts.
import { ClusterName, FrameworkRef, OfferId } from '@parley/protocol/ids';
import { AcceptRequest } from '@parley/protocol/offers';
import { StatusUpdate } from '@parley/protocol/tasks';
import { beforeEach, expect, test } from 'vitest';
import type { FrameworkCall } from './framework-calls.ts';
import { MemoryUpdates } from './memory-updates.ts';
import { ViolationWatch } from './violations.ts';
import { VirtualClock } from './virtual-clock.ts';

const framework = FrameworkRef.parse({ principal: 'team', frameworkId: 'fw' });
const offerId = OfferId.parse('o1-1');
const RESCIND = 7;

let clock: VirtualClock;
let watch: ViolationWatch;
/** Of the update: when it was delivered. */
let deliveriesMs: number[];
let isGone: boolean;
beforeEach(() => {
  clock = new VirtualClock();
  deliveriesMs = [];
  isGone = false;
  watch = new ViolationWatch({
    clock,
    isAcknowledged: () => false,
    deliveredMs: (_framework, _update, sinceMs) => deliveriesMs.find((ms) => ms >= sinceMs),
    isGone: () => isGone,
    hasSeen: () => true,
    thereSinceMs: () => 0,
  });
  watch.rescindTold(framework, [offerId], RESCIND);
});

function accept(counter: number): FrameworkCall {
  return {
    kind: 'call',
    caller: { kind: 'framework', ...framework },
    request: { session: 's', counter, lowest: 1 },
    call: { verb: 'accept', body: AcceptRequest.parse({ offerIds: [offerId], operations: [] }) },
  };
}

function pass(ms: number): void {
  for (const untilMs = clock.nowMs() + ms; clock.step(untilMs); );
}

function store(): void {
  const updates = new MemoryUpdates(ClusterName.parse('test'), clock);
  updates.onStored((stored) => watch.stored(stored));
  const task = { ...framework, taskId: 't1' };
  const agent = { agentId: 'agent-1', source: 'agent', sequence: 1, wallTimeMs: 0 };
  updates.append(StatusUpdate.parse({ task, ...agent, state: 'running' }));
}

test('an accept is no fault while the framework has confirmed only what came before the rescind', () => {
  watch.confirmed(framework, RESCIND - 1);
  pass(60_000);
  watch.sent(accept(1));
  watch.called(accept(1));
  expect(watch.found).toEqual([]);
});

test('an accept that was sent before the rescind was confirmed is no fault, however late a repetition arrives', () => {
  watch.sent(accept(1));
  watch.confirmed(framework, RESCIND);
  pass(60_000);
  watch.sent(accept(1));
  watch.called(accept(1));
  expect(watch.found).toEqual([]);
});

test('an accept that is sent a second after the rescind was confirmed, and later, is a fault', () => {
  watch.confirmed(framework, RESCIND);
  pass(1000);
  watch.sent(accept(1));
  watch.called(accept(1));
  expect(watch.found).toEqual([]);
  pass(1);
  watch.sent(accept(2));
  watch.called(accept(2));
  expect(watch.found).toMatchObject([{ kind: 'usedRescindedOffer', framework, atMs: 1001 }]);
});

test('an update is to be acknowledged within a minute of its delivery, however late that is', () => {
  store();
  pass(100_000);
  deliveriesMs.push(clock.nowMs());
  pass(59_999);
  expect(watch.found).toEqual([]);
  pass(60_001);
  expect(watch.found).toMatchObject([{ kind: 'unacknowledgedUpdate', framework }]);
  pass(600_000);
  expect(watch.found).toHaveLength(1);
});

test('a framework that is gone acknowledges nothing more, and need not', () => {
  store();
  deliveriesMs.push(0);
  isGone = true;
  pass(600_000);
  expect(watch.found).toEqual([]);
  expect(clock.nextMs).toBeUndefined();
});

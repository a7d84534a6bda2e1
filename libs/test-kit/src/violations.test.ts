// Owns the rule of when an accept uses an offer that the framework knows to be taken back. The other rules are tested on
// a whole cluster in test-cluster.test.ts.
import { FrameworkRef, OfferId } from '@parley/protocol/ids';
import { AcceptRequest } from '@parley/protocol/offers';
import { beforeEach, expect, test } from 'vitest';
import type { FrameworkCall } from './framework-calls.ts';
import { ViolationWatch } from './violations.ts';
import { VirtualClock } from './virtual-clock.ts';

const framework = FrameworkRef.parse({ principal: 'team', frameworkId: 'fw' });
const offerId = OfferId.parse('o1-1');
const RESCIND = 7;

let clock: VirtualClock;
let watch: ViolationWatch;
beforeEach(() => {
  clock = new VirtualClock();
  watch = new ViolationWatch({
    clock,
    isAcknowledged: () => true,
    deliveredMs: () => undefined,
    isGone: () => false,
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

const pass = (ms: number): boolean => clock.step(clock.nowMs() + ms);

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

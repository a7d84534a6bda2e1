// Tests the core as a whole on random inputs: it is total, keeps its invariants, and a state restored from a
// snapshot goes on exactly as the one that it was taken of.
import { decode, encode } from '@parley/protocol/codec';
import { frameworkKey } from '@parley/protocol/ids';
import { amountOf, sum } from '@parley/resources/resources';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterCore, factsSnapshot, takeoverEffects } from './cluster-core.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Effect } from './effects.ts';
import type { ClusterEvent } from './events.ts';
import type { Input } from './inputs.ts';
import { checkInvariants } from './invariants.ts';
import { offersOf, resourcesOf } from './offer-book.ts';
import { maxOffersOf } from './offer-expiry.ts';
import { type Choice, RandomInputs, type Step, steps } from './random-inputs.ts';
import type { SnapshotItem } from './snapshot.ts';
import type { StepContext } from './turn.ts';

type Entry = { readonly context: StepContext; readonly inputs: readonly Input[] };

function stepEntry(state: ClusterState, { context, inputs }: Entry): Effect[] {
  const effects = clusterCore.begin(state, context);
  for (const input of inputs) effects.push(...clusterCore.step(state, context, input));
  effects.push(...clusterCore.finish(state, context));
  return effects;
}

/** Makes each entry out of the state before it; `visit` sees the state after it. */
function run(
  all: readonly Step[],
  visit: (state: ClusterState, entry: Entry, effects: Effect[]) => void,
): ClusterState {
  const state = clusterCore.create();
  const random = new RandomInputs();
  let coreTimeMs = 0;
  for (const [index, { passMs, choices }] of all.entries()) {
    coreTimeMs += passMs;
    const epoch = { bucketCreatedMs: 1, revision: 1 };
    const context = {
      ...{ sequence: index + 1, epoch, coreTimeMs, wallTimeMs: coreTimeMs },
      rulesVersion: clusterCore.rulesVersion,
    };
    const entry = { context, inputs: choices.map((choice) => random.make(state, choice)) };
    visit(state, entry, stepEntry(state, entry));
  }
  return state;
}

/** As through a snapshot store: in bytes. */
function restored(state: ClusterState): ClusterState {
  const reader = clusterCore.snapshot(state);
  const items: SnapshotItem[] = [];
  for (let part = reader.next(7); part.length > 0; part = reader.next(7)) items.push(...part);
  return clusterCore.restore(decode(encode(items)) as SnapshotItem[]);
}

function namesOf(effect: Effect): string[] {
  if (effect.kind === 'order') return [effect.kind, effect.order.kind];
  if (effect.kind === 'answer') {
    return effect.answer.ok ? [effect.kind] : [effect.kind, effect.answer.failure.code];
  }
  if (effect.kind !== 'event') return [effect.kind];
  const { event } = effect;
  if (event.type === 'proposalRefused') {
    return [event.type, ...(event.why.includes('would pass its limit') ? ['a limit'] : [])];
  }
  if (event.type === 'taskStateChanged') return [event.type, event.to];
  if (event.type === 'offerRescinded') return [event.type, event.reason];
  return [event.type];
}

type OfferMade = Extract<ClusterEvent, { type: 'offerMade' }>;

/**
 * With the last offer that was made to it: of what that holds nothing of, the first one may hold more than the cap. The
 * disk of volumes is not looked at.
 */
function isWithinBounds(state: ClusterState, { framework, resources }: OfferMade): boolean {
  const key = frameworkKey(framework);
  const book = state.books.framework(key);
  if (book.offers.size === 1) return true;
  const record = state.frameworks.get(key);
  const maxOffers = (record && maxOffersOf(record)) ?? Number.POSITIVE_INFINITY;
  const { outstandingCapPermille } = state.record.settings;
  const held = sum(offersOf(state, book.offers).map(resourcesOf));
  return (
    book.offers.size <= maxOffers &&
    Object.keys(resources.scalars).every(
      (name) => amountOf(held, name) * 1000 <= state.books.total.get(name) * outstandingCapPermille,
    )
  );
}

const READS = new Set(['resync', 'reconcile']);
const RUNS = { numRuns: 150 };

/** Kinds of effects and events, and what they say: random inputs that never come to one of them would test less than they seem to. */
const TO_BE_SEEN: readonly string[] = [
  'answer',
  'offers',
  'rescind',
  'order',
  'writeUpdate',
  'facts',
  'frameworkRemoved',
  'frameworkRampedUp',
  'frameworkUpdated',
  'reservationChanged',
  'offerTimeout',
  'agentChanged',
  'agentDeactivated',
  'agentDraining',
  'agentDrained',
  'maintenanceChanged',
  'agentOversubscribed',
  'revocableTakenBack',
  'roleDropped',
  'takenByOperator',
  'volumeDestroyed',
  'quotaChanged',
  'roleSharesChanged',
  'frameworkSharesChanged',
  'needsForce',
  'invalidQuota',
  'unknownRole',
  'a limit',
  'sessionReplaced',
  'invalidAccept',
  'destroyVolume',
  'executorLaunched',
  'executorExited',
  'events',
  'agentGone',
  'agentReactivated',
  'agentUnreachable',
  'proposalRefused',
  'protocolViolation',
  'staging',
  'running',
  'unreachable',
  'finished',
  'gone',
  'dropped',
  'error',
];

const stepOf = (...choices: Choice[]): Step => ({ passMs: 0, choices });

/** Found once: an agent refuses a revocable task, names it, lends nothing any more, and then reports that it runs. */
const REFUSED_AND_RUN: Step[] = [
  stepOf([0, 0, 0, 0], [0, 0, 0, 0]),
  stepOf([0, 0, 0, 0], [0, 0, 0, 0]),
  stepOf([0, 3, 4, 0], [0, 0, 0, 0]),
  stepOf([0, 0, 0, 0], [0, 65, 0, 17], [6, 11, 28, 0]),
  stepOf([35, 1, 27, 18], [11, 8, 40, 82]),
  stepOf([30, 0, 52, 78], [0, 2, 0, 5]),
  stepOf([69, 0, 0, 0]),
  stepOf([0, 68, 0, 28]),
  stepOf([88, 33, 0, 21]),
  stepOf([78, 83, 0, 0]),
];

describe('the core on random inputs', () => {
  test('keeps its invariants after every entry', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(steps, (all) => {
        run(all, (state) => expect(checkInvariants(state)).toEqual([]));
      }),
      { ...RUNS, examples: [[REFUSED_AND_RUN]] },
    );
  });

  test('restored at any entry has the same hash and the same effects ever after', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(steps, fc.nat(59), (all, at) => {
        let copy: ClusterState | undefined;
        run(all, (state, entry, effects) => {
          if (copy !== undefined) {
            expect(stepEntry(copy, entry)).toEqual(effects);
            expect(clusterCore.hash(copy)).toBe(clusterCore.hash(state));
          }
          if (entry.context.sequence - 1 === at % all.length) {
            copy = restored(state);
            expect(clusterCore.hash(copy)).toBe(clusterCore.hash(state));
            expect(checkInvariants(copy)).toEqual([]);
            expect(factsSnapshot(copy)).toEqual(factsSnapshot(state));
            // What the allocator was told lately is in no snapshot.
            const lasting = (one: ClusterState) =>
              takeoverEffects(one).filter(({ kind }) => kind !== 'facts');
            expect(lasting(copy)).toEqual(lasting(state));
          }
        });
      }),
      RUNS,
    );
  });

  test('is read into a snapshot as it was, though entries are stepped meanwhile', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(steps, fc.nat(59), (all, at) => {
        const items: SnapshotItem[] = [];
        let reader: { next(limit: number): SnapshotItem[] } | undefined;
        let hash = '';
        run(all, (state, { context }) => {
          items.push(...(reader?.next(3) ?? []));
          if (context.sequence - 1 !== at % all.length) return;
          reader = clusterCore.snapshot(state);
          hash = clusterCore.hash(state);
        });
        items.push(...(reader?.next(100_000) ?? []));
        expect(clusterCore.hash(clusterCore.restore(items))).toBe(hash);
      }),
      RUNS,
    );
  });

  test('makes no offer that brings a framework above its cap or its number of offers', {
    timeout: 120_000,
  }, () => {
    let made = 0;
    fc.assert(
      fc.property(steps, (all) => {
        run(all, (state, { inputs }, effects) => {
          // Where an entry holds nothing else, the state after it is that in which the offers were made.
          if (inputs.length > 1 || inputs[0]?.kind !== 'proposals') return;
          const last = new Map(
            effects.flatMap((effect): [string, OfferMade][] =>
              effect.kind === 'event' && effect.event.type === 'offerMade'
                ? [[frameworkKey(effect.event.framework), effect.event]]
                : [],
            ),
          );
          for (const offer of last.values()) {
            made += 1;
            expect(isWithinBounds(state, offer)).toBe(true);
          }
        });
      }),
      RUNS,
    );
    expect(made).toBeGreaterThan(0);
  });

  test('answers a repeated request as before and changes nothing', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(steps, (all) => {
        run(all, (state, { inputs, context }, effects) => {
          const last = inputs.at(-1);
          if (last?.kind !== 'call' || READS.has(last.call.verb)) return;
          const first = effects.findLast((effect) => effect.kind === 'answer');
          if (first?.answer.ok === false && first.answer.failure.code === 'overloaded') return;
          const hash = clusterCore.hash(state);
          expect(clusterCore.step(state, context, last)).toEqual([first]);
          expect(clusterCore.hash(state)).toBe(hash);
        });
      }),
      RUNS,
    );
  });

  test('goes through every kind of effect and through launches, returns and ends', {
    timeout: 120_000,
  }, () => {
    const missing = new Set(TO_BE_SEEN);
    for (let seed = 1; missing.size > 0 && seed <= 4000; seed += 1) {
      const [all = []] = fc.sample(steps, { numRuns: 1, seed });
      run(all, (_state, _entry, effects) => {
        for (const effect of effects) for (const name of namesOf(effect)) missing.delete(name);
      });
    }
    expect([...missing]).toEqual([]);
  });
});

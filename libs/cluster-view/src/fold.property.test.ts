// Owns the rule that makes the time machine honest: the view of a state is the view of an earlier one and the events since.
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import { RandomInputs, type Step, steps } from '@parley/cluster/random-inputs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apply } from './apply.ts';
import { query } from './query.ts';
import { emptyView, type Moment, type TaskRow, type View } from './view.ts';
import { viewOf } from './view-of-state.ts';

/** What both ways of making a view know: when a task changed, and what has ended, is only in the events. */
function comparable(view: View): unknown {
  const tasks = [...view.tasks].map(([key, row]) => [key, withoutWords(row)]);
  const frameworks = [...view.frameworks].map(([key, { deeds: _, ...row }]) => [
    key,
    { ...row, tasks: live(row.tasks) },
  ]);
  return {
    ...{ leader: view.leader, total: view.total, allocated: view.allocated, offered: view.offered },
    agents: sorted([...view.agents]),
    frameworks: sorted(frameworks),
    tasks: sorted(tasks),
    executors: sorted([...view.executors]),
    offers: sorted([...view.offers]),
    roles: sorted([...view.roleSettings]),
  };
}

const withoutWords = ({ reason: _r, message: _m, changedAtMs: _c, ...row }: TaskRow): unknown =>
  row;
const ENDS = new Set(['finished', 'failed', 'killed', 'error', 'dropped', 'gone']);
const live = (tasks: object): object =>
  Object.fromEntries(Object.entries(tasks).filter(([state]) => !ENDS.has(state)));
const sorted = (rows: readonly unknown[]): unknown[] =>
  [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

type Told = { readonly moment: Moment; readonly event: ClusterEvent };

function run(
  all: readonly Step[],
  visit: (state: ClusterState, told: readonly Told[]) => void,
): void {
  const state = clusterCore.create();
  const random = new RandomInputs();
  let coreTimeMs = 0;
  for (const [number, { passMs, choices }] of all.entries()) {
    coreTimeMs += passMs;
    const sequence = number + 1;
    const context = {
      ...{ sequence, epoch: { bucketCreatedMs: 1, revision: 1 }, coreTimeMs },
      ...{ wallTimeMs: coreTimeMs, rulesVersion: clusterCore.rulesVersion },
    };
    const effects: Effect[] = clusterCore.begin(state, context);
    for (const choice of choices)
      effects.push(...clusterCore.step(state, context, random.make(state, choice)));
    effects.push(...clusterCore.finish(state, context));
    const told = [...effects.entries()].flatMap(([index, effect]) =>
      effect.kind === 'event'
        ? [{ moment: { sequence, index, coreTimeMs }, event: effect.event }]
        : [],
    );
    visit(state, told);
  }
}

const applyAll = (view: View, told: readonly Told[]): void => {
  for (const { moment, event } of told) apply(view, moment, event);
};

test('folding the events from the beginning gives the view of the state, after every entry (property)', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const view = emptyView();
      run(all, (state, told) => {
        applyAll(view, told);
        expect(comparable(view)).toStrictEqual(comparable(viewOf(state, view.moment)));
      });
    }),
    { numRuns: 60 },
  );
});

test('folding them from the view of any moment gives the same (property)', () => {
  fc.assert(
    fc.property(steps, fc.nat(19), (all, from) => {
      const whole = emptyView();
      let later: View | undefined;
      let entries = 0;
      run(all, (state, told) => {
        applyAll(whole, told);
        if (later !== undefined) applyAll(later, told);
        else if (entries === from) later = viewOf(state, whole.moment);
        entries += 1;
      });
      expect(later && comparable(later)).toStrictEqual(comparable(whole));
    }),
    { numRuns: 60 },
  );
});

test('an event that was seen already changes nothing', () => {
  const view = emptyView();
  const moment = { sequence: 1, index: 0, coreTimeMs: 5 };
  const event = { type: 'termStarted', epoch: { bucketCreatedMs: 1, revision: 1 }, masterId: 'm1' };
  apply(view, moment, event as never);
  apply(view, moment, { ...event, masterId: 'm2' } as never);
  expect(view.leader).toBe('m1');
});

test('a framework is remembered with what became of its offers, and with its job completion once it is removed', () => {
  const view = emptyView();
  const framework = { principal: 'alice', frameworkId: 'f1' };
  const task = { ...framework, taskId: 't1' };
  const resources = { scalars: { cpus: 1000 }, ports: [], sets: {} };
  const about = { framework, role: '*', agentId: 'a1', resources };
  const told = [
    [100, { type: 'frameworkSubscribed', framework, name: 'web', roles: ['*'], session: 1 }],
    [200, { type: 'offerMade', offerId: 'o1', ...about }],
    [210, { type: 'offerDeclined', offerId: 'o1', ...about, refuseMs: 5, reason: 'mem' }],
    [300, { type: 'offerMade', offerId: 'o2', ...about }],
    [310, { type: 'offerAccepted', offerId: 'o2', ...about }],
    [310, { type: 'taskStateChanged', task, name: 't', agentId: 'a1', to: 'staging', resources }],
    [900, { type: 'taskStateChanged', task, name: 't', agentId: 'a1', to: 'finished', resources }],
    [950, { type: 'frameworkRemoved', framework, reason: 'teardown' }],
  ] as const;
  for (const [sequence, [coreTimeMs, event]] of told.entries())
    apply(view, { sequence: sequence + 1, index: 0, coreTimeMs }, event as never);
  expect(view.frameworks.size).toBe(0);
  expect(query(view, 'frameworks', { filter: 'state:removed' }).items).toStrictEqual([
    expect.objectContaining({
      ...{ name: 'web', state: 'removed', submittedAtMs: 100, completionMs: 800 },
      tasks: { finished: 1 },
      deeds: {
        ...{ offered: 2, accepted: 1, declined: 1, rescinded: 0 },
        ...{ lastOfferAtMs: 300, declinedBecause: { mem: 1 }, lastUpdateAtMs: 900 },
      },
    }),
  ]);
});

// Tests of the page on one framework: all of the report, in words and units for people.
import { describe, expect, it } from 'vitest';
import { formatDuration } from './cluster-summary.ts';
import { describeFramework } from './framework-page.ts';
import { reportFramework } from './framework-report.ts';
import { aState, cpus, framework, key } from './scripted-framework.ts';

it('what may run on revocable resources, and what is offered of them, is told', () => {
  const state = aState();
  const record = state.frameworks.get(key);
  const offer = state.offers.get('o1');
  if (record === undefined || offer === undefined) throw new Error('no record');
  const [first, second] = record.demand ?? [];
  if (first === undefined || second === undefined) throw new Error('no demand');
  const demand = [
    { ...first, revocable: 'also' as const },
    { ...second, revocable: 'only' as const },
  ];
  state.frameworks.put(key, { ...record, demand });
  state.offers.put('o1', { ...offer, revocable: cpus(1500) });
  const report = reportFramework(state, framework);
  expect(report?.standing?.demand).toMatchObject([{ revocable: 'also' }, { revocable: 'only' }]);
  const page = report === undefined ? '' : describeFramework(report);
  expect(page).toContain('cpus 0.5, on revocable resources too');
  expect(page).toContain('cpus 0.1, on revocable resources only');
  expect(page).toContain('cpus 2, mem 32 MiB; revocable: cpus 1.5; r1: cpus 0.5');
});

describe('the page on a framework', () => {
  it('prints all of the report', () => {
    const report = reportFramework(aState(), framework);
    if (report === undefined) throw new Error('no report');
    expect(describeFramework(report)).toMatchInlineSnapshot(`
      "framework         batch/run-1
      state             disconnected
      name              nightly
      roles             eng,ops (suppressed)
      set for it        weight 1; guarantee none; limit none
      session           4
      failover timeout  1 h; it is removed in 1.5 min
      offer timeout     10 s
      tasks             running 2
      executors         1
      allocated         2.60 CPUs, 128 MiB; share 33 % (cpus)
      events            1 not acknowledged, 0 dropped

      DEMAND   ROLE  OF        WHERE
      3 tasks  eng   cpus 0.5  anywhere
      1 task   ops   cpus 0.1  [{"name":"zone","operator":"exists"}]

      OFFER  AGENT  ROLE  HELD  EXPIRES  RESOURCES
      o1     a1     eng   1 s   in 9 s   cpus 2, mem 32 MiB; r1: cpus 0.5

      report card
        offers             30 made: 6 accepted, 12 declined, 2 expired (1 of them ignored), 4 rescinded
        accept ratio       30 %
        share of declined  60 %
        reasons            locality 7, tooSmall 2
        mean holding time  100 ms
        tasks              9 launched; ended: finished 7, failed 1
        median task        below 2 s
        launch here        below 128 ms (median of all frameworks)

      warning: Its tasks are short: the median takes less than 2 s, and a launch on this cluster up to 128 ms. Tasks of 20 times a launch or longer use a cluster better: give each more to do.

      warning: It let 2 offers expire that it had seen, and so it is offered less at a time: it should accept or decline every offer at once.
      "
    `);
  });

  it('prints what is left of one that was removed', () => {
    const page = describeFramework({
      framework: 'a/b',
      state: 'removed (teardown)',
      standing: undefined,
      card: undefined,
      warnings: [],
    });
    expect(page).toBe(
      'framework  a/b\nstate      removed (teardown)\n\nnothing was counted of it\n',
    );
  });

  it.each([
    [-5, '0 ms'],
    [830.4, '830 ms'],
    [4200, '4.2 s'],
    [90_000, '1.5 min'],
    [3_600_000, '1 h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

import { RoleName } from '@parley/protocol/ids';
import type { RevocableTask } from '@parley/protocol/revocations';
import { describe, expect, test } from 'vitest';
import type { Claims, SharingClient } from './claims.ts';
import {
  aClaim,
  aClient,
  agent,
  aTask,
  boundOf,
  chosen,
  cpus,
  heldIn,
  role,
} from './scripted-claims.ts';
import { chooseVictims, needsToTakeFor, unneeded } from './victims.ts';

const need = (amount: number, count = 1, mem = 0) => ({ resources: cpus(amount, mem), count });

/** Guaranteed four, holds nothing, wants what it can get. */
const poor = (changes: Partial<SharingClient> = {}) =>
  aClient('poor', { guarantee: { cpus: 4 }, needs: [need(1, 100)], ...changes });
const tasksOf = (holder: string, count: number, changes: Partial<RevocableTask> = {}) =>
  Array.from({ length: count }, (_, index) => aTask(holder, `${holder}${index}`, changes));
const rich = (tasks: readonly RevocableTask[], changes: Partial<SharingClient> = {}) =>
  aClient('rich', { held: heldIn(tasks, 'rich'), ...changes });

describe('a client below its guarantee', () => {
  test('gets it from one that holds more than it is guaranteed, and no more than that', () => {
    const tasks = tasksOf('rich', 10);
    expect(chosen(aClaim({ clients: [poor(), rich(tasks)], tasks }))).toHaveLength(4);
    const [first] = chooseVictims(aClaim({ clients: [poor(), rich(tasks)], tasks }));
    expect(first).toMatchObject({
      agentId: 'a1',
      reason: 'belowGuarantee',
      beneficiary: { framework: { frameworkId: 'poor' }, role },
    });
  });

  test('counts what it holds and what is offered to it', () => {
    const tasks = tasksOf('rich', 10);
    const some = poor({ held: { cpus: 1 }, offered: { cpus: 2 } });
    expect(chosen(aClaim({ clients: [some, rich(tasks)], tasks }))).toHaveLength(1);
  });

  test('takes nothing without a need, nor for a need that does not lift it', () => {
    const tasks = tasksOf('rich', 10, { resources: cpus(1, 1) });
    const idle = poor({ needs: [] });
    expect(chosen(aClaim({ clients: [idle, rich(tasks)], tasks }))).toEqual([]);
    const other = poor({ needs: [{ resources: cpus(0, 1), count: 1 }] });
    expect(chosen(aClaim({ clients: [other, rich(tasks)], tasks }))).toEqual([]);
  });

  test('never takes one below its guarantee', () => {
    const tasks = tasksOf('rich', 10);
    const guarded = rich(tasks, { guarantee: { cpus: 8 } });
    expect(chosen(aClaim({ clients: [poor(), guarded], tasks }))).toHaveLength(2);
    const safe = rich(tasks, { guarantee: { cpus: 10 } });
    expect(chosen(aClaim({ clients: [poor(), safe], tasks }))).toEqual([]);
  });

  test('takes only what is missing beside what is free on the agent', () => {
    const tasks = tasksOf('rich', 10);
    const big = poor({ needs: [need(4)] });
    const free = new Map([[agent('a1'), cpus(3)]]);
    expect(chosen(aClaim({ clients: [big, rich(tasks)], tasks, free }))).toHaveLength(1);
  });

  test('takes nothing for what is coming back to it already', () => {
    const tasks = tasksOf('rich', 10);
    const client = poor();
    const comingBack = tasks.slice(0, 3).map((task) => ({ ...task, beneficiary: client }));
    const claim = { clients: [client, rich(tasks)], tasks, comingBack };
    expect(chosen(aClaim(claim))).toHaveLength(1);
    const forAnother = comingBack.map((one) => ({ ...one, beneficiary: aClient('other') }));
    expect(chosen(aClaim({ ...claim, comingBack: forAnother }))).toHaveLength(4);
  });

  test('counts what is coming back from a holder as gone', () => {
    const tasks = tasksOf('rich', 10);
    const comingBack = tasks
      .slice(0, 3)
      .map((task) => ({ ...task, beneficiary: aClient('other') }));
    const guarded = rich(tasks, { guarantee: { cpus: 5 } });
    const claim = { clients: [poor(), guarded], tasks, comingBack };
    expect(chosen(aClaim(claim))).toHaveLength(2);
  });

  test('takes nothing from its own framework, nor beyond its limit, nor more than is allowed at once', () => {
    const own = tasksOf('poor', 5, { role: 'other' as never });
    const other = aClient('poor', { role: 'other' as never, held: { cpus: 5 } });
    expect(chosen(aClaim({ clients: [poor(), other], tasks: own }))).toEqual([]);
    const tasks = tasksOf('rich', 10);
    const limited = poor({ limit: { cpus: 3 } });
    expect(chosen(aClaim({ clients: [limited, rich(tasks)], tasks }))).toHaveLength(3);
    expect(chosen(aClaim({ clients: [poor(), rich(tasks)], tasks, limit: 2 }))).toHaveLength(2);
  });

  test('takes nothing for a need that fits no agent, or only one that its constraints rule out', () => {
    const tasks = [...tasksOf('rich', 2), aTask('rich', 'far', { agentId: agent('a2') })];
    const huge = poor({ needs: [need(3)] });
    expect(chosen(aClaim({ clients: [huge, rich(tasks)], tasks }))).toEqual([]);
    const choosy = poor({ needs: [{ ...need(1), agents: new Set([agent('a2')]) }] });
    expect(chosen(aClaim({ clients: [choosy, rich(tasks)], tasks }))).toEqual(['far']);
  });

  test('gives nothing back for what it is only about to get', () => {
    const own = aTask('poor', 'own', { resources: cpus(1, 1) });
    const tasks = [aTask('rich', 'r0', { resources: cpus(4) }), own];
    const client = poor({ held: { cpus: 1, mem: 1 }, needs: [need(4)] });
    const hungry = aClient('hungry', { needs: [need(0, 1, 1)], starvedForMs: 1001 });
    const claim = { clients: [client, rich(tasks), hungry], tasks };
    expect(chosen(aClaim(claim))).toEqual(['r0']);
  });

  test('comes before one that has more of its guarantee', () => {
    const tasks = tasksOf('rich', 1);
    const fuller = aClient('fuller', {
      guarantee: { cpus: 4 },
      held: { cpus: 2 },
      needs: [need(1)],
    });
    const [first] = chooseVictims(aClaim({ clients: [fuller, poor(), rich(tasks)], tasks }));
    expect(first?.beneficiary.framework.frameworkId).toBe('poor');
  });
});

describe('the most expendable task goes first', () => {
  const one = poor({ needs: [need(1)] });
  const first = (tasks: readonly RevocableTask[], clients: readonly SharingClient[] = []) =>
    chosen(aClaim({ clients: [one, rich(tasks), ...clients], tasks }));

  test('the lower priority before who is more above its share', () => {
    const tasks = [aTask('rich', 'dear', { priority: 1 }), aTask('rich', 'r2', { priority: 1 })];
    const other = [aTask('modest', 'cheap')];
    const all = [...tasks, ...other];
    const modest = aClient('modest', { held: { cpus: 1 } });
    expect(first(all, [modest])).toEqual(['cheap']);
  });

  test('who is most above its share before the youngest', () => {
    const tasks = [aTask('rich', 'old'), aTask('rich', 'r2', { launchedAtMs: -1 })];
    const young = aTask('modest', 'young', { launchedAtMs: 99 });
    const modest = aClient('modest', { held: { cpus: 1 } });
    expect(first([...tasks, young], [modest])).toEqual(['old']);
  });

  test('the youngest of one holder', () => {
    const tasks = [aTask('rich', 'old'), aTask('rich', 'young', { launchedAtMs: 9 })];
    expect(first(tasks)).toEqual(['young']);
  });

  test('but none that is not needed after all', () => {
    const tasks = [
      aTask('rich', 'small', { launchedAtMs: 9 }),
      aTask('rich', 'large', { resources: cpus(4) }),
    ];
    const big = poor({ needs: [need(4)] });
    expect(chosen(aClaim({ clients: [big, rich(tasks)], tasks }))).toEqual(['large']);
  });

  test('and one alone where those before it use up what its holder can give', () => {
    const tasks = [
      aTask('rich', 'small', { launchedAtMs: 9 }),
      aTask('rich', 'large', { resources: cpus(4) }),
    ];
    const big = poor({ needs: [need(4)] });
    const guarded = rich(tasks, { guarantee: { cpus: 1 } });
    expect(chosen(aClaim({ clients: [big, guarded], tasks }))).toEqual(['large']);
  });

  test('on the agent where no dearer task goes, then where least is taken', () => {
    const tasks = [
      aTask('rich', 'whole', { resources: cpus(6) }),
      ...['b', 'c'].map((id) => aTask('rich', id, { resources: cpus(2), agentId: agent('a2') })),
      aTask('rich', 'dear', { resources: cpus(4), agentId: agent('a3'), priority: 1 }),
    ];
    const big = poor({ needs: [need(4)] });
    expect(chosen(aClaim({ clients: [big, rich(tasks)], tasks }))).toEqual(['b', 'c']);
  });
});

describe('a client below its fair share', () => {
  const starved = (changes: Partial<SharingClient> = {}) =>
    aClient('starved', { needs: [need(1, 100)], starvedForMs: 1001, ...changes });

  test('takes only when that has lasted for longer than is allowed', () => {
    const tasks = tasksOf('rich', 20);
    const clients = (ms: number) => [starved({ starvedForMs: ms }), rich(tasks)];
    expect(chosen(aClaim({ clients: clients(1000), tasks }))).toEqual([]);
    expect(chosen(aClaim({ clients: clients(1001), tasks }))).toHaveLength(10);
  });

  test('takes nobody below its fair share or below its guarantee', () => {
    const tasks = tasksOf('rich', 13);
    expect(chosen(aClaim({ clients: [starved(), rich(tasks)], tasks }))).toHaveLength(3);
    const guarded = rich(tasks, { guarantee: { cpus: 12 } });
    expect(chosen(aClaim({ clients: [starved(), guarded], tasks }))).toHaveLength(1);
    const large = tasksOf('rich', 3, { resources: cpus(4) });
    expect(chosen(aClaim({ clients: [starved(), rich(large)], tasks: large }))).toEqual([]);
  });

  test('takes nothing that would leave the other with less than it then has itself', () => {
    const tasks = tasksOf('rich', 15);
    const big = starved({ held: { cpus: 9 }, needs: [need(4)] });
    expect(chosen(aClaim({ clients: [big, rich(tasks)], tasks }))).toEqual([]);
    const fits = starved({ held: { cpus: 9 }, needs: [need(2)] });
    expect(chosen(aClaim({ clients: [fits, rich(tasks)], tasks }))).toHaveLength(2);
  });

  test('is at its share when it has that of one resource', () => {
    const tasks = tasksOf('rich', 20);
    const full = starved({ fairShare: { cpus: 10, mem: 10 }, held: { mem: 10 } });
    expect(chosen(aClaim({ clients: [full, rich(tasks)], tasks }))).toEqual([]);
  });

  test('that is below its guarantee, too, takes for each of its tasks once', () => {
    const tasks = tasksOf('rich', 20);
    const both = starved({ guarantee: { cpus: 4 }, needs: [need(1, 3)] });
    expect(chosen(aClaim({ clients: [both, rich(tasks)], tasks }))).toHaveLength(3);
  });

  test('comes after those below their guarantee', () => {
    const tasks = tasksOf('rich', 12);
    const found = chooseVictims(aClaim({ clients: [starved(), poor(), rich(tasks)], tasks }));
    expect(found.map(({ reason }) => reason)).toEqual(Array(4).fill('belowGuarantee'));
  });
});

describe('roles', () => {
  const eng = RoleName.parse('eng');
  const ads = RoleName.parse('eng/ads');
  const web = RoleName.parse('eng/web');
  const tasks = tasksOf('rich', 10, { role: ads });
  const richInAds = rich(tasks, { role: ads });
  type Given = Partial<Claims> & { readonly clients: readonly SharingClient[] };
  const chosenWhere = (changes: Parameters<typeof boundOf>[2], given: Given): string[] =>
    chosen(aClaim({ ...given, roles: boundOf(eng, given.clients, changes) }));

  test('keep what they are guaranteed from whoever is outside, and not from who is within', () => {
    const set = { guarantee: { cpus: 8 } };
    const given = { clients: [poor(), richInAds], tasks };
    expect(chosenWhere(set, given)).toHaveLength(2);
    const within = [poor({ role: web }), richInAds];
    expect(chosenWhere(set, { clients: within, tasks })).toHaveLength(4);
    const comingBack = tasks.slice(0, 2).map((task) => ({ ...task, beneficiary: aClient('x') }));
    expect(chosenWhere(set, { ...given, comingBack })).toEqual([]);
  });

  test('that have less than they are guaranteed get it for those below them, from outside only', () => {
    const others = tasksOf('rich', 10);
    const inWeb = poor({ role: web, guarantee: {}, held: { cpus: 1 } });
    const given = { clients: [inWeb, rich(others)], tasks: others };
    expect(chosenWhere({ guarantee: { cpus: 4 } }, given)).toHaveLength(3);
    const few = tasksOf('rich', 3, { role: ads });
    const inside = { clients: [inWeb, rich(few, { role: ads })], tasks: few };
    expect(chosenWhere({ guarantee: { cpus: 5 } }, inside)).toEqual([]);
    const safe = { ...given, clients: [inWeb, rich(others, { guarantee: { cpus: 9 } })] };
    expect(chosenWhere({ guarantee: { cpus: 4 } }, safe)).toHaveLength(1);
    expect(chosenWhere({ guarantee: { cpus: 1 } }, given)).toEqual([]);
  });

  test('that have less than they are guaranteed get no more than that beside what comes back for those below them', () => {
    const others = tasksOf('rich', 10);
    const inWeb = poor({ role: web, guarantee: {}, held: { cpus: 1 } });
    const given = { clients: [inWeb, rich(others)], tasks: others };
    const comingBack = others.slice(0, 2).map((task) => ({ ...task, beneficiary: inWeb }));
    expect(chosenWhere({ guarantee: { cpus: 4 } }, { ...given, comingBack })).toHaveLength(1);
  });

  test('that have all that they may have get nothing from outside', () => {
    const others = tasksOf('rich', 10);
    const inWeb = poor({ role: web, held: { cpus: 1 } });
    const given = { clients: [inWeb, rich(others)], tasks: others };
    expect(chosenWhere({ limit: { cpus: 4 } }, given)).toHaveLength(3);
    expect(chosenWhere({ limit: { cpus: 3 } }, given)).toHaveLength(2);
    expect(chosenWhere({ limit: { cpus: 1 } }, given)).toEqual([]);
    expect(chosenWhere({ limit: { cpus: 0 } }, given)).toEqual([]);
    expect(chosenWhere({ limit: { cpus: 3 }, idle: { cpus: 1 } }, given)).toHaveLength(1);
  });

  test('that are to have all that they may have, with what comes back for another of theirs, get no more', () => {
    const others = tasksOf('rich', 10);
    const inWeb = poor({ role: web });
    const second = aClient('second', { role: ads });
    const comingBack = others.slice(0, 3).map((task) => ({ ...task, beneficiary: second }));
    const given = { clients: [inWeb, second, rich(others)], tasks: others, comingBack };
    expect(chosenWhere({ limit: { cpus: 4 } }, given)).toHaveLength(1);
  });

  test('at their limit get it from within, whatever is free', () => {
    const free = new Map([[agent('a1'), cpus(50)]]);
    const given = { clients: [poor({ role: web }), richInAds], tasks, free };
    expect(chosenWhere({ limit: { cpus: 10 } }, given)).toHaveLength(4);
    expect(chosenWhere({ limit: { cpus: 9 } }, given)).toEqual([]);
  });

  test('at their limit get no more from within than they need beside what comes back from within', () => {
    const inWeb = poor({ role: web });
    const comingBack = tasks.slice(0, 3).map((task) => ({ ...task, beneficiary: inWeb }));
    const given = { clients: [inWeb, richInAds], tasks, comingBack };
    expect(chosenWhere({ limit: { cpus: 10 } }, given)).toHaveLength(1);
    const roles = boundOf(eng, given.clients, { limit: { cpus: 10 } });
    expect(unneeded(aClaim({ ...given, roles }))).toEqual([]);
  });
});

describe('what is free', () => {
  const small = need(1, 2);
  const big = need(4);
  const tasks = tasksOf('rich', 10);
  const wanting = (needs: SharingClient['needs']) => [
    poor({ guarantee: { cpus: 10 }, needs }),
    rich(tasks),
  ];
  const free = new Map([[agent('a2'), cpus(3)]]);

  test('ends the part of a claim that it covers: for a need that fits nowhere something is taken', () => {
    const clients = wanting([small, big]);
    expect(chosen(aClaim({ clients, tasks, free }))).toHaveLength(4);
    expect(chosen(aClaim({ clients: wanting([small]), tasks, free }))).toEqual([]);
    expect(needsToTakeFor(aClaim({ clients, free })).map(({ need }) => need)).toEqual([big]);
  });

  test('covers as many tasks of a need as fit: for the others something is taken', () => {
    const clients = wanting([need(1, 5)]);
    expect(chosen(aClaim({ clients, tasks, free }))).toHaveLength(2);
  });

  test('counts towards what is claimed, so that no more is taken than is missing then', () => {
    const clients = [poor({ needs: [need(1, 100)] }), rich(tasks)];
    expect(chosen(aClaim({ clients, tasks, free }))).toHaveLength(1);
  });

  test('covers nothing on agents that the constraints of a need rule out', () => {
    const clients = wanting([{ ...need(1, 2), agents: new Set([agent('a1')]) }]);
    expect(chosen(aClaim({ clients, tasks, free }))).toHaveLength(2);
  });
});

describe('what comes back for somebody', () => {
  const ids = (found: ReturnType<typeof unneeded>) => found.map(({ task }) => task.taskId);
  const coming = (client: SharingClient, count: number, changes: Partial<RevocableTask> = {}) =>
    tasksOf('rich', count, changes).map((task) => ({ ...task, beneficiary: client }));

  test('is needed as far as it is entitled to it and needs it, the first before the last', () => {
    const client = poor({ needs: [need(1, 2)] });
    const comingBack = coming(client, 3);
    expect(ids(unneeded(aClaim({ clients: [client], comingBack })))).toEqual(['rich2']);
    const full = poor({ held: { cpus: 3 } });
    expect(ids(unneeded(aClaim({ clients: [full], comingBack })))).toEqual(['rich2', 'rich1']);
    const idle = poor({ needs: [] });
    expect(unneeded(aClaim({ clients: [idle], comingBack }))).toHaveLength(3);
  });

  test('is needed as a whole where each of the tasks is a part of what one need takes', () => {
    const client = poor({ needs: [need(4)] });
    const comingBack = coming(client, 2, { resources: cpus(3) });
    expect(unneeded(aClaim({ clients: [client], comingBack }))).toEqual([]);
    const free = new Map([[agent('a1'), cpus(1)]]);
    expect(ids(unneeded(aClaim({ clients: [client], comingBack, free })))).toEqual(['rich1']);
  });

  test('is nobody’s business who is not asked about', () => {
    const comingBack = coming(aClient('other'), 3);
    expect(unneeded(aClaim({ clients: [poor()], comingBack }))).toEqual([]);
  });

  test('for one that is starved is needed until it has its fair share', () => {
    const starved = (held: number) =>
      aClient('starved', {
        needs: [need(1, 100)],
        starvedForMs: Number.POSITIVE_INFINITY,
        held: { cpus: held },
      });
    const unusedAt = (held: number) =>
      ids(unneeded(aClaim({ clients: [starved(held)], comingBack: coming(starved(held), 2) })));
    expect(unusedAt(8)).toEqual([]);
    expect(unusedAt(9)).toEqual(['rich1']);
    expect(unusedAt(10)).toEqual(['rich1', 'rich0']);
  });
});

test('nothing is placed for an empty need, and what else is needed is', () => {
  const tasks = tasksOf('rich', 10);
  const needs = [{ resources: cpus(0), count: 1_000_000 }, need(1, 3)];
  const free = new Map([[agent('a2'), cpus(1)]]);
  const wanting = poor({ needs, guarantee: {}, starvedForMs: 2000 });
  const claims = aClaim({ clients: [wanting, rich(tasks)], tasks, free });
  const lessened = { ...claims, clients: [wanting, rich(tasks, { fairShare: { cpus: 2 } })] };
  expect(needsToTakeFor(lessened).map(({ need: { count } }) => count)).toEqual([3]);
  expect(chosen(lessened)).toHaveLength(2);
});

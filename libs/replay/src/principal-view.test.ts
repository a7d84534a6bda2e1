// Tests of what a principal sees of the past: all of its own, and nothing of anybody else's.
import { encodeEntry } from '@parley/actor/journal-entry';
import { MemoryJournal } from '@parley/actor/memory-journal';
import { MemorySnapshotStore } from '@parley/actor/memory-snapshot-store';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import { Input } from '@parley/cluster/inputs';
import { RandomInputs, type Step, steps } from '@parley/cluster/random-inputs';
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { encode } from '@parley/protocol/codec';
import { FrameworkRef, frameworkKey, PrincipalName } from '@parley/protocol/ids';
import { type ReplayLine, ReplayPageRequest } from '@parley/protocol/replay';
import { assert } from '@parley/protocol/unreachable';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageDesk } from './page-desk.ts';
import { visibleTo } from './principal-view.ts';
import type { ReplaySource } from './replay-source.ts';
import { ScriptedHistory } from './scripted-history.ts';

const OWNERS: Readonly<Record<string, string>> = { f1: 'alice', f2: 'bob', f3: 'carol' };
const ALICE = PrincipalName.parse('alice');
const BOB = PrincipalName.parse('bob');

/** Gives each framework of a random input an owner of its own, wherever it is named. */
function owned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(owned);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) copy[key] = owned(part);
  const owner = OWNERS[String(copy['frameworkId'])];
  return owner === undefined ? copy : { ...copy, principal: owner };
}

/** Each stream holds the updates of one principal; a call carries the session that its framework has. */
function inputsOf(raw: Input, state: ClusterState): Input[] {
  const input = Input.parse(owned(raw));
  if (input.kind === 'updates') {
    const byOwner = Map.groupBy(input.updates, ({ update }) => update.task.principal);
    return [...byOwner].map(([principal, updates]) => ({ ...input, principal, updates }));
  }
  if (input.kind !== 'call' || input.caller.kind !== 'framework') return [input];
  const session = state.frameworks.get(frameworkKey(input.caller))?.session ?? 1;
  return [{ ...input, frameworkSession: session }];
}

function historyOf(all: readonly Step[]): ReplaySource {
  const journal = new MemoryJournal();
  const state = clusterCore.create();
  const random = new RandomInputs();
  let coreTimeMs = 0;
  for (const [at, { passMs, choices }] of all.entries()) {
    coreTimeMs += passMs;
    const epoch = { bucketCreatedMs: 1, revision: 1 };
    const { rulesVersion } = clusterCore;
    const context = {
      ...{ sequence: at + 1, epoch, coreTimeMs, wallTimeMs: coreTimeMs },
      rulesVersion,
    };
    clusterCore.begin(state, context);
    const inputs: Input[] = [];
    for (const choice of choices) {
      for (const input of inputsOf(random.make(state, choice), state)) {
        clusterCore.step(state, context, input);
        inputs.push(input);
      }
    }
    clusterCore.finish(state, context);
    const head = { rulesVersion, epoch, nonce: `n${at}`, coreTimeMs, wallTimeMs: coreTimeMs };
    const bytes = encodeEntry(
      head,
      inputs.map((input) => encode(input)),
    );
    journal.appendNow({ expectedSequence: at, nonce: head.nonce, bytes });
  }
  return { core: clusterCore, journal, snapshots: new MemorySnapshotStore() };
}

const deskOf = (source: ReplaySource, nowMs: () => number = () => 0): PageDesk =>
  new PageDesk({ source, nowMs, wallTimeMs: () => Number.MAX_SAFE_INTEGER });

async function allPages(
  desk: PageDesk,
  principal: PrincipalName,
  filter: Omit<Parameters<typeof ReplayPageRequest.parse>[0] & object, 'from'> = {},
): Promise<{ lines: ReplayLine[]; pages: number }> {
  const lines: ReplayLine[] = [];
  let from: ReplayPageRequest['from'];
  for (let pages = 1; pages <= 10_000; pages += 1) {
    const request = ReplayPageRequest.parse({ ...filter, ...(from && { from }) });
    const page = await desk.page(principal, request);
    assert(page.ok, page.ok ? '' : page.failure.message);
    lines.push(...page.value.lines);
    if (page.value.isEnd) return { lines, pages };
    from = page.value.next;
  }
  throw new Error('there is no end of pages');
}

/** Every string in it, keys and all. */
const stringsIn = (value: unknown): string => JSON.stringify(value);

test('whatever happens, a principal is told of its own frameworks and never a word of another’s', {
  timeout: 120_000,
}, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const source = historyOf(all);
      for (const own of ['f1', 'f2', 'f3']) {
        const principal = PrincipalName.parse(OWNERS[own]);
        const { lines } = await allPages(deskOf(source), principal);
        const told = stringsIn(lines);
        for (const [framework, owner] of Object.entries(OWNERS)) {
          if (framework === own) continue;
          expect(told).not.toMatch(new RegExp(`\\b(${owner}|${framework})\\b`));
        }
        expect(told).not.toMatch(/\badmin\b/);
        for (const { part, kind } of lines) seen.add(`${part} ${kind}`);
      }
    }),
    { numRuns: 150 },
  );
  // What the test would not notice if it hid everything.
  for (const one of [
    'input accept',
    'input updates',
    'order run',
    'event offerMade',
    'event taskStateChanged',
    'event termStarted',
  ]) {
    expect([...seen]).toContain(one);
  }
});

test('pages of any size and any interruption make up the same lines', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 9 }), async (all, limit) => {
      const source = historyOf(all);
      const whole = await allPages(deskOf(source), ALICE);
      let clock = 0;
      // Each look at this clock costs more than a page may take.
      const slow = deskOf(source, () => (clock += 10_000));
      const parts = await allPages(slow, ALICE, { limit });
      expect(parts.lines).toEqual(whole.lines);
      expect(parts.pages).toBeGreaterThanOrEqual(all.length);
    }),
    { numRuns: 15 },
  );
});

test('several principals that read at the same time do not get into each other’s pages', async () => {
  const [all = []] = fc.sample(steps, { numRuns: 1, seed: 7 });
  const source = historyOf(all);
  const desk = deskOf(source);
  const names = Object.values(OWNERS).map((name) => PrincipalName.parse(name));
  const wanted = await Promise.all(
    names.map(async (name) => (await allPages(deskOf(source), name)).lines),
  );
  const got = new Map(names.map((name) => [name, [] as ReplayLine[]]));
  const places = new Map<PrincipalName, ReplayPageRequest['from']>();
  const left = new Set(names);
  while (left.size > 0) {
    for (const name of left) {
      const from = places.get(name);
      const page = await desk.page(
        name,
        ReplayPageRequest.parse({ limit: 2, ...(from && { from }) }),
      );
      assert(page.ok, 'there is a page');
      got.get(name)?.push(...page.value.lines);
      places.set(name, page.value.next);
      if (page.value.isEnd) left.delete(name);
    }
  }
  expect([...got.values()]).toEqual(wanted);
});

test('for whom a task is to give back is not told to its owner, and a poisoned call only to its caller', async () => {
  const history = new ScriptedHistory();
  const agentId = anAgentId();
  const [mine, theirs] = [aFramework('f1', 'alice'), aFramework('f2', 'bob')];
  history.startTerm();
  history.register(agentId, some(8));
  history.subscribe(mine);
  history.subscribe(theirs, { name: 'secret' });
  const task = history.launch(mine, 't1', some(2));
  history.update(task, 'running');
  const beneficiary = { framework: theirs, role: 'r' };
  const revocations = [{ task, agentId, beneficiary, reason: 'starved' as const }];
  history.enter({ kind: 'revocations', epoch: history.epoch, revocations });
  history.append([
    history.callInput({ kind: 'framework', ...theirs }, { verb: 'teardown', body: {} }, 1),
  ]);
  const core: typeof clusterCore = {
    ...clusterCore,
    step: (state, context, input) => {
      if (input.kind === 'call' && input.call.verb === 'teardown') throw new Error('secret');
      return clusterCore.step(state, context, input);
    },
  };
  const source = { ...history.source, core };
  const { lines } = await allPages(deskOf(source), ALICE);
  expect(stringsIn(lines)).not.toMatch(/secret|bob|f2/);
  expect(lines.map(({ text }) => text)).toContain('task t1 is to give back what it has');
  const { lines: ofBob } = await allPages(deskOf(source), BOB);
  const skipped = ofBob.filter(({ part }) => part === 'skipped');
  expect(skipped.map(({ text }) => text)).toEqual([
    'left out by every master, because of a defect: teardown',
  ]);
});

test('a page is filtered by framework, task and agent, and begins at an entry or a time', async () => {
  const history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  const [one, two] = [aFramework('f1'), aFramework('g1')];
  for (const framework of [one, two]) history.subscribe(framework);
  history.launch(one, 't1', some(1));
  history.launch(two, 't1', some(1));
  const desk = deskOf(history.source);
  const { lines } = await allPages(desk, ALICE, { framework: 'f1', task: 't1' });
  expect(lines.map(({ part, kind }) => `${part} ${kind}`)).toEqual([
    'input accept',
    'event taskStateChanged',
    'order run',
    'input orderAnswered',
  ]);
  expect(new Set(lines.flatMap(({ frameworks }) => frameworks.map(frameworkKey)))).toEqual(
    new Set([frameworkKey(FrameworkRef.parse(one))]),
  );
  const onAgent = await allPages(desk, ALICE, { agent: 'a9' });
  expect(onAgent.lines).toEqual([]);
  // The memory journal stores entry n at n milliseconds.
  const late = await desk.page(ALICE, ReplayPageRequest.parse({ from: { storedMs: 7 } }));
  const same = await desk.page(ALICE, ReplayPageRequest.parse({ from: { sequence: 7 } }));
  expect(late.ok && late.value.lines[0]?.sequence).toBe(7);
  expect(late).toEqual(same);
  expect(ReplayPageRequest.safeParse({ task: 't1' }).success).toBe(false);
});

test('of an agent’s loss and return only those are told who have something there, and nothing but that', async () => {
  const history = new ScriptedHistory();
  const agentId = anAgentId();
  history.startTerm();
  history.register(agentId, some(8));
  for (const framework of [aFramework('f1', 'alice'), aFramework('f2', 'bob')]) {
    history.subscribe(framework);
  }
  const task = history.launch(aFramework('f1', 'alice'), 't1', some(2));
  history.update(task, 'running');
  history.agentSilent();
  history.register(agentId, some(8), [{ task, state: 'running', lastSequence: 1 }]);
  const ofAgent = async (principal: PrincipalName) =>
    (await allPages(deskOf(history.source), principal)).lines
      .filter(({ kind }) => kind.startsWith('agent'))
      .map(({ text, detail }) => ({ text, detail }));
  expect(await ofAgent(ALICE)).toEqual([
    {
      text: 'agent a1 is unreachable: nothing was heard of it for too long',
      detail: { type: 'agentUnreachable', agentId },
    },
    { text: 'agent a1 is back', detail: { type: 'agentRegistered', agentId } },
  ]);
  expect(await ofAgent(BOB)).toEqual([]);
});

test('a line that names others beside it is not for a principal, and neither is an unknown kind', () => {
  const { state } = new ScriptedHistory();
  const [mine, theirs] = [aFramework('f1', 'alice'), aFramework('f2', 'bob')];
  const about = (frameworks: FrameworkRef[], part: ReplayLine['part'], kind: string) =>
    visibleTo(
      ALICE,
      {
        ...{ sequence: 1, index: 0, storedMs: 1, coreTimeMs: 1, part, kind, text: 'x' },
        ...{ agents: [], frameworks, tasks: [], offers: [] },
      },
      state,
    ) !== undefined;
  for (const [part, kind] of [
    ['input', 'accept'],
    ['order', 'run'],
    ['event', 'offerMade'],
    ['skipped', 'updates'],
  ] as const) {
    expect(about([mine], part, kind)).toBe(true);
    expect(about([mine, theirs], part, kind)).toBe(false);
    expect(about([], part, kind)).toBe(false);
  }
  expect(about([mine], 'event', 'proposalRefused')).toBe(false);
  expect(about([mine], 'event', 'somethingNew')).toBe(false);
  expect(about([mine], 'input', 'operatorKill')).toBe(false);
});

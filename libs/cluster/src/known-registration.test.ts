// Tests that a registration which is answered without an entry is one that would have changed nothing: each is made an
// entry all the same, and the books before and after are compared.
import type { TaskRef } from '@parley/protocol/ids';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterCore } from './cluster-core.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Effect } from './effects.ts';
import type { Input } from './inputs.ts';
import { knownRegistration } from './known-registration.ts';
import { RandomInputs, steps } from './random-inputs.ts';
import { aCluster, aFramework, anAgentId, some } from './scripted-cluster.ts';
import {
  aCommandTask,
  launchAnswered,
  launchOf,
  operatorCalls,
  registers,
  taskRef,
} from './scripted-tasks.ts';

const agentId = anAgentId();

type Registration = Parameters<typeof knownRegistration>[2];

function registrationOf(input: Input): { agentId: typeof agentId; body: Registration } | undefined {
  if (input.kind !== 'call' || input.caller.kind !== 'agent') return undefined;
  if (input.call.verb !== 'register') return undefined;
  return { agentId: input.caller.agentId, body: input.call.body };
}

/** All but who asked what, and how often each agent has registered. */
function booksOf(state: ClusterState): unknown {
  const { agents, sessions, answers, cluster } = state;
  const left: readonly unknown[] = [agents, sessions, answers, cluster];
  return {
    agents: [...agents.rows()].map(({ registration: _, ...agent }) => agent),
    others: state.tables.filter((table) => !left.includes(table)).map((table) => table.hash()),
  };
}

const kindsOf = (effects: readonly Effect[]) =>
  effects.map((effect) => (effect.kind === 'event' ? effect.event.type : effect.kind));

/** Each input is an entry of its own, after one in which time alone has passed: that is no matter of a registration. */
class Entries {
  readonly state = clusterCore.create();
  #sequence = 0;

  enter(input: Input, coreTimeMs: number): Effect[] {
    this.#sequence += 1;
    const context = {
      ...{ sequence: this.#sequence, coreTimeMs, wallTimeMs: coreTimeMs },
      epoch: { bucketCreatedMs: 1, revision: 1 },
      rulesVersion: clusterCore.rulesVersion,
    };
    const effects = clusterCore.begin(this.state, context);
    effects.push(...clusterCore.step(this.state, context, input));
    clusterCore.finish(this.state, context);
    return effects;
  }
}

/** Enters it; undefined when it is no registration, else whether it was known and so changed nothing. */
function enterAndCompare(entries: Entries, input: Input, nowMs: number): boolean | undefined {
  const registration = registrationOf(input);
  const known =
    registration && knownRegistration(entries.state, registration.agentId, registration.body);
  const before = known && booksOf(entries.state);
  const effects = entries.enter(input, nowMs);
  if (known === undefined) return registration && false;
  // A request that was answered before is answered as it was then.
  if (kindsOf(effects).includes('agentRegistered')) {
    const [answer] = effects.flatMap((one) => (one.kind === 'answer' ? [one.answer] : []));
    expect(answer).toEqual({ ok: true, value: known });
  }
  expect(booksOf(entries.state)).toEqual(before);
  const harmless = ['answer', 'agentRegistered', 'facts'];
  expect(kindsOf(effects).filter((kind) => !harmless.includes(kind))).toEqual([]);
  return true;
}

test('what is answered without an entry would have changed nothing, and would have been answered so', {
  timeout: 120_000,
}, () => {
  const seen = { known: 0, news: 0 };
  fc.assert(
    fc.property(steps, (all) => {
      const entries = new Entries();
      const random = new RandomInputs();
      let nowMs = 0;
      for (const { passMs, choices } of all) {
        nowMs += passMs;
        for (const choice of choices) {
          entries.enter({ kind: 'tick' }, nowMs);
          const was = enterAndCompare(entries, random.make(entries.state, choice), nowMs);
          if (was !== undefined) seen[was ? 'known' : 'news'] += 1;
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(seen.known).toBeGreaterThan(20);
  expect(seen.news).toBeGreaterThan(20);
});

describe('an agent that names all that the books hold of it', () => {
  const body = (more: Partial<Registration> = {}): Registration => ({
    hostname: `${agentId}.example`,
    total: { ...some(20), ports: [], sets: {}, scalars: some(20).scalars ?? {} },
    attributes: {},
    tasks: [],
    executors: [],
    ...more,
  });
  const runs = (task: TaskRef) => ({ task, state: 'running', lastSequence: 1 }) as const;
  const running = runs(taskRef(aFramework(), 't1'));

  function withTask() {
    const cluster = aCluster(some(20));
    registers(cluster, agentId, {});
    launchAnswered(cluster, aFramework(), launchOf(aCommandTask('t1')));
    return cluster;
  }

  test('says nothing new; one that leaves a task out, or names one more, or is larger, does', () => {
    const { state } = withTask();
    const known = (more: Partial<Registration>) => knownRegistration(state, agentId, body(more));
    expect(known({ tasks: [running] })).toMatchObject({ unknownTasks: [], unknownExecutors: [] });
    expect(known({ tasks: [] })).toBeUndefined();
    expect(known({ tasks: [running, runs(taskRef(aFramework(), 't2'))] })).toBeUndefined();
    const total = { ...body().total, scalars: { cpus: 21_000, mem: 20_000 } };
    expect(known({ tasks: [running], total })).toBeUndefined();
    expect(known({ tasks: [running], attributes: { zone: 'z' } })).toBeUndefined();
  });

  test('is entered all the same while an order is on its way to it, or it is drained', () => {
    const cluster = withTask();
    operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change: 'drain' } });
    expect(knownRegistration(cluster.state, agentId, body({ tasks: [running] }))).toBeUndefined();
    operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change: 'reactivate' } });
    expect(knownRegistration(cluster.state, agentId, body({ tasks: [running] }))).toBeDefined();
    cluster.frameworkCall(aFramework(), {
      verb: 'killTask',
      body: { taskId: running.task.taskId },
    });
    expect(knownRegistration(cluster.state, agentId, body({ tasks: [running] }))).toBeUndefined();
  });
});

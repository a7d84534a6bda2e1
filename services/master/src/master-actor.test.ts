import { ClusterSettings, type Input } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, succeed } from '@parley/protocol/errors';
import {
  ActorId,
  AgentId,
  ClusterName,
  FrameworkId,
  PrincipalName,
  TaskId,
} from '@parley/protocol/ids';
import { decodeAnswer, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, it } from 'vitest';
import type { ClusterView } from './cluster-view.ts';
import { MasterActor, type MasterOutput } from './master-actor.ts';

const cluster = ClusterName.parse('c1');
const epoch: Epoch = { bucketCreatedMs: 1, revision: 7 };
const principal = PrincipalName.parse('alice');
const frameworkId = FrameworkId.parse('f1');
const agentId = AgentId.parse('a1');
const INBOX = '_INBOX.principal.alice.x';

function aView(changes: Partial<ClusterView> = {}): ClusterView {
  return {
    settings: () => ClusterSettings.parse({}),
    subscribedFrameworks: () => [],
    registeredAgents: () => [],
    streamPositions: () => [],
    principals: () => [],
    order: () => aKillOrder().order,
    unwrittenUpdate: () => undefined,
    facts: () => ({ sequence: 4, facts: [] }),
    nextDeadlineMs: () => undefined,
    ...changes,
  };
}

function aMaster(options: { view?: Partial<ClusterView>; queueFull?: boolean } = {}) {
  const inputs: Input[] = [];
  const actor = new MasterActor({
    cluster,
    masterId: ActorId.parse('master-1'),
    epoch,
    view: aView(options.view),
    submit: (input) => {
      if (options.queueFull) return fail('overloaded', 'many requests wait for the journal');
      inputs.push(input);
      return succeed(undefined);
    },
  });
  actor.principalsRead(new Map([['alice', { roles: ['*'] }]]), 0);
  return { actor, inputs };
}

const aSubscribe = (counter = 1) =>
  encodeMessage(
    SUBJECTS.subscribe,
    cluster,
    { principal, frameworkId },
    { name: 'x', role: 'eng' as never },
    { request: { session: 's', counter, lowest: 1 } },
  );

function answersIn(outputs: MasterOutput[], reply: string) {
  const answers = [];
  for (const output of outputs) {
    if (output.kind !== 'publish' || output.subject !== reply) continue;
    const received = decodeAnswer(SUBJECTS.subscribe, output.bytes);
    if (received.ok) answers.push(received.value.answer);
  }
  return answers;
}

it('a subject that names no call is answered with unknownVerb', () => {
  const { actor, inputs } = aMaster();
  actor.received('parley.c1.master.call.framework.alice.f1.dance', new Uint8Array(), INBOX, 0);
  expect(answersIn(actor.takeOutputs(), INBOX)).toMatchObject([
    { ok: false, failure: { code: 'unknownVerb' } },
  ]);
  expect(inputs).toEqual([]);
});

it('a malformed message is answered, counted and kept out of the core', () => {
  const { actor, inputs } = aMaster();
  const { subject } = aSubscribe();
  actor.received(subject, new Uint8Array([0xc1]), INBOX, 0);
  expect(answersIn(actor.takeOutputs(), INBOX)).toMatchObject([
    { ok: false, failure: { code: 'malformed' } },
  ]);
  expect(actor.malformedCount).toBe(1);
  expect(inputs).toEqual([]);
});

it('an answer goes nowhere but into the inbox of the caller that the subject names', () => {
  const { actor, inputs } = aMaster();
  const { subject, bytes } = aSubscribe();
  const steered = 'parley.c1.agent.a2.kill';
  actor.received(subject, bytes, steered, 0);
  actor.received('parley.c1.master.call.framework.alice.f1.dance', new Uint8Array(), steered, 0);
  actor.received(subject, bytes, '_INBOX.principal.alicex.y', 0);
  const published = actor.takeOutputs().filter((output) => output.kind === 'publish');
  expect(published).toEqual([]);
  expect(inputs).toEqual([]);
});

it('a full queue answers overloaded, which callers repeat', () => {
  const { actor } = aMaster({ queueFull: true });
  const { subject, bytes } = aSubscribe();
  actor.received(subject, bytes, INBOX, 0);
  expect(answersIn(actor.takeOutputs(), INBOX)).toMatchObject([
    { ok: false, failure: { code: 'overloaded' } },
  ]);
});

it('a request that is repeated while it waits for the commit is queued once and answered once, at its newest inbox', () => {
  const { actor, inputs } = aMaster();
  const { subject, bytes } = aSubscribe();
  actor.received(subject, bytes, INBOX, 0);
  actor.received(subject, bytes, '_INBOX.principal.alice.second', 10);
  expect(inputs).toHaveLength(1);
  const request = { session: 's', counter: 1, lowest: 1 };
  const value = { session: 1, lastNumber: 0, heartbeatIntervalMs: 5000 };
  const caller = { kind: 'framework', principal, frameworkId } as const;
  actor.carryOut([{ kind: 'answer', caller, request, answer: { ok: true, value } }], 20);
  const outputs = actor.takeOutputs();
  expect(answersIn(outputs, '_INBOX.principal.alice.second')).toMatchObject([{ ok: true }]);
  expect(answersIn(outputs, INBOX)).toEqual([]);
});

it('a role that the principal may not use is refused, but only on a fresh reading of the registry', () => {
  const { actor, inputs } = aMaster();
  actor.principalsRead(new Map([['alice', { roles: ['ops'] }]]), 0);
  const { subject, bytes } = aSubscribe();
  actor.received(subject, bytes, INBOX, 60_000);
  const first = actor.takeOutputs();
  expect(first.some((output) => output.kind === 'readPrincipals')).toBe(true);
  expect(answersIn(first, INBOX)).toMatchObject([{ ok: false, failure: { code: 'unavailable' } }]);
  actor.principalsRead(new Map([['alice', { roles: ['ops'] }]]), 60_100);
  actor.received(subject, bytes, INBOX, 60_500);
  expect(answersIn(actor.takeOutputs(), INBOX)).toMatchObject([
    { ok: false, failure: { code: 'notPermitted' } },
  ]);
  expect(inputs).toEqual([]);
});

const aKillOrder = () =>
  ({
    kind: 'order',
    order: {
      kind: 'kill',
      orderId: 'k1',
      agentId,
      body: { task: { principal, frameworkId, taskId: TaskId.parse('t1') }, reason: 'framework' },
    },
  }) as const;

it('an order is sent again until the agent has answered it, and its answer becomes an input', () => {
  const { actor, inputs } = aMaster();
  actor.carryOut([aKillOrder()], 0);
  actor.tick(0);
  const orders = () => actor.takeOutputs().filter((output) => output.kind === 'order').length;
  expect(orders()).toBe(1);
  actor.orderReplied('k1', undefined, 100);
  actor.tick(100);
  expect(orders()).toBe(0);
  actor.tick(400);
  expect(orders()).toBe(1);
  actor.orderReplied('k1', encodeAnswer({ ok: true, value: {} }), 500);
  expect(inputs).toMatchObject([{ kind: 'orderAnswered', orderId: 'k1' }]);
  actor.tick(60_000);
  expect(orders()).toBe(0);
});

it('an order that the books need no more is not sent again', () => {
  let isOpen = true;
  const { actor } = aMaster({ view: { order: () => (isOpen ? aKillOrder().order : undefined) } });
  actor.carryOut([aKillOrder()], 0);
  actor.tick(0);
  const orders = () => actor.takeOutputs().filter((output) => output.kind === 'order').length;
  expect(orders()).toBe(1);
  isOpen = false;
  actor.orderReplied('k1', undefined, 100);
  actor.tick(60_000);
  expect(orders()).toBe(0);
});

it('a leader that is told of a later term says so and changes nothing', () => {
  const { actor, inputs } = aMaster();
  actor.carryOut([aKillOrder()], 0);
  actor.tick(0);
  actor.takeOutputs();
  const failure = { code: 'staleEpoch', message: 'epoch 9 is known here' } as const;
  actor.orderReplied('k1', encodeAnswer({ ok: false, failure }), 10);
  expect(actor.takeOutputs()).toMatchObject([{ kind: 'log', level: 'error' }]);
  expect(inputs).toEqual([]);
});

it('a framework that is silent for longer than the limit is judged once, and not before', () => {
  const ref = { principal, frameworkId };
  const { actor, inputs } = aMaster({
    view: { subscribedFrameworks: () => [{ ref, session: 3, lastNumber: 0 }] },
  });
  for (const nowMs of [0, 10_000, 19_000]) actor.tick(nowMs);
  expect(inputs).toEqual([]);
  for (const nowMs of [21_000, 23_000]) actor.tick(nowMs);
  expect(inputs).toEqual([{ kind: 'frameworkSilent', framework: ref, session: 3 }]);
});

it('a heartbeat of an older session does not keep a framework alive', () => {
  const ref = { principal, frameworkId };
  const { actor, inputs } = aMaster({
    view: { subscribedFrameworks: () => [{ ref, session: 3, lastNumber: 0 }] },
  });
  actor.tick(0);
  const old = encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, ref, {
    session: 2,
    confirmed: 0,
  });
  actor.received(old.subject, old.bytes, undefined, 19_000);
  actor.tick(21_000);
  expect(inputs).toHaveLength(1);
});

it('an allocator that asks is sent all facts, an empty cluster included', () => {
  const { actor } = aMaster();
  const { subject, bytes } = encodeMessage(SUBJECTS.factsSnapshot, cluster, {}, {});
  actor.received(subject, bytes, undefined, 0);
  expect(actor.takeOutputs()).toMatchObject([
    { kind: 'publish', subject: 'parley.c1.allocator.facts' },
  ]);
});

it('each principal that has a framework is read once, from its journalled position or from the beginning', () => {
  const bob = PrincipalName.parse('bob');
  const { actor } = aMaster({
    view: {
      streamPositions: () => [{ principal, createdMs: 5, sequence: 12 }],
      principals: () => [principal, principal, bob],
    },
  });
  actor.begin([], 0);
  const event = {
    type: 'frameworkSubscribed',
    framework: { principal: bob, frameworkId },
    name: 'x',
    role: 'eng' as never,
    session: 1,
  } as const;
  actor.carryOut([{ kind: 'event', event }], 1);
  const reads = actor.takeOutputs().filter((output) => output.kind === 'readStream');
  expect(reads).toEqual([
    { kind: 'readStream', principal, createdMs: 5, sequence: 12 },
    { kind: 'readStream', principal: bob, createdMs: 0, sequence: 0 },
  ]);
});

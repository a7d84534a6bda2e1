import type { EventsMessage } from '@parley/protocol/frameworks';
import { PrincipalName } from '@parley/protocol/ids';
import { decodeAnswer, decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, it } from 'vitest';
import { AuthorizationRules } from './authorization.ts';
import type { MasterOutput } from './master-actor.ts';
import {
  agentId,
  aKillOrder,
  aMaster,
  cluster,
  eng,
  epoch,
  frameworkId,
  INBOX,
  principal,
  ref,
} from './scripted-master.ts';

const aSubscribe = (counter = 1) =>
  encodeMessage(
    SUBJECTS.subscribe,
    cluster,
    { principal, frameworkId },
    { name: 'x', roles: [eng] },
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

it('a role that the principal may not use is refused, but only on a reading of the register that began after it was asked for', () => {
  const { actor, inputs } = aMaster();
  actor.principalsRead(new Map([['alice', { roles: ['ops'] }]]), 0);
  const { subject, bytes } = aSubscribe();
  actor.principalsRead(new Map([['alice', { roles: ['ops'] }]]), 59_999);
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

it('nobody is silent whose word may be among what came in and was not looked at yet', () => {
  const { actor, inputs } = aMaster({
    view: {
      subscribedFrameworks: () => [{ ref, session: 3, lastNumber: 0 }],
      registeredAgents: () => [{ agentId, registration: 1 }],
    },
  });
  for (let nowMs = 0; nowMs <= 300_000; nowMs += 1000) actor.tick(nowMs, nowMs > 15_000);
  expect(inputs).toEqual([]);
  for (let nowMs = 301_000; nowMs <= 400_000; nowMs += 1000) actor.tick(nowMs);
  expect(inputs.map((input) => input.kind).sort()).toEqual(['agentSilent', 'frameworkSilent']);
});

it('a framework that is silent for longer than the limit is judged once, and not before', () => {
  const { actor, inputs } = aMaster({
    view: { subscribedFrameworks: () => [{ ref, session: 3, lastNumber: 0 }] },
  });
  for (const nowMs of [0, 10_000, 19_000]) actor.tick(nowMs);
  expect(inputs).toEqual([]);
  for (const nowMs of [21_000, 23_000]) actor.tick(nowMs);
  expect(inputs).toEqual([{ kind: 'frameworkSilent', framework: ref, session: 3 }]);
});

it('a heartbeat of an older session does not keep a framework alive', () => {
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
    roles: [eng],
    session: 1,
  } as const;
  actor.carryOut([{ kind: 'event', event }], 1);
  const reads = actor.takeOutputs().filter((output) => output.kind === 'readStream');
  expect(reads).toEqual([
    { kind: 'readStream', principal, createdMs: 5, sequence: 12 },
    { kind: 'readStream', principal: bob, createdMs: 0, sequence: 0 },
  ]);
});

it('what must reach a framework is published as it stands in the journal', () => {
  const { actor } = aMaster();
  const message = {
    number: 3,
    events: [{ kind: 'agentGone', eventId: 1, agentId }],
    dropped: 2,
  } satisfies EventsMessage;
  actor.carryOut([{ kind: 'events', framework: ref, message }], 0);
  const [output] = actor.takeOutputs();
  if (output?.kind !== 'publish') throw new Error('nothing is published');
  expect(output.subject).toBe('parley.c1.framework.alice.f1.events');
  expect(decodeMessage(SUBJECTS.events, cluster, output.subject, output.bytes)).toMatchObject({
    ok: true,
    value: { epoch, body: message },
  });
});

it('what a principal calls beyond its rate is answered with rateLimited and the time to wait, and kept out of the core', () => {
  const { actor, inputs } = aMaster({ rateLimits: { callsPerSecond: 2, outstandingCalls: 2 } });
  for (const counter of [1, 2]) {
    const { subject, bytes } = aSubscribe(counter);
    actor.received(subject, bytes, INBOX, 0);
  }
  expect(actor.takeOutputs()).toEqual([]);
  const { subject, bytes } = aSubscribe(3);
  actor.received(subject, bytes, INBOX, 0);
  const [answer] = answersIn(actor.takeOutputs(), INBOX);
  expect(answer).toMatchObject({ ok: false, failure: { code: 'rateLimited' } });
  const retryAfterMs = answer?.ok === false ? (answer.failure.retryAfterMs ?? 0) : 0;
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(inputs).toHaveLength(2);
  const caller = { kind: 'framework', ...ref } as const;
  const request = { session: 's', counter: 1, lowest: 1 };
  actor.carryOut([{ kind: 'answer', caller, request, answer: { ok: true, value: {} } }], 1);
  actor.received(subject, bytes, INBOX, 1000);
  expect(inputs).toHaveLength(3);
  expect(actor.gate.rates.counters(principal)).toEqual({ open: 2, passed: 3, refused: 1 });
});

it('a request that is repeated while it waits, or that the queue refuses, takes no further place', () => {
  const rateLimits = { callsPerSecond: 5, outstandingCalls: 5 };
  for (const queueFull of [false, true]) {
    const { actor } = aMaster({ rateLimits, queueFull });
    const { subject, bytes } = aSubscribe();
    for (let again = 0; again < 5; again += 1) actor.received(subject, bytes, INBOX, 0);
    const { open, refused } = actor.gate.rates.counters(principal);
    expect({ open, refused }).toEqual({ open: queueFull ? 0 : 1, refused: 0 });
  }
});

it('a call that a rule denies is answered with the rule, logged once, counted, and kept out of the core', () => {
  const rule = {
    name: 'no-eng',
    principals: ['*'],
    actions: ['subscribe'],
    objects: { roles: ['eng'] },
    allow: false,
  };
  const rules = AuthorizationRules.parse({ rules: [rule], otherwise: 'allow' });
  const { actor, inputs } = aMaster({ rules: () => rules });
  for (const counter of [1, 2]) {
    const { subject, bytes } = aSubscribe(counter);
    actor.received(subject, bytes, INBOX, 0);
  }
  const answers = answersIn(actor.takeOutputs(), INBOX);
  expect(answers).toMatchObject([
    { ok: false, failure: { code: 'notPermitted' } },
    { ok: false, failure: { code: 'notPermitted' } },
  ]);
  expect(JSON.stringify(answers)).toContain('no-eng');
  expect(actor.gate.denied).toEqual(new Map([['no-eng', 2]]));
  actor.tick(0);
  const lines = actor.takeOutputs().filter((output) => output.kind === 'log');
  expect(lines).toMatchObject([{ message: 'call refused', fields: { by: 'no-eng', role: 'eng' } }]);
  expect(inputs).toEqual([]);
});

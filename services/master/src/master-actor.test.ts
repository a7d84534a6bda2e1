import type { EventsMessage } from '@parley/protocol/frameworks';
import { PrincipalName } from '@parley/protocol/ids';
import { decodeAnswer, decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { normalise } from '@parley/resources/resources';
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
import { SETTLES_WITHIN_MS } from './standing-desk.ts';

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

it('an allocator that asks is sent all facts, an empty cluster included', () => {
  const { actor } = aMaster();
  const { subject, bytes } = encodeMessage(SUBJECTS.factsSnapshot, cluster, {}, {});
  actor.received(subject, bytes, undefined, 0);
  expect(actor.takeOutputs()).toMatchObject([
    { kind: 'publish', subject: 'parley.c1.allocator.facts' },
  ]);
});

it('an allocator that asks which tasks could be taken back is answered from the books', () => {
  const asked: unknown[] = [];
  const { actor } = aMaster({
    view: {
      candidates: (about) => {
        asked.push(about);
        return { sequence: 9, tasks: [] };
      },
    },
  });
  const about = {
    holders: [{ framework: ref, role: eng, spare: { cpus: 1000 } }],
    needs: [{ resources: normalise({ scalars: { cpus: 1000 } }), constraints: [] }],
    mayUseFree: true,
    limit: 5,
  };
  const beneficiary = { framework: ref, role: eng };
  const body = { question: 3, ...about, beneficiary };
  const { subject, bytes } = encodeMessage(SUBJECTS.candidatesWanted, cluster, {}, body);
  actor.received(subject, bytes, undefined, 0);
  expect(asked).toEqual([{ ...about, beneficiary }]);
  const [output] = actor.takeOutputs();
  expect(output).toMatchObject({ kind: 'publish', subject: 'parley.c1.allocator.candidates' });
  const sent = output?.kind === 'publish' ? output.bytes : new Uint8Array();
  const answer = decodeMessage(
    SUBJECTS.candidates,
    cluster,
    'parley.c1.allocator.candidates',
    sent,
  );
  expect(answer).toMatchObject({ value: { epoch, body: { question: 3, sequence: 9, tasks: [] } } });
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

it('a heartbeat that confirms offers becomes one input, and every other only a sign of life', () => {
  const confirming: unknown[] = [];
  const { actor, inputs } = aMaster({
    view: {
      isConfirming: (...asked) => {
        confirming.push(asked);
        return asked[2] === 8;
      },
    },
  });
  for (const confirmed of [7, 8]) {
    const beat = encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, ref, {
      session: 3,
      confirmed,
    });
    actor.received(beat.subject, beat.bytes, undefined, 0);
  }
  expect(confirming).toEqual([
    [ref, 3, 7],
    [ref, 3, 8],
  ]);
  expect(inputs).toEqual([{ kind: 'frameworkConfirmed', framework: ref, session: 3, number: 8 }]);
});

it('what an agent says of its revocable resources becomes an input where it is news, and else a sign of life', () => {
  const asked: unknown[] = [];
  const { actor, inputs } = aMaster({
    view: {
      oversubscriptionNews: (_agent, revocable) => {
        asked.push(revocable.scalars);
        return revocable.scalars['cpus'] === 2000 ? 5 : undefined;
      },
    },
  });
  for (const cpus of [1000, 2000]) {
    const revocable = { scalars: { cpus }, ports: [], sets: {} };
    const said = encodeMessage(SUBJECTS.oversubscribed, cluster, { agentId }, { revocable });
    actor.received(said.subject, said.bytes, undefined, 0);
  }
  expect(asked).toEqual([{ cpus: 1000 }, { cpus: 2000 }]);
  expect(inputs).toEqual([
    {
      kind: 'agentOversubscribed',
      agentId,
      registration: 5,
      revocable: { scalars: { cpus: 2000 }, ports: [], sets: {} },
    },
  ]);
});

it('an agent that is heard and not registered is told to register again, and one that is declared gone at once', () => {
  const told = (outputs: MasterOutput[]) =>
    outputs.flatMap((one) => {
      if (one.kind !== 'publish') return [];
      const message = decodeMessage(SUBJECTS.registerAgain, cluster, one.subject, one.bytes);
      return message.ok ? [[message.value.parameters.agentId, message.value.epoch]] : [];
    });
  for (const isRegistered of [true, false]) {
    const { actor, inputs } = aMaster({ view: { isRegistered: () => isRegistered } });
    const beat = encodeMessage(SUBJECTS.agentHeartbeat, cluster, { agentId }, { runningTasks: 1 });
    actor.received(beat.subject, beat.bytes, undefined, 0);
    expect(told(actor.takeOutputs())).toEqual(isRegistered ? [] : [[agentId, epoch]]);
    expect(inputs).toEqual([]);
  }
  const { actor } = aMaster({ view: { isRegistered: () => false } });
  actor.carryOut([{ kind: 'event', event: { type: 'agentGone', agentId } }], 0);
  expect(told(actor.takeOutputs())).toEqual([[agentId, epoch]]);
});

it('an agent not heard in this term is heard by a standing that is that of the books; where it is another one the agent is asked again', () => {
  const books = 'as-the-books-say';
  const { actor, inputs } = aMaster({
    view: { registeredAgents: () => [{ agentId, registration: 1 }], standingOf: () => books },
  });
  const says = (standing: string, nowMs: number) => {
    const body = { runningTasks: 1, standing };
    const beat = encodeMessage(SUBJECTS.agentHeartbeat, cluster, { agentId }, body);
    actor.received(beat.subject, beat.bytes, undefined, nowMs);
    actor.tick(nowMs + SETTLES_WITHIN_MS);
    const asked = actor
      .takeOutputs()
      .filter((one) => one.kind === 'publish' && one.subject.includes(agentId));
    return { asked: asked.length, heard: actor.census.agentsHeard };
  };
  actor.begin([], 0);
  actor.takeOutputs();
  expect(says('otherwise', 0)).toEqual({ asked: 1, heard: 0 });
  expect(says(books, 2 * SETTLES_WITHIN_MS)).toEqual({ asked: 0, heard: 1 });
  // What changes later is told by updates and answers, which may be on their way.
  expect(says('otherwise', 4 * SETTLES_WITHIN_MS)).toEqual({ asked: 0, heard: 1 });
  expect(inputs).toEqual([]);
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

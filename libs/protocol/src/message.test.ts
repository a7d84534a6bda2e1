import { expect, it } from 'vitest';
import * as z from 'zod';
import { decode, encode } from './codec.ts';
import { PROTOCOL_VERSION } from './envelope.ts';
import { AgentId, ClusterName, FrameworkId, PrincipalName } from './ids.ts';
import { decodeAnswer, decodeMessage, encodeAnswer, encodeMessage } from './message.ts';
import { parametersOf, wildcardOf } from './subject-entry.ts';
import { SUBJECTS } from './subjects.ts';

const cluster = ClusterName.parse('c1');
const principal = PrincipalName.parse('alice');
const frameworkId = FrameworkId.parse('f1');
const subscribe = () =>
  encodeMessage(
    SUBJECTS.subscribe,
    cluster,
    { principal, frameworkId },
    { name: 'x', roles: ['*'] as never },
  );

it('a message comes out as it went in, with the defaults of its schema', () => {
  const { subject, bytes } = subscribe();
  expect(subject).toBe('parley.c1.master.call.framework.alice.f1.subscribe');
  const received = decodeMessage(SUBJECTS.subscribe, cluster, subject, bytes);
  expect(received).toMatchObject({
    ok: true,
    value: { parameters: { principal }, body: { name: 'x', suppressed: [] } },
  });
});

it('a message that arrives on a subject it was not meant for is refused', () => {
  const { bytes } = subscribe();
  const other = 'parley.c1.master.call.framework.bob.f1.subscribe';
  expect(decodeMessage(SUBJECTS.subscribe, cluster, other, bytes)).toMatchObject({
    ok: false,
    failure: { code: 'malformed' },
  });
});

it('an acknowledgement of JetStream that is steered onto a command subject is refused', () => {
  const agentId = AgentId.parse('a2');
  const subject = wildcardOf(SUBJECTS.kill, cluster, { agentId });
  const pubAck = new TextEncoder().encode('{"stream":"X","seq":1}');
  expect(decodeMessage(SUBJECTS.kill, cluster, subject, pubAck).ok).toBe(false);
});

const inVersion = (version: number) => {
  const { subject, bytes } = subscribe();
  const envelope = decode(bytes) as Record<string, unknown>;
  return decodeMessage(SUBJECTS.subscribe, cluster, subject, encode({ ...envelope, version }));
};

it('a message of a neighbouring protocol version is understood, whichever side is older', () => {
  for (const version of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION, PROTOCOL_VERSION + 1]) {
    expect(inVersion(version)).toMatchObject({ ok: true });
  }
});

it('a message of a protocol version further away is refused, and it is said who is to be upgraded', () => {
  expect(inVersion(PROTOCOL_VERSION + 2)).toMatchObject({
    failure: {
      code: 'unsupportedVersion',
      message: expect.stringMatching(/subscribe: it speaks .*: upgrade who received it$/),
    },
  });
  expect(inVersion(PROTOCOL_VERSION - 2)).toMatchObject({
    failure: { message: expect.stringMatching(/: upgrade who sent it$/) },
  });
});

it('an answer is understood in neighbouring protocol versions only', () => {
  const answer = (version: number) =>
    decodeAnswer(
      SUBJECTS.masterPing,
      encode({ version, kind: 'answer', answer: { ok: true, value: { id: 'm1' } } }),
    );
  expect(answer(PROTOCOL_VERSION + 1)).toMatchObject({ ok: true });
  expect(answer(PROTOCOL_VERSION + 2)).toMatchObject({
    failure: { message: expect.stringContaining('masterPing: it speaks') },
  });
});

it('a body that breaks its schema is refused with the field named', () => {
  const { subject, bytes } = subscribe();
  const envelope = decode(bytes) as Record<string, unknown>;
  const changed = encode({ ...envelope, body: { name: '', roles: ['*'] } });
  const received = decodeMessage(SUBJECTS.subscribe, cluster, subject, changed);
  expect(received).toMatchObject({
    ok: false,
    failure: { message: expect.stringContaining('name') },
  });
});

/** As one that is written in C may send: a word in Latin-1, where text is meant. */
const inLatin1 = (bytes: Uint8Array, word: string, latin1: string): Uint8Array =>
  Buffer.from(Buffer.from(bytes).toString('latin1').replace(word, latin1), 'latin1');

it('a message by whose words programs are started is refused when a string in it is no UTF-8', () => {
  const agentId = AgentId.parse('a2');
  const task = { principal, frameworkId, taskId: 't1' };
  const ask = { kind: 'start', task, argv: ['cat', 'caf3'] };
  const { subject, bytes } = encodeMessage(SUBJECTS.exec, cluster, { agentId }, {
    session: 's',
    ask,
  } as never);
  expect(decodeMessage(SUBJECTS.exec, cluster, subject, bytes).ok).toBe(true);
  const latin1 = inLatin1(bytes, 'caf3', 'caf\u00e9');
  expect(decodeMessage(SUBJECTS.exec, cluster, subject, latin1)).toMatchObject({
    failure: { code: 'malformed', message: "agent.exec: the string 'caf\\xe9' is no UTF-8" },
  });
});

it('any other message arrives with U+FFFD for what is no UTF-8', () => {
  const parameters = { principal, frameworkId };
  const body = { name: 'caf3', roles: ['*'] as never };
  const { subject, bytes } = encodeMessage(SUBJECTS.subscribe, cluster, parameters, body);
  const latin1 = inLatin1(bytes, 'caf3', 'caf\u00e9');
  expect(decodeMessage(SUBJECTS.subscribe, cluster, subject, latin1)).toMatchObject({
    value: { body: { name: 'caf\ufffd' } },
  });
});

it('every order, call and question with a command in it is one by whose words programs are started', () => {
  const jsonOf = (body: z.ZodType): string =>
    JSON.stringify(z.toJSONSchema(body, { unrepresentable: 'any', io: 'input' }));
  const withCommands = Object.values(SUBJECTS).filter(
    ({ from, body }) => !from.every((kind) => kind === 'agent') && jsonOf(body).includes('"argv"'),
  );
  const unchecked = withCommands.filter((entry) => !('holdsCommands' in entry));
  // Its operations are those of an accept but for launches.
  expect(unchecked.map(({ kind }) => kind)).toEqual(['operator.operate']);
});

it('an id with a character that is special to NATS is no parameter', () => {
  expect(parametersOf(SUBJECTS.run, cluster, 'parley.c1.agent.*.run')).toBeUndefined();
  expect(parametersOf(SUBJECTS.run, cluster, 'parley.c1.agent.master.run')).toBeUndefined();
});

it('an answer is parsed against the reply schema of its entry', () => {
  const good = encodeAnswer({
    ok: true,
    value: { session: 3, lastNumber: 0, heartbeatIntervalMs: 5000 },
  });
  expect(decodeAnswer(SUBJECTS.subscribe, good)).toMatchObject({ ok: true });
  const bad = encodeAnswer({ ok: true, value: { session: 'three' } });
  expect(decodeAnswer(SUBJECTS.subscribe, bad)).toMatchObject({ ok: false });
});

it('every kind in the table is used once and every pattern once', () => {
  const entries = Object.values(SUBJECTS);
  expect(new Set(entries.map((e) => e.kind)).size).toBe(entries.length);
  expect(new Set(entries.map((e) => e.pattern)).size).toBe(entries.length);
});

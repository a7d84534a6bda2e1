// Tests of which calls the master reads from the bus, against the whole table of subjects.
import { type Call, Input } from '@parley/cluster/inputs';
import { ClusterName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { type SubjectEntry, subjectOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { describe, expect, it } from 'vitest';
import { readCall, subjectInbox } from './calls.ts';

const cluster = ClusterName.parse('c1');
const IDS = {
  principal: 'alice',
  frameworkId: 'f1',
  offerId: 'o1',
  agentId: 'a1',
  operator: 'olga',
} as never;
const task = { principal: 'alice', frameworkId: 'f1', taskId: 't1' };

/** What the master subscribes to and answers after a commit: everything below its calls, and offers. */
const ANSWERED = Object.entries<SubjectEntry>(SUBJECTS).filter(
  ([, { delivery, to, pattern }]) =>
    delivery === 'request' && to.includes('master') && /^(master|offers)\./.test(pattern),
);

const BODIES: Record<Call['verb'], unknown> = {
  subscribe: { name: 'x', roles: ['eng'] },
  updateFramework: { roles: ['eng', 'ops'] },
  resync: {},
  suppress: { roles: ['eng'] },
  revive: {},
  demand: {},
  accept: { offerIds: ['o1'], operations: [] },
  decline: { offerIds: ['o1'] },
  killTask: { taskId: 't1' },
  reconcile: {},
  shutdownExecutor: { agentId: 'a1', executorId: 'e1' },
  answerInverseOffer: { windowId: 'w1', answer: 'accept' },
  acknowledgeEvents: { upTo: 3 },
  teardown: {},
  register: { hostname: 'h', total: {}, attributes: {}, tasks: [] },
  executorExited: {
    executor: { principal: 'alice', frameworkId: 'f1', executorId: 'e1' },
    end: 'exited',
  },
  stopAnswered: { task, answer: { kind: 'stopping' } },
  tellTasks: { tasks: [], executors: [], isLast: true },
  operatorKill: { task },
  operatorTeardown: { framework: { principal: 'alice', frameworkId: 'f1' } },
  operatorAgent: { agentId: 'a1', change: 'gone' },
  operatorOperate: {
    agentId: 'a1',
    role: 'eng',
    operation: { kind: 'destroyVolume', volumeId: 'v1' },
  },
  operatorMaintenance: { change: 'start', windowId: 'w1' },
  operatorSharing: { changes: [{ kind: 'role', role: 'eng', limit: null }] },
};

function aCall(entry: SubjectEntry, body: unknown) {
  const request = { session: 's', counter: 4, lowest: 2 };
  return encodeMessage(entry, cluster, IDS, body, { request, frameworkSession: 9 });
}

describe('calls to the master', () => {
  it('are all requests of the table of subjects that are addressed to it', () => {
    const unread = ANSWERED.filter(([, entry]) => {
      const call = readCall(cluster, subjectOf(entry, cluster, IDS), new Uint8Array([0xc1]));
      return call === undefined || call.ok || call.failure.code !== 'malformed';
    });
    expect(unread.map(([verb]) => verb)).toEqual([]);
    expect(ANSWERED.map(([verb]) => verb).sort()).toEqual(Object.keys(BODIES).sort());
  });

  it.each(ANSWERED)(
    '%s becomes an input under its own verb, which the journal reads back',
    (verb, entry) => {
      const { subject, bytes } = aCall(entry, BODIES[verb as Call['verb']]);
      const read = readCall(cluster, subject, bytes);
      expect(read).toMatchObject({
        ok: true,
        value: { kind: 'call', request: { counter: 4 }, frameworkSession: 9, call: { verb } },
      });
      const input = read?.ok ? read.value : undefined;
      expect(Input.parse(input)).toEqual(input);
      const [from = ''] = entry.from;
      const kind = from === 'principal' ? 'framework' : from;
      expect(input?.caller).toMatchObject({ kind });
    },
  );

  it('name their caller by the subject alone', () => {
    const { subject, bytes } = aCall(SUBJECTS.operatorTeardown, BODIES.operatorTeardown);
    expect(readCall(cluster, subject, bytes)).toMatchObject({
      value: { caller: { kind: 'operator', operator: 'olga' } },
    });
    const other = subject.replace('olga', 'oscar');
    expect(readCall(cluster, other, bytes)).toMatchObject({ failure: { code: 'malformed' } });
  });

  it.each(ANSWERED)('%s is answered into the inbox of whoever may publish it', (_, entry) => {
    const [from = ''] = entry.from;
    const ids: Record<string, string> = { principal: 'alice', agent: 'a1', operator: 'olga' };
    expect(subjectInbox(cluster, subjectOf(entry, cluster, IDS))).toBe(
      `_INBOX.${from}.${ids[from]}`,
    );
  });

  it('without a request id are refused', () => {
    const { subject, bytes } = encodeMessage(SUBJECTS.teardown, cluster, IDS, {});
    expect(readCall(cluster, subject, bytes)).toMatchObject({ failure: { code: 'malformed' } });
  });

  // A framework in another language can send such strings; read as MessagePack they have U+FFFD in them, and are other words.
  it('that launch tasks are refused when a string in them is no UTF-8', () => {
    const command = { argv: ['echo', 'XX'] };
    const tasks = [{ taskId: 't1', resources: { scalars: { cpus: 1 } }, command }];
    const launch = { offerIds: ['o1'], operations: [{ kind: 'launch', agentId: 'a1', tasks }] };
    const { subject, bytes } = aCall(SUBJECTS.accept, launch);
    const withWord = (word: string) =>
      Buffer.from(Buffer.from(bytes).toString('latin1').replace('XX', word), 'latin1');
    // In UTF-8, and in Latin-1.
    expect(readCall(cluster, subject, withWord('\u00c3\u00a9'))).toMatchObject({ ok: true });
    expect(readCall(cluster, subject, withWord('\u00e9!'))).toMatchObject({
      failure: {
        code: 'malformed',
        message: "offer.accept: the string '\\xe9!' is no UTF-8",
      },
    });
  });

  it('of another cluster, of unpublished verbs and of ids that are none are nobody’s', () => {
    for (const subject of [
      'parley.c2.master.call.framework.alice.f1.subscribe',
      'parley.c1.master.call.framework.alice.f1.dance',
      'parley.c1.master.call.framework.alice.subscribe',
      'parley.c1.master.call.agent.master.register',
      'parley.c1.control.master.m1.log-level',
    ]) {
      expect(readCall(cluster, subject, new Uint8Array()), subject).toBeUndefined();
    }
  });
});

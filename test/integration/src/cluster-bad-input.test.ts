// Owns the proof that what callers do wrong over the real bus is answered with what is wrong, or does no harm: the cluster
// goes on serving everybody else.
import { NatsUpdateWriter } from '@parley/actor/nats/update-writer';
import { AgentId, FrameworkId, type PrincipalName, RoleName } from '@parley/protocol/ids';
import { type Answer, encodeMessage } from '@parley/protocol/message';
import { subjectOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { resources } from '@parley/scheduler-sdk/task';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { ask, Caller, sendUnchecked } from './cluster-caller.ts';
import {
  alice,
  bob,
  ClusterFixture,
  cluster,
  type ServiceId,
  TEST_TIMEOUT_MS,
  until,
} from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const SERVICES: readonly ServiceId[] = ['master-1', 'allocator-1', 'a1', 'a2'];
const agentId = AgentId.parse('a1');
let fixture: ClusterFixture;
let honest: QueueFramework;
let served = 0;

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  fixture.open();
  honest = await new QueueFramework().connect(fixture, 'bob', 'honest');
});
afterAll(async () => {
  await honest?.close();
  await fixture?.close();
});

/** Whatever a test did: nobody has ended, and another framework's task runs to its end. */
afterEach(async () => {
  const task = fixture.task(`honest-${served}`);
  served += 1;
  honest.add([task]);
  await honest.untilEnded([task]);
  for (const name of SERVICES) expect(fixture.service(name).isRunning, name).toBe(true);
});

async function callerOf(principal: PrincipalName, frameworkId: string): Promise<Caller> {
  const connection = await fixture.connect('principal', principal);
  return new Caller(connection, { principal, frameworkId: FrameworkId.parse(frameworkId) });
}

async function subscribed(frameworkId: string): Promise<Caller> {
  const caller = await callerOf(alice, frameworkId);
  await caller.subscribe();
  return caller;
}

const refusedWith = (code: string): Partial<Answer> =>
  expect.objectContaining({ ok: false, failure: expect.objectContaining({ code }) });

test('bytes that are no message and verbs that do not exist are answered with what is wrong', async () => {
  const caller = await callerOf(alice, 'clumsy');
  const { subject, bytes } = caller.subscribeBytes();
  const send = (on: string, what: Uint8Array) => caller.ask(SUBJECTS.subscribe, on, what);
  expect(await send(subject, new Uint8Array())).toEqual(refusedWith('malformed'));
  expect(await send(subject, Buffer.from('hello'))).toEqual(refusedWith('malformed'));
  // Arrays in arrays, as deep as the bus carries.
  expect(await send(subject, new Uint8Array(900_000).fill(0x91))).toEqual(refusedWith('malformed'));
  // An array that says to have 30,000,000 elements.
  const boast = Uint8Array.of(0xdd, 0x01, 0xc9, 0xc3, 0x80);
  expect(await send(subject, boast)).toEqual(refusedWith('malformed'));
  const withoutId = encodeMessage(SUBJECTS.resync, cluster, caller.framework, {});
  expect(await send(withoutId.subject, withoutId.bytes)).toEqual(refusedWith('malformed'));
  expect(await send(withoutId.subject, bytes)).toEqual(refusedWith('malformed'));
  const unknown = subject.replace('.subscribe', '.dance');
  expect(await send(unknown, bytes)).toEqual(refusedWith('unknownVerb'));
  const eaten = `parley.${cluster}.offers.alice.clumsy.o1.eat`;
  expect(await send(eaten, bytes)).toEqual(refusedWith('unknownVerb'));
});

/** Numbers from 0 to 1, the same in every run. "Mulberry32", T. Ettinger. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('every message with some bytes wrong is answered', async () => {
  const caller = await callerOf(alice, 'noisy');
  const random = seeded(20_260_101);
  const answers = await Promise.all(
    Array.from({ length: 300 }, () => {
      const { subject, bytes } = caller.subscribeBytes();
      const wrong = Uint8Array.from(bytes);
      for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips -= 1) {
        wrong[Math.floor(random() * wrong.length)] = Math.floor(random() * 256);
      }
      return caller.ask(SUBJECTS.subscribe, subject, wrong);
    }),
  );
  const refused = answers.filter(({ ok }) => !ok);
  expect(answers).toHaveLength(300);
  expect(refused.length).toBeGreaterThan(150);
  await caller.subscribe();
  await caller.teardown();
});

test("another framework's offer is refused, and stays that framework's", async () => {
  const owner = await subscribed('owner');
  const thief = await subscribed('thief');
  const offer = await owner.offer();
  const stolen = await thief.accept([offer.offerId], [fixture.task('stolen')]);
  expect(stolen).toEqual(refusedWith('invalidOffers'));
  const kept = await owner.accept([offer.offerId], [fixture.task('kept')]);
  expect(kept).toMatchObject({ ok: true, value: { launched: ['kept'], rejected: [] } });
  expect(fixture.runs('stolen')).toBe(0);
  await owner.teardown();
  await thief.teardown();
});

test('a task that asks for more than the offer holds ends as an error; the tasks beside it run', async () => {
  const work = await new QueueFramework().connect(fixture, 'alice', 'greedy');
  const small = fixture.task('small');
  const large = { ...fixture.task('large'), resources: resources({ cpus: 99_000 }) };
  const outcome = await work.launch([large, small]);
  expect(outcome).toMatchObject({
    ok: true,
    value: {
      launched: ['small'],
      rejected: [{ taskId: 'large', failure: { code: 'insufficientResources' } }],
    },
  });
  await work.untilEnded([small, large]);
  expect(work.inState('error')).toEqual(['large']);
  expect(work.inState('finished')).toEqual(['small']);
  expect(fixture.runs('large')).toBe(0);
  await work.scheduler.teardown();
});

test('what is too large is refused where it begins, by the leader, or by the server, and hurts nobody', async () => {
  const work = await new QueueFramework().connect(fixture, 'alice', 'verbose');
  const wordy = (taskId: string, words: number) => {
    const task = fixture.task(taskId);
    const environment = Object.fromEntries(
      Array.from({ length: words }, (_, index) => [`WORD${index}`, 'x'.repeat(100_000)]),
    );
    return { ...task, command: { ...task.command, environment } };
  };
  const refused = await work.launch([wordy('far-too-large', 11)]);
  expect(refused).toEqual(refusedWith('tooLarge'));
  const fits = wordy('fits', 9);
  expect(await work.launch([fits])).toMatchObject({ ok: true });
  await work.untilEnded([fits]);
  expect(work.inState('finished')).toEqual(['fits']);
  await work.scheduler.teardown();

  const caller = await subscribed('unchecked');
  const { offerId } = await caller.offer();
  // Below what the server carries, above what an entry of the journal may hold.
  const task = wordy('too-large', 9);
  const argv = [...task.command.argv, 'y'.repeat(100_000), 'z'.repeat(30_000)];
  const tooLarge = { ...task, command: { ...task.command, argv } };
  expect(await caller.accept([offerId], [tooLarge])).toEqual(refusedWith('tooLarge'));
  const subject = subjectOf(SUBJECTS.subscribe, cluster, caller.framework);
  const said = await sendUnchecked(fixture, alice, subject, 3_000_000);
  expect(said).toContain('Maximum Payload Violation');
  await caller.teardown();
});

test('a repeated request gets the first answer and does nothing; one below the lowest has expired', async () => {
  const caller = await subscribed('stubborn');
  const offer = await caller.offer();
  const request = { session: 'again', counter: 7, lowest: 7 };
  const task = fixture.task('once');
  const first = await caller.accept([offer.offerId], [task], request);
  expect(first).toMatchObject({ ok: true, value: { launched: ['once'] } });
  expect(await caller.accept([offer.offerId], [task], request)).toEqual(first);
  // Another id: the offer is used up.
  const next = { ...request, counter: 8, lowest: 8 };
  expect(await caller.accept([offer.offerId], [task], next)).toEqual(refusedWith('invalidOffers'));
  expect(await caller.accept([offer.offerId], [task], request)).toEqual(
    refusedWith('requestExpired'),
  );
  await until(
    () => fixture.runs('once') > 0,
    () => 'the task runs',
  );
  await caller.teardown();
});

test('updates that are none, and those of an agent that does not run the task, are left out', async () => {
  const work = await new QueueFramework().connect(fixture, 'alice', 'watchful');
  const task = fixture.task('watched', 'watched-gate');
  work.add([task]);
  await work.untilRunning(1);
  const [running] = work.updates;
  if (running === undefined) throw new Error('no update');
  const agents = [AgentId.parse('a1'), AgentId.parse('a2')] as const;
  const [own, other] = running.agentId === agents[0] ? agents : agents.toReversed();
  if (own === undefined || other === undefined) throw new Error('no agents');
  const connection = await fixture.connect('agent', other);
  const writer = new NatsUpdateWriter(connection, () => true);
  const { principal, frameworkId } = work.scheduler.framework;
  const place = { source: other, principal, frameworkId, taskId: task.taskId };
  const subject = subjectOf(SUBJECTS.update, cluster, place);
  const write = async (bytes: Uint8Array) => succeeded(await writer.write(subject, bytes));
  await write(Buffer.from('finished, honestly'));
  const end = { ...running, sequence: 2, state: 'finished' } as const;
  for (const agentId of [own, other]) {
    const lie = encodeMessage(SUBJECTS.update, cluster, place, { ...end, agentId });
    await write(lie.bytes);
  }
  await until(
    () => work.errors.length === 3,
    () => `three reports; ${work.said}`,
  );
  expect(work.inState('running')).toEqual(['watched']);
  fixture.open('watched-gate');
  await work.untilEnded([task]);
  expect(work.updates.map(({ state, agentId }) => [state, agentId])).toEqual([
    ['running', own],
    ['finished', own],
  ]);
  const books = await fixture.follow();
  const booked = () =>
    [...books.state.ended.rows()].find(({ task: ended }) => ended.taskId === 'watched');
  await until(
    () => booked() !== undefined,
    () => 'the books know of the end',
  );
  expect(booked()).toMatchObject({ agentId: own, state: 'finished', exitCode: 0 });
  await work.scheduler.teardown();
});

test('an agent refuses orders of an earlier term and bytes that are no order', async () => {
  const deposed = await fixture.connect('master', 'master-2');
  const framework = { principal: bob, frameworkId: FrameworkId.parse('honest') };
  const description = fixture.task('of-the-past');
  const epoch = { bucketCreatedMs: 1, revision: 1 };
  const order = encodeMessage(
    SUBJECTS.run,
    cluster,
    { agentId },
    { framework, role: RoleName.parse('*'), description },
    { epoch },
  );
  const give = (bytes: Uint8Array) => ask(deposed, SUBJECTS.run, order.subject, bytes);
  expect(await give(order.bytes)).toEqual(refusedWith('staleEpoch'));
  expect(await give(Buffer.from('run!'))).toEqual(refusedWith('malformed'));
  expect(fixture.runs('of-the-past')).toBe(0);
});

// Owns the proof that what an agent lends runs real tasks and is taken back: server, master, agent and scheduler are the
// real ones; the test plays the allocator, whose rules are not the matter here.
import { encodeMessage } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Books, ClusterFixture, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const PLACE = ['--region', 'eu', '--zone', 'eu-1'];
const epoch = { bucketCreatedMs: 1, revision: 1 };

let fixture: ClusterFixture;
let scheduler: Scheduler;
let allocator: NatsConnection;
let books: Books;
const offers: Offer[] = [];
const updates: StatusUpdate[] = [];
let proposals = 0;
/** To be called when the offers at hand are answered: what is not by then is declined. */
let answered: () => void = () => undefined;

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.startServer();
  await fixture.provision();
  fixture.service('master-1').start();
  fixture.service('a1').start('--oversubscribe', 'cpus=2,mem=512MiB', ...PLACE);
  await fixture.service('a1').says('"msg":"registered"');
  allocator = await fixture.connect('allocator', 'allocator-1');
  books = await fixture.follow();
  scheduler = await connectScheduler({
    credential: fixture.credential('principal', 'alice'),
    frameworkId: 'borrower',
    name: 'borrower',
    role: '*',
    takesRevocable: true,
    onOffers: (made) => {
      offers.push(...made);
      const { promise, resolve } = Promise.withResolvers<void>();
      answered = resolve;
      return promise;
    },
    onUpdate: (update) => void updates.push(update),
    connectTimeoutMs: 60_000,
  });
});
afterAll(async () => {
  fixture?.open();
  await scheduler?.close();
  await fixture?.close();
});

/** Proposes this of what is lent to the framework; the offer that it becomes. */
async function offerOfLent(cpus: number): Promise<Offer> {
  proposals += 1;
  const before = offers.length;
  const proposal = {
    number: proposals,
    framework: { principal: 'alice', frameworkId: 'borrower' },
    role: '*',
    agentId: 'a1',
    resources: {},
    revocable: { scalars: { cpus: cpus * 1000, mem: 64_000 } },
  };
  const body = SUBJECTS.proposals.body.parse({ proposals: [proposal] });
  const message = encodeMessage(SUBJECTS.proposals, cluster, {}, body, { epoch });
  allocator.publish(message.subject, message.bytes);
  await until(
    () => offers.length > before,
    () => `an offer; ${fixture.service('master-1').output.slice(-1000)}`,
  );
  const [offer] = offers.slice(before);
  if (offer === undefined) throw new Error('there is an offer');
  return offer;
}

const lastOf = (taskId: string) => updates.findLast(({ task }) => task.taskId === taskId);

/** A task of 0.4 CPUs. */
async function launchLent(taskId: string): Promise<void> {
  const offer = await offerOfLent(1);
  expect(offer).toMatchObject({
    domain: { region: 'eu', zone: 'eu-1' },
    resources: { scalars: {} },
    revocable: { scalars: { cpus: 1000, mem: 64_000 } },
  });
  const task = { ...fixture.task(taskId), revocable: true };
  const answer = await scheduler.launch(offer, [task]);
  answered();
  expect(answer).toMatchObject({ ok: true, value: { launched: [taskId], rejected: [] } });
  await until(
    () => lastOf(taskId)?.state === 'running',
    () => `${taskId} runs: ${JSON.stringify(updates)}`,
  );
}

test('what an agent lends runs tasks beside all that it has, and is taken back from the youngest when it says that there is less', async () => {
  await launchLent('first');
  await launchLent('second');
  const { state } = books.replica;
  await until(
    () => state.tasks.size === 2,
    () => `both tasks are in the books: ${[...state.tasks.keys()]}`,
  );
  expect(state.agents.get('a1')?.revocable?.scalars).toEqual({ cpus: 2000, mem: 512_000 });
  expect(state.books.allocated.toScalars()).toEqual({});

  await fixture.service('a1').end('SIGKILL');
  fixture.service('a1').start('--oversubscribe', 'cpus=0.5,mem=512MiB', ...PLACE);
  await until(
    () => lastOf('second')?.state === 'killed',
    () => `the second task is revoked: ${JSON.stringify(updates)}`,
  );
  expect(lastOf('second')).toMatchObject({
    reason: 'revoked',
    message: 'agent a1 needs back what it had lent to the task: others use it now',
  });
  fixture.open();
  await until(
    () => lastOf('first')?.state === 'finished',
    () => `the first task goes on to its end: ${JSON.stringify(updates)}`,
  );
  expect(fixture.runs('first')).toBe(1);
});

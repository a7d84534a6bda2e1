// Owns the proof that a framework loses nothing when its process dies or is replaced: updates that were not acknowledged come
// again, and no others; a reader tells truly when it has caught up; the leader answers what became of any task.
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { NatsUpdateWriter } from '@parley/actor/nats/update-writer';
import { AgentId, FrameworkId, TaskId } from '@parley/protocol/ids';
import { updatesStreamName } from '@parley/protocol/streams';
import { subjectOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskStatus } from '@parley/protocol/tasks';
import { UpdateConsumer } from '@parley/scheduler-sdk/update-consumer';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import {
  alice,
  bob,
  cluster as clusterName,
  TEST_TIMEOUT_MS,
  until,
  WatchedProcess,
} from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const FRAMEWORK = fileURLToPath(new URL('cluster-framework-process.ts', import.meta.url));

const cluster = new ScenarioCluster();
const { fixture } = cluster;

beforeAll(() =>
  cluster.start({
    agents: ['a1'],
    masterOptions: [
      ...['--framework-silence-ms', '1000', '--offer-timeout-ms', '600000'],
      ...['--outstanding-cap', '100'],
    ],
  }),
);
afterAll(() => cluster.close());

/** Lines that begin so, without the beginning. */
const told = ({ output }: WatchedProcess, beginning: string): string[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith(beginning))
    .map((line) => line.slice(beginning.length));

test('a framework that is killed between an update and its acknowledgement is told it again; one that is replaced stops', async () => {
  const credential = fixture.credential('principal', alice);
  const frameworkOf = (launches: number, manner: string) =>
    new WatchedProcess(manner, [FRAMEWORK, credential, 'mortal', String(launches), manner]);
  const first = frameworkOf(2, 'handle-one').start();
  const [second, third] = [frameworkOf(0, 'handle'), frameworkOf(0, 'handle')];
  try {
    await until(
      () => told(first, 'update ').length === 2,
      () => first.output,
    );
    const [, held = ''] = told(first, 'update ');
    const own = await fixture.connect('principal', alice, 'work');
    const manager = await jetstreamManager(own, { checkAPI: false });
    const stream = updatesStreamName(clusterName, alice);
    await until(
      async () => (await manager.consumers.info(stream, 'mortal-1')).num_ack_pending === 1,
      () => 'the first update is acknowledged',
    );
    await first.end('SIGKILL');
    second.start();
    // What was acknowledged may come again as well: its agent writes it anew when it first hears of the stream.
    await second.says(`update ${held}`);
    await until(
      async () => (await manager.consumers.info(stream, 'mortal-2')).num_ack_pending === 0,
      () => 'the other one is acknowledged, too',
    );

    third.start();
    await third.says('subscribed');
    await second.says('refused sessionReplaced');
    await until(
      () => !second.isRunning,
      () => 'the process that was replaced ends',
    );
    expect(third.isRunning).toBe(true);
  } finally {
    for (const one of [first, second, third]) await one.close();
  }
});

test('a reader of updates says that it has caught up when all that was there was delivered, also in a later session', async () => {
  const framework = { principal: bob, frameworkId: FrameworkId.parse('reader') };
  const writer = new NatsUpdateWriter(await fixture.connect('agent', 'a1'), () => true);
  const write = async (text: string): Promise<number> => {
    const target = { source: AgentId.parse('a1'), ...framework, taskId: TaskId.parse('t1') };
    const subject = subjectOf(SUBJECTS.update, clusterName, target);
    return succeeded(await writer.write(subject, Buffer.from(text))).sequence;
  };
  const connection = await fixture.connect('principal', bob, 'work');
  /** Reads until caught up with `upTo`; gives what had been delivered when that was told. */
  const readUpTo = async (session: number, upTo: number, acknowledged: number) => {
    const delivered: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<string[]>();
    const reader = new UpdateConsumer({
      connection,
      cluster: clusterName,
      framework,
      session,
      onBegin: ({ sequence }) => void begun.push(sequence),
      onMessage: ({ sequence }, _, bytes) => {
        delivered.push(Buffer.from(bytes).toString());
        if (sequence <= acknowledged) reader.acknowledge(sequence);
      },
      onCaughtUp: ({ sequence }) => {
        if (sequence === upTo) resolve([...delivered]);
        else reject(new Error(`caught up with ${sequence}`));
      },
      onTrouble: reject,
    });
    reader.catchUp(upTo);
    reader.start();
    const before = await promise;
    await reader.close(false);
    return before;
  };
  const begun: number[] = [];
  let end = 0;
  for (const text of ['one', 'two', 'three', 'four']) end = await write(text);
  expect(await readUpTo(1, end, end - 2)).toEqual(['one', 'two', 'three', 'four']);
  const handled = end - 2;
  for (const text of ['five', 'six']) end = await write(text);
  expect(await readUpTo(2, end, end)).toEqual(['three', 'four', 'five', 'six']);
  // Nothing is left to deliver, and that is told, too.
  expect(await readUpTo(3, end, end)).toEqual([]);
  // Each says behind which message it begins: what lies before is not told again.
  expect(begun).toEqual([0, handled, end]);
});

test('the leader answers what became of any task that is named, and lists all that live page by page', async () => {
  const asker = await ScenarioFramework.connect(fixture, 'alice', 'asker');
  const statuses = async (...tasks: { taskId: string; agentId?: string }[]) => {
    const named = tasks.map(({ taskId, agentId }) => ({
      taskId: TaskId.parse(taskId),
      ...(agentId !== undefined && { agentId: AgentId.parse(agentId) }),
    }));
    const answer = await asker.client.reconcile({ tasks: named });
    if (!answer.ok) throw new Error(answer.failure.message);
    return answer.value.statuses;
  };
  const launch = async (...tasks: ReturnType<typeof fixture.task>[]) => {
    const offers = await asker.offersOf('a1', 1000);
    const order = { offers, launches: tasks, filter: { refuseMs: 0 } };
    expect(await asker.client.accept(order)).toMatchObject({ ok: true, value: { rejected: [] } });
  };
  await launch(fixture.scriptTask('brief', 'exit 4'), fixture.task('lasting', 'asked'));
  await asker.untilState('failed', 'brief');
  await asker.untilState('running', 'lasting');
  expect(
    await statuses(
      { taskId: 'lasting' },
      { taskId: 'brief' },
      { taskId: 'never' },
      { taskId: 'never', agentId: 'a1' },
      { taskId: 'never', agentId: 'a7' },
    ),
  ).toMatchObject([
    { taskId: 'lasting', agentId: 'a1', state: 'running' },
    { taskId: 'brief', agentId: 'a1', state: 'failed', reason: 'commandExited' },
    { taskId: 'never', state: 'unknown' },
    { taskId: 'never', agentId: 'a1', state: 'gone' },
    { taskId: 'never', agentId: 'a7', state: 'unknown' },
  ]);

  // Orders to an agent that is stopped stay where they are: so many tasks live, and none of them runs.
  fixture.service('a1').signal('SIGSTOP');
  const resources = { scalars: { cpus: 1 }, ports: [] };
  const many = Array.from({ length: 600 }, (_, index) => ({
    ...fixture.task(`many-${String(index).padStart(3, '0')}`),
    resources: { ...fixture.task('many').resources, ...resources },
  }));
  await launch(...many);
  const pages: TaskStatus[][] = [];
  for (let after: TaskId | undefined; pages.length < 3; ) {
    const answer = await asker.client.reconcile({ tasks: [], ...(after && { after }) });
    if (!answer.ok) throw new Error(answer.failure.message);
    pages.push(answer.value.statuses);
    after = answer.value.next;
    if (after === undefined) break;
  }
  expect(pages.map(({ length }) => length)).toEqual([512, 89]);
  const listed = pages.flat().map(({ taskId, state }) => `${taskId} ${state}`);
  const expected = ['lasting running', ...many.map(({ taskId }) => `${taskId} staging`)];
  expect(listed).toEqual(expected);
  cluster.check();
  await asker.close();
});

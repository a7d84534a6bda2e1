// Tests each call and event of the scheduler interface in both encodings: a real cluster behind a real gateway.
import { fileURLToPath } from 'node:url';
import { AgentId, WindowId } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { succeeded } from '@parley/test-integration/actor-fixture';
import { TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { MesosClient, Offer } from './mesos-client.ts';
import { MesosCluster, running } from './mesos-cluster.ts';
import { accept, launch, modern, scalar, shell, type Task } from './mesos-words.ts';

const EXECUTOR = fileURLToPath(import.meta.resolve('@parley/test-integration/executor-process'));
const HOUR_MS = 3600_000;

const mesos = new MesosCluster();

beforeAll(() => mesos.start(1), TEST_TIMEOUT_MS);

afterEach(() => mesos.tearDownAll());
afterAll(() => mesos.close());

describe.each(['json', 'protobuf'] as const)('a framework that speaks %s', (encoding) => {
  test(
    'subscribes, is told so first, beats at once, gets offers, runs a task and tears down',
    async () => {
      const client = await mesos.subscribed(modern(`whole-${encoding}`), { encoding });
      const offer = await client.offer();
      expect(client.events.slice(0, 2)).toMatchObject([
        { type: 'SUBSCRIBED', subscribed: { heartbeat_interval_seconds: 15 } },
        { type: 'HEARTBEAT' },
      ]);
      expect(client.frameworkId).toMatch(/^alice\.whole-/);
      expect(client.response.headers['transfer-encoding']).toBe('chunked');
      const script = 'test "$MESOS_SANDBOX" = "$PWD" -a -n "$MESOS_FRAMEWORK_ID"';
      await client.call(accept([offer], launch(shell(offer, 'one.task:1', script))));
      const first = await client.follow('one.task:1', 'TASK_RUNNING');
      expect(first).toMatchObject({
        executor_id: { value: 'one.task:1' },
        agent_id: offer.agent_id,
      });
      expect(first.uuid?.length).toBe(16);
      await client.follow('one.task:1', 'TASK_FINISHED');
      expect(await client.call({ type: 'TEARDOWN' })).toMatchObject({ status: 202, body: '' });
      await client.ended();
      expect(Math.max(...client.recordsOfChunks)).toBe(1);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is shown no offer that does not meet its constraints, until it has others',
    async () => {
      const name = `constrained-${encoding}`;
      const having = (attribute_name: string) => {
        const constraint = { selector: { attribute_name }, predicate: { not_exists: {} } } as const;
        return { role_constraints: { web: { groups: [{ attribute_constraints: [constraint] }] } } };
      };
      const { state } = await (await mesos.operator()).load();
      const [known] = Object.keys(state.agents.get('a1')?.attributes ?? {});
      const constraints = having(String(known));
      const client = await mesos.subscribed(modern(name), { encoding, constraints });
      // The offers that it declines are the other's.
      const other = await mesos.subscribed(modern(`other-${encoding}`), { encoding });
      await other.offer();
      expect(client.events.some(({ type }) => type === 'OFFERS')).toBe(false);
      await other.call({ type: 'TEARDOWN' });
      const framework_info = modern(name, { id: { value: client.frameworkId } });
      const offer_constraints = having('no-such-attribute');
      const update_framework = { framework_info, offer_constraints };
      const updated = await client.call({ type: 'UPDATE_FRAMEWORK', update_framework });
      expect(updated.status).toBe(200);
      await client.offer();
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'kills, reconciles, declines, suppresses, revives, asks and updates itself',
    async () => {
      const client = await mesos.subscribed(modern(`calls-${encoding}`), { encoding });
      const long = `${'long.'.repeat(30)}${encoding}`;
      const offer = await running(client, long, 'sleep 600');
      const { agent_id } = offer;
      for (const call of [
        { type: 'SUPPRESS', suppress: { roles: ['web'] } },
        { type: 'REVIVE', revive: { roles: [] } },
        { type: 'REQUEST', request: { requests: [{ resources: [scalar('cpus', 1)] }] } },
        { type: 'DECLINE', decline: { offer_ids: [{ value: 'nothing' }] } },
      ] as const) {
        expect(await client.call(call)).toMatchObject({ status: 202, body: '' });
      }
      const framework_info = modern('another name', { id: { value: client.frameworkId } });
      const update = { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info } } as const;
      expect((await client.call(update)).status).toBe(200);

      let from = client.events.length;
      const asked = [{ task_id: { value: long }, agent_id }, { task_id: { value: 'who' } }];
      await client.call({ type: 'RECONCILE', reconcile: { tasks: asked } });
      const known = await client.status(long, 'TASK_RUNNING', from);
      expect(known).toMatchObject({ reason: 'REASON_RECONCILIATION' });
      expect(known.uuid).toBeUndefined();
      await client.status('who', 'TASK_UNKNOWN', from);

      from = client.events.length;
      await client.call({ type: 'RECONCILE', reconcile: {} });
      await client.status(long, 'TASK_RUNNING', from);

      await client.call({ type: 'KILL', kill: { task_id: { value: 'nobody' } } });
      await client.status('nobody', 'TASK_UNKNOWN', from);
      await client.call({
        type: 'KILL',
        kill: {
          task_id: { value: long },
          agent_id,
          kill_policy: { grace_period: { nanoseconds: 500_000_000n } },
        },
      });
      await client.follow(long, 'TASK_KILLED', from);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is told of each task and operation that cannot be, by itself',
    async () => {
      const client = await mesos.subscribed(modern(`faults-${encoding}`), { encoding });
      const offer = await client.offer();
      const docker: Partial<Task> = { container: { type: 'DOCKER', docker: { image: 'x' } } };
      const create = {
        type: 'GROW_VOLUME',
        id: { value: 'grow' },
        grow_volume: { volume: scalar('disk', 1), addition: scalar('disk', 1) },
      } as const;
      await client.call(
        accept(
          [offer],
          launch(shell(offer, 'docker', 'true', docker), shell(offer, 'good', 'true')),
          { ...launch(shell(offer, 'named', 'true')), id: { value: 'launch' } },
          create,
        ),
      );
      const refused = await client.status('docker', 'TASK_ERROR');
      expect(refused).toMatchObject({ reason: 'REASON_TASK_INVALID', source: 'SOURCE_MASTER' });
      expect(refused.message).toContain('container.type');
      await client.status('named', 'TASK_ERROR');
      await client.follow('good', 'TASK_FINISHED');
      const status = await client.told(({ update_operation_status: told }) => told?.status);
      expect(status).toMatchObject({ operation_id: { value: 'grow' }, state: 'OPERATION_ERROR' });

      const gone = { ...offer, id: { value: 'gone' } };
      await client.call(accept([gone], launch(shell(offer, 'late', 'true'))));
      const late = await client.status('late', 'TASK_DROPPED');
      expect(late).toMatchObject({ reason: 'REASON_INVALID_OFFERS' });
      expect(late.uuid).toBeUndefined();

      await client.call({
        type: 'RECONCILE_OPERATIONS',
        reconcile_operations: { operations: [{ operation_id: { value: 'old' } }] },
      });
      await client.told(({ update_operation_status: told }) =>
        told?.status.operation_id?.value === 'old' ? told : undefined,
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'talks to an executor of its own, and is told of its end',
    async () => {
      const client = await mesos.subscribed(modern(`executor-${encoding}`), { encoding });
      const offer = await client.offer();
      const executor_id = { value: 'my.executor' };
      const executor = {
        executor_id,
        command: { shell: false, value: process.execPath, arguments: ['node', EXECUTOR] },
        resources: [scalar('cpus', 0.1), scalar('mem', 64)],
      };
      const { command: _, ...task } = shell(offer, 'waits', '');
      await client.call(accept([offer], launch({ ...task, executor })));
      await client.follow('waits', 'TASK_RUNNING');
      const { agent_id } = offer;
      const data = new TextEncoder().encode('abc');
      await client.call({ type: 'MESSAGE', message: { agent_id, executor_id, data } });
      const { message } = await client.told((event) =>
        event.type === 'MESSAGE' ? event : undefined,
      );
      expect(message).toMatchObject({ agent_id, executor_id });
      expect(Buffer.from(message?.data ?? []).toString()).toBe('cba');
      await client.call({ type: 'SHUTDOWN', shutdown: { executor_id, agent_id } });
      const { failure } = await client.told((event) =>
        event.type === 'FAILURE' ? event : undefined,
      );
      expect(failure).toMatchObject({ agent_id, executor_id });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'reserves, makes a volume, runs a task on it and gives both back',
    async () => {
      const client = await mesos.subscribed(modern(`disk-${encoding}`), { encoding });
      const offer = await client.offer();
      const labels = { labels: [{ key: 'for', value: encoding }] };
      const reservation = { type: 'DYNAMIC', role: 'web', principal: 'alice', labels } as const;
      const reservations = [reservation];
      const reserved = { ...scalar('disk', 64), reservations };
      const volume = {
        ...reserved,
        disk: {
          persistence: { id: `data.${encoding}`, principal: 'alice' },
          volume: { container_path: 'kept', mode: 'RW' },
        },
      } as const;
      await client.call(
        accept(
          [offer],
          { type: 'RESERVE', id: { value: 'r' }, reserve: { resources: [reserved] } },
          { type: 'CREATE', id: { value: 'c' }, create: { volumes: [volume] } },
          launch(
            shell(offer, 'writes', 'echo kept > kept/file', {
              resources: [scalar('cpus', 0.1), scalar('mem', 32), volume],
            }),
          ),
        ),
      );
      for (const id of ['r', 'c']) await client.told(operationEnded(id));
      await client.follow('writes', 'TASK_FINISHED');
      const again = await offerWith(client, `data.${encoding}`);
      expect(again.resources).toContainEqual(
        expect.objectContaining({ disk: volume.disk, reservations, scalar: { value: 64 } }),
      );
      await client.call(
        accept(
          [again],
          { type: 'DESTROY', id: { value: 'd' }, destroy: { volumes: [volume] } },
          { type: 'UNRESERVE', id: { value: 'u' }, unreserve: { resources: [reserved] } },
        ),
      );
      for (const id of ['d', 'u']) await client.told(operationEnded(id));
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is asked for agents that are to be maintained, and answers',
    async () => {
      const client = await mesos.subscribed(modern(`moved-${encoding}`), { encoding });
      const { agent_id } = await running(client, 'stays', 'sleep 600');
      const agent = AgentId.parse(agent_id.value);
      const windowId = WindowId.parse(`kernel-${encoding}`);
      const times = { startWallTimeMs: Date.now() + HOUR_MS, durationMs: HOUR_MS };
      const window = { ...times, windowId, agents: [agent], noticeMs: 2 * HOUR_MS, reason: 'test' };
      const operator = await mesos.operator();
      const caller = { operator: operator.operator };
      const maintain = (
        body: Parameters<typeof operator.callLeader<typeof SUBJECTS.operatorMaintenance>>[2],
      ) => operator.callLeader(SUBJECTS.operatorMaintenance, caller, body);
      succeeded(await maintain({ change: 'schedule', window }));
      const asked = await client.told(({ inverse_offers }) => inverse_offers?.inverse_offers?.[0]);
      expect(asked).toMatchObject({
        agent_id,
        unavailability: { duration: { nanoseconds: 3_600_000_000_000n } },
      });
      const inverse_offer_ids = [asked.id];
      await client.call({
        type: 'DECLINE_INVERSE_OFFERS',
        decline_inverse_offers: { inverse_offer_ids },
      });
      await client.call({
        type: 'ACCEPT_INVERSE_OFFERS',
        accept_inverse_offers: { inverse_offer_ids },
      });
      const books = await mesos.cluster.follow();
      await until(
        () => [...books.state.inverseOffers.rows()].some(({ answer }) => answer === 'accept'),
        () => 'the answer stands in the books',
      );
      succeeded(await maintain({ change: 'cancel', windowId }));
      const taken = await client.told(({ rescind_inverse_offer }) => rescind_inverse_offer);
      expect(taken.inverse_offer_id).toStrictEqual(asked.id);
    },
    TEST_TIMEOUT_MS,
  );
});

type Told = MesosClient['events'][number];
const operationEnded =
  (id: string) =>
  ({ update_operation_status: told }: Told) =>
    told?.status.operation_id?.value === id && told.status.state === 'OPERATION_FINISHED'
      ? told
      : undefined;

const offerWith = (client: MesosClient, persistenceId: string): Promise<Offer> =>
  client.offer(({ resources = [] }) =>
    resources.some(({ disk }) => disk?.persistence?.id === persistenceId),
  );

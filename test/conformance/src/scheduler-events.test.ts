// Tests the events and calls that no test of whole lives comes upon, in both encodings: an offer that is taken back, an agent
// that is lost, a stream that is replaced, the status of an operation that is acknowledged. A real cluster behind a real
// gateway; each encoding loses one of its agents, so these tests come in a file of their own.
import { AgentId } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { succeeded } from '@parley/test-integration/actor-fixture';
import { TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MesosCluster, running } from './mesos-cluster.ts';
import { accept, modern, scalar } from './mesos-words.ts';

const mesos = new MesosCluster();

beforeAll(() => mesos.start(1), TEST_TIMEOUT_MS);

afterEach(() => mesos.tearDownAll());
afterAll(() => mesos.close());

async function change(agent: string, what: 'deactivate' | 'reactivate' | 'gone'): Promise<void> {
  const link = await mesos.operator();
  const body = { agentId: AgentId.parse(agent), change: what };
  succeeded(await link.callLeader(SUBJECTS.operatorAgent, { operator: link.operator }, body));
}

test(
  'a stream on which nothing happens beats again and again, in either encoding',
  async () => {
    const clients = await Promise.all(
      (['json', 'protobuf'] as const).map((encoding) => {
        const info = { ...modern(`quiet-${encoding}`), roles: [`quiet-${encoding}`] };
        return mesos.subscribed(info, { encoding });
      }),
    );
    for (const client of clients) {
      // The first one comes with the subscription.
      await until(
        () => client.events.filter(({ type }) => type === 'HEARTBEAT').length >= 2,
        () => `a second heartbeat; there were ${client.texts()}`,
      );
      expect(client.events.find(({ subscribed }) => subscribed)).toMatchObject({
        subscribed: { heartbeat_interval_seconds: 15 },
      });
    }
  },
  TEST_TIMEOUT_MS,
);

describe.each(['json', 'protobuf'] as const)('a framework that speaks %s', (encoding) => {
  test(
    'is told by RESCIND of the offer that is taken back, and made another one',
    async () => {
      const client = await mesos.subscribed(modern(`rescinded-${encoding}`), { encoding });
      const offer = await client.offer();
      await change(offer.agent_id.value, 'deactivate');
      const rescinded = await client.told(({ type, rescind }) =>
        type === 'RESCIND' ? rescind : undefined,
      );
      expect(rescinded).toStrictEqual({ offer_id: offer.id });
      await change(offer.agent_id.value, 'reactivate');
      const again = await client.offer(({ agent_id }) => agent_id.value === offer.agent_id.value);
      expect(again.id).not.toStrictEqual(offer.id);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is told by ERROR that a newer stream has taken its place, and its own ends',
    async () => {
      const first = await mesos.subscribed(modern(`replaced-${encoding}`), { encoding });
      const info = modern(`replaced-${encoding}`, { id: { value: first.frameworkId } });
      await mesos.subscribed(info, { encoding });
      await first.ended();
      expect(first.events.at(-1)).toStrictEqual({
        type: 'ERROR',
        error: { message: 'Framework failed over' },
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'may acknowledge the status of an operation, though none asks for it by a uuid',
    async () => {
      const client = await mesos.subscribed(modern(`operates-${encoding}`), { encoding });
      const offer = await client.offer();
      const reservations = [{ type: 'DYNAMIC', role: 'web', principal: 'alice' } as const];
      const resources = [{ ...scalar('disk', 8), reservations }];
      const operation_id = { value: `reserve-${encoding}` };
      await client.call(
        accept(
          [offer],
          { type: 'RESERVE', id: operation_id, reserve: { resources } },
          { type: 'UNRESERVE', unreserve: { resources } },
        ),
      );
      const status = await client.told(({ update_operation_status: told }) => told?.status);
      expect(status).toMatchObject({ operation_id, state: 'OPERATION_FINISHED' });
      expect(status.uuid).toBeUndefined();
      const acknowledge = (bytes: number, of = {}) =>
        client.call({
          type: 'ACKNOWLEDGE_OPERATION_STATUS',
          acknowledge_operation_status: { uuid: new Uint8Array(bytes), operation_id, ...of },
        });
      const { agent_id } = offer;
      expect(await acknowledge(16, { agent_id })).toMatchObject({ status: 202, body: '' });
      expect((await acknowledge(15, { agent_id })).status).toBe(400);
      expect((await acknowledge(16)).status).toBe(400);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is told by FAILURE of an agent that is lost, without an executor, and of each task there by itself',
    async () => {
      const client = await mesos.subscribed(modern(`loses-${encoding}`), { encoding });
      const { agent_id } = await running(client, 'there', mesos.cluster.waitAt('there'));
      await change(agent_id.value, 'gone');
      const failure = await client.told(({ type, failure: told }) =>
        type === 'FAILURE' ? told : undefined,
      );
      expect(failure).toStrictEqual({ agent_id });
      const status = await client.status('there', 'TASK_GONE_BY_OPERATOR');
      expect(status).toMatchObject({ agent_id, reason: 'REASON_AGENT_REMOVED_BY_OPERATOR' });
    },
    TEST_TIMEOUT_MS,
  );
});

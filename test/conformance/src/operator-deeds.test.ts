// Tests the operator's calls that change a cluster for good, each by what comes of it, in both encodings: files, logging,
// quota of old, maintenance, draining, teardown and agents that are gone. A real cluster behind a real gateway, with a
// subscriber that hears of it; each encoding loses one of its agents.
import { ClusterFixture, TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MesosClient } from './mesos-client.ts';
import { accept, launch, modern, scalar, shell } from './mesos-words.ts';
import { OperatorClient, type OperatorStream } from './operator-client.ts';

const HOUR_NS = 3_600_000_000_000n;

let cluster: ClusterFixture;
let gateway: GatewayFixture;

beforeAll(async () => {
  cluster = new ClusterFixture();
  await cluster.start();
  gateway = await new GatewayFixture(cluster, '--default-principal', 'alice').start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await gateway?.close();
  await cluster.close();
});

describe.each(['json', 'protobuf'] as const)('an operator who speaks %s', (encoding) => {
  let stream: OperatorStream;
  let framework: MesosClient;
  let agent: string;
  const ask: OperatorClient['ask'] = (...call) =>
    new OperatorClient(gateway.url, encoding).ask(...call);
  const DONE = { status: 200, value: undefined, text: '' };

  beforeAll(async () => {
    stream = await new OperatorClient(gateway.url, encoding).subscribe();
    framework = await MesosClient.subscribe(gateway.url, modern(`kept-${encoding}`));
    await framework.subscribed();
    const offer = await framework.offer();
    agent = offer.agent_id.value;
    await framework.call(accept([offer], launch(shell(offer, 'there', 'echo hello; sleep 600'))));
    await framework.follow('there', 'TASK_RUNNING');
  }, TEST_TIMEOUT_MS);

  afterAll(() => stream.close());

  const heard = (type: string) =>
    until(
      () => stream.events.some((event) => event.type === type),
      () => `the subscriber is told ${type}; it was told ${stream.events.map((one) => one.type)}`,
    );
  const agentNow = async () => {
    const { value } = await ask({ type: 'GET_AGENTS' });
    return value?.get_agents?.agents?.find(({ agent_info }) => agent_info.id?.value === agent);
  };

  test('lists and reads the files of a task', async () => {
    const path = `/slaves/${agent}/frameworks/${framework.frameworkId}/executors/there/runs/latest`;
    const listed = await ask({ type: 'LIST_FILES', list_files: { path } });
    const infos = listed.value?.list_files?.file_infos ?? [];
    expect(infos).toContainEqual(expect.objectContaining({ path: `${path}/stdout` }));
    const read = await ask({
      type: 'READ_FILE',
      read_file: { path: `${path}/stdout`, offset: 1n, length: 3n },
    });
    expect(read.value?.read_file?.size).toBe(6n);
    expect(Buffer.from(read.value?.read_file?.data ?? []).toString()).toBe('ell');
    const missing = { type: 'READ_FILE', read_file: { path: `${path}/none`, offset: 0n } } as const;
    expect((await ask(missing)).status).toBe(404);
  });

  test('has the gateway log more, and as before', async () => {
    for (const level of [1, 0]) {
      const set_logging_level = { level, duration: { nanoseconds: HOUR_NS } };
      expect(await ask({ type: 'SET_LOGGING_LEVEL', set_logging_level })).toStrictEqual(DONE);
      const { value } = await ask({ type: 'GET_LOGGING_LEVEL' });
      expect(value?.get_logging_level).toStrictEqual({ level });
    }
  });

  test('sets quota as of old, which is guarantee and limit, and removes it', async () => {
    const role = `old-${encoding}`;
    const quota_request = { role, guarantee: [scalar('cpus', 0.5)] };
    expect(await ask({ type: 'SET_QUOTA', set_quota: { quota_request } })).toStrictEqual(DONE);
    const quotaOf = async () => {
      const { value } = await ask({ type: 'GET_QUOTA' });
      return value?.get_quota?.status.configs?.find((one) => one.role === role);
    };
    await until(
      async () => (await quotaOf()) !== undefined,
      () => 'the quota is told',
    );
    const cpus = { cpus: { value: 0.5 } };
    expect(await quotaOf()).toMatchObject({ guarantees: cpus, limits: cpus });
    expect(await ask({ type: 'REMOVE_QUOTA', remove_quota: { role } })).toStrictEqual(DONE);
    await until(
      async () => (await quotaOf()) === undefined,
      () => 'the quota is no more',
    );
  });

  test('is told that volumes do not grow here', async () => {
    const disk = scalar('disk', 1);
    const grow_volume = { agent_id: { value: agent }, volume: disk, addition: disk };
    const shrink_volume = { agent_id: { value: agent }, volume: disk, subtract: { value: 1 } };
    expect((await ask({ type: 'GROW_VOLUME', grow_volume })).status).toBe(501);
    expect((await ask({ type: 'SHRINK_VOLUME', shrink_volume })).status).toBe(501);
  });

  test(
    'takes machines down in their window, and up again',
    async () => {
      const hostname = String((await agentNow())?.agent_info.hostname);
      const start = { nanoseconds: BigInt(Date.now()) * 1_000_000n + 24n * HOUR_NS };
      const windows = [
        {
          machine_ids: [{ hostname }],
          unavailability: { start, duration: { nanoseconds: HOUR_NS } },
        },
      ];
      const plan = { type: 'UPDATE_MAINTENANCE_SCHEDULE' } as const;
      const machines = [{ hostname }];
      const down = async () => {
        const { value } = await ask({ type: 'GET_MAINTENANCE_STATUS' });
        return value?.get_maintenance_status?.status.down_machines ?? [];
      };
      const early = await ask({ type: 'START_MAINTENANCE', start_maintenance: { machines } });
      expect(early).toMatchObject({ status: 400, text: expect.stringContaining('no window') });
      await ask({ ...plan, update_maintenance_schedule: { schedule: { windows } } });
      await until(
        async () =>
          (await ask({ type: 'START_MAINTENANCE', start_maintenance: { machines } })).status ===
          200,
        () => 'the machine goes down once its window is known',
      );
      await until(
        async () => (await down()).length === 1,
        () => 'the machine is down',
      );
      expect(await down()).toMatchObject([{ hostname }]);
      const stop = { type: 'STOP_MAINTENANCE', stop_maintenance: { machines } } as const;
      expect(await ask(stop)).toStrictEqual(DONE);
      await until(
        async () => (await down()).length === 0,
        () => 'the machine is up',
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'drains an agent: its tasks end, and it is drained until it is reactivated',
    async () => {
      const agent_id = { value: agent };
      const drain_agent = { agent_id, max_grace_period: { seconds: 1n } };
      expect(await ask({ type: 'DRAIN_AGENT', drain_agent })).toStrictEqual(DONE);
      const status = await framework.follow('there', 'TASK_KILLED');
      expect(status).toMatchObject({ agent_id, reason: 'REASON_AGENT_DRAINING' });
      await until(
        async () => (await agentNow())?.drain_info?.state === 'DRAINED',
        () => 'the agent is drained',
      );
      expect(await agentNow()).toMatchObject({ active: false, deactivated: true });
      const reactivate_agent = { agent_id };
      expect(await ask({ type: 'REACTIVATE_AGENT', reactivate_agent })).toStrictEqual(DONE);
      await until(
        async () => (await agentNow())?.drain_info === undefined,
        () => 'the agent is not drained any more',
      );
      expect(await agentNow()).toMatchObject({ active: true, deactivated: false });
    },
    TEST_TIMEOUT_MS,
  );

  test('tears a framework down, which is told so, and so is the subscriber', async () => {
    const framework_id = { value: framework.frameworkId };
    expect(await ask({ type: 'TEARDOWN', teardown: { framework_id } })).toStrictEqual(DONE);
    const { message } = await framework.told(({ error }) => error);
    expect(message).toBe('Framework has been removed');
    await framework.ended();
    await heard('FRAMEWORK_REMOVED');
    const { value } = await ask({ type: 'GET_FRAMEWORKS' });
    const completed = value?.get_frameworks?.completed_frameworks ?? [];
    expect(completed.map((one) => one.framework_info.id?.value)).toContain(framework.frameworkId);
  });

  test('says that an agent is gone, which then is no more, and so is told the subscriber', async () => {
    const agent_id = { value: agent };
    const gone = { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id } } as const;
    expect(await ask(gone)).toStrictEqual(DONE);
    await heard('AGENT_REMOVED');
    expect(await agentNow()).toBeUndefined();
  });
});

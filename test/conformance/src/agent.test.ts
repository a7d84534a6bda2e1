// Tests the operator interface of Mesos's agent against a real agent behind its gateway: commands beside a task as nested
// containers, and what an agent says of itself, in both encodings and by the pages that tools poll.
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { AgentId, TaskRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { succeeded } from '@parley/test-integration/actor-fixture';
import {
  ClusterFixture,
  cluster as clusterName,
  TEST_TIMEOUT_MS,
  until,
} from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentCall, AgentClient, type ContainerId } from './agent-client.ts';
import { MesosClient } from './mesos-client.ts';
import { accept, launch, modern, shell } from './mesos-words.ts';

const cluster = new ClusterFixture();
const agentId = AgentId.parse('a1');
let ofAgent: GatewayFixture;
let other: GatewayFixture;
let framework: MesosClient;
let task: ContainerId;
let launched = 0;

/** A task that writes on and on, on the agent whose gateway it is. */
beforeAll(async () => {
  await cluster.start();
  const principal = ['--default-principal', 'alice'];
  ofAgent = await new GatewayFixture(cluster, ...principal, '--for-agent', agentId).start();
  other = await new GatewayFixture(cluster, ...principal).start();
  framework = await MesosClient.subscribe(ofAgent.url, modern('beside'));
  await framework.subscribed();
  const offer = await framework.offer(({ agent_id }) => agent_id.value === agentId);
  const script = 'echo first; while :; do echo tick; sleep 0.2; done';
  await framework.call(accept([offer], launch(shell(offer, 'task.1', script))));
  const status = await framework.follow('task.1', 'TASK_RUNNING');
  task = { value: `${framework.frameworkId}.${'__e_task_p1'}` };
  expect(status.task_id.value).toBe('task.1');
  await until(
    async () => (await page('/slave(1)/containers')).length === 1,
    () => 'the gateway has read that the task runs',
  );
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await ofAgent?.close();
  await other?.close();
  await cluster.close();
}, TEST_TIMEOUT_MS);

async function page(path: string, gateway = ofAgent) {
  const answer = await fetch(`${gateway.url}${path}`);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return JSON.parse(await answer.text());
}

function nested(): ContainerId {
  launched += 1;
  return { value: `command-${launched}`, parent: task };
}

type Session = NonNullable<AgentCall['launch_nested_container_session']>;
const session = (
  container_id: ContainerId,
  value: string,
  more: Partial<Session> = {},
): AgentCall => ({
  type: 'LAUNCH_NESTED_CONTAINER_SESSION',
  launch_nested_container_session: { container_id, command: { value }, ...more },
});
const wait = (container_id: ContainerId): AgentCall => ({
  type: 'WAIT_NESTED_CONTAINER',
  wait_nested_container: { container_id },
});

describe.each(['json', 'protobuf'] as const)('a client that speaks %s', (encoding) => {
  const client = (path = '/api/v1', gateway = ofAgent) =>
    new AgentClient(`${gateway.url}${path}`, encoding);

  test(
    'runs a command beside a task: both outputs come, its input goes in, its exit code is told until it is removed',
    async () => {
      const id = nested();
      const script = 'read line; echo "<$line> $COLOUR"; echo trouble >&2; cat; exit 7';
      const variables = [{ name: 'COLOUR', value: "it's blue" }];
      const command = { value: script, environment: { variables } };
      const output = await client().stream(session(id, '', { command }));
      expect(output.response.headers['transfer-encoding']).toBe('chunked');
      const input = client('/slave(1)/api/v1').input(id);
      input.type('hello\nand');
      await output.says('and');
      input.type(' more');
      input.end();
      await output.ended();
      expect(output.text()).toBe("<hello> it's blue\nand more");
      expect(output.text('STDERR')).toBe('trouble\n');
      expect((await input.answer())[0]).toBe(200);
      expect((await client().ask(wait(id))).value?.wait_nested_container).toMatchObject({
        exit_status: 7 << 8,
        state: 'TASK_FAILED',
      });
      const remove = { container_id: id };
      const removed = await client().ask({
        type: 'REMOVE_NESTED_CONTAINER',
        remove_nested_container: remove,
      });
      expect(removed.status).toBe(200);
      expect((await client().ask(wait(id))).status).toBe(404);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'has a terminal of its size, which may change, and a stream of records by that name',
    async () => {
      const id = nested();
      const script =
        'stty size; trap "stty size" WINCH; echo ready; until read line; do :; done; echo "($line)"';
      const tty_info = { window_size: { rows: 30, columns: 100 } };
      const container = { type: 'MESOS', tty_info } as const;
      const output = await client().stream(session(id, script, { container }), true);
      expect(output.response.headers).toMatchObject({
        'content-type': 'application/recordio',
        'message-content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
      });
      await output.says('30 100\r\nready');
      const input = client().input(id);
      const window_size = { rows: 50, columns: 132 };
      input.io({ type: 'CONTROL', control: { type: 'TTY_INFO', tty_info: { window_size } } });
      input.io({ type: 'CONTROL', control: { type: 'HEARTBEAT' } });
      await output.says('50 132');
      input.type('typed\n');
      await output.says('(typed)');
      await output.ended();
      expect((await client().ask(wait(id))).value?.wait_nested_container).toMatchObject({
        exit_status: 0,
        state: 'TASK_FINISHED',
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'is one of several who read, kills a command, and ends its own by leaving',
    async () => {
      const [killed, left] = [nested(), nested()];
      const first = await client().stream(
        session(killed, 'echo up; while :; do echo on; sleep 0.1; done'),
      );
      await first.says('up');
      const attach = { container_id: killed };
      const second = await client().stream({
        type: 'ATTACH_CONTAINER_OUTPUT',
        attach_container_output: attach,
      });
      await second.says('on');
      expect(second.text()).not.toContain('up');
      const kill = { type: 'KILL_NESTED_CONTAINER', kill_nested_container: attach } as const;
      expect((await client().ask(kill)).status).toBe(200);
      await Promise.all([first.ended(), second.ended()]);

      const output = await client().stream(session(left, 'trap "" HUP; echo up; sleep 1000'));
      await output.says('up');
      const end = client().ask(wait(left));
      output.break();
      expect((await end).value?.wait_nested_container?.state).toBe('TASK_FAILED');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'reads what a task writes from now on',
    async () => {
      const output = await client().stream({
        type: 'ATTACH_CONTAINER_OUTPUT',
        attach_container_output: { container_id: task },
      });
      await output.says('tick');
      expect(output.text()).not.toContain('first');
      output.break();
    },
    TEST_TIMEOUT_MS,
  );

  test('is answered to each question of the agent', async () => {
    for (const type of QUESTIONS) {
      const { status, value } = await client().ask({ type });
      expect([type, status, value?.type]).toStrictEqual([type, 200, type]);
    }
    const { value } = await client('/slave(1)/api/v1').ask({ type: 'GET_STATE' });
    expect(value?.get_state).toMatchObject({
      get_tasks: { launched_tasks: [{ task_id: { value: 'task.1' }, agent_id: { value: 'a1' } }] },
      get_executors: { executors: [{ executor_info: { executor_id: { value: 'task.1' } } }] },
      get_frameworks: { frameworks: [{ framework_info: { name: 'beside' } }] },
    });
    const agent = (await client().ask({ type: 'GET_AGENT' })).value?.get_agent?.agent_info;
    expect(agent?.id?.value).toBe('a1');
    const path = `/slaves/a1/frameworks/${framework.frameworkId}/executors/task.1/runs/latest/stdout`;
    const read = await client().ask({
      type: 'READ_FILE',
      read_file: { path, offset: 0n, length: 5n },
    });
    expect(Buffer.from(read.value?.read_file?.data ?? []).toString()).toBe('first');
  });

  test(
    'finds the container of a task, and of the commands beside it, and is told which it is by the master too',
    async () => {
      const id = nested();
      const output = await client().stream(session(id, 'echo up; sleep 1000'));
      await output.says('up');
      const get_containers = { show_nested: true };
      const listed = await client().ask({ type: 'GET_CONTAINERS', get_containers });
      const ids = listed.value?.get_containers?.containers?.map(({ container_id }) => container_id);
      expect(ids).toStrictEqual([task, id]);
      const [told] = (await page('/tasks?task_id=task.1', other)).tasks;
      expect(told.statuses[0].container_status.container_id).toStrictEqual(task);
      output.break();
      await client().ask(wait(id));
    },
    TEST_TIMEOUT_MS,
  );
});

const QUESTIONS = [
  'GET_HEALTH',
  'GET_FLAGS',
  'GET_VERSION',
  'GET_METRICS',
  'GET_LOGGING_LEVEL',
  'GET_STATE',
  'GET_CONTAINERS',
  'GET_FRAMEWORKS',
  'GET_EXECUTORS',
  'GET_OPERATIONS',
  'GET_TASKS',
  'GET_AGENT',
  'GET_RESOURCE_PROVIDERS',
] as const;

const json = () => new AgentClient(`${ofAgent.url}/api/v1`, 'json');

test(
  'any gateway runs a command beside any task, by the path of its agent or by the name of the container',
  async () => {
    const [{ pid }] = (await page('/slaves?slave_id=a1', other)).slaves;
    const [, process] = /^(slave\(\d+\))@/.exec(pid) ?? [];
    for (const path of ['/api/v1', `/${process}/api/v1`]) {
      const id = nested();
      const output = await new AgentClient(`${other.url}${path}`, 'json').stream(
        session(id, 'echo up'),
      );
      await output.ended();
      expect(output.text()).toBe('up\n');
    }
    const elsewhere = (await page('/slaves?slave_id=a2', other)).slaves[0].pid.split('@')[0];
    const wrong = new AgentClient(`${other.url}/${elsewhere}/api/v1`, 'json');
    expect((await wrong.ask(session(nested(), 'true'))).status).toBe(404);
    const master = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
    const body = JSON.stringify({ type: 'GET_MASTER' });
    expect((await fetch(`${ofAgent.url}/master/api/v1`, { ...master, body })).status).toBe(200);
  },
  TEST_TIMEOUT_MS,
);

describe('what is refused', () => {
  const raw = async (body: string, headers: Record<string, string>, method = 'POST') => {
    const sent = method === 'POST' ? { body: Buffer.from(body) } : {};
    return (await fetch(`${ofAgent.url}/api/v1`, { method, headers, ...sent })).status;
  };
  const type = { 'Content-Type': 'application/json' };

  test('anything but a call is refused with Mesos’s codes, in its order', async () => {
    const health = '{"type":"GET_HEALTH"}';
    expect(await raw('', {}, 'GET')).toBe(405);
    expect(await raw(health, {})).toBe(400);
    expect(await raw(health, { 'Content-Type': 'text/plain' })).toBe(415);
    expect(await raw('{', type)).toBe(400);
    expect(await raw('{}', type)).toBe(400);
    expect(await raw('{"type":"UNKNOWN"}', type)).toBe(501);
    expect(await raw(health, { ...type, Accept: 'application/recordio' })).toBe(406);
    const launched = JSON.stringify(session({ value: 'x', parent: task }, 'true'));
    expect(await raw(launched, { ...type, Accept: 'text/html' })).toBe(406);
    const stream = { ...type, Accept: 'application/recordio' };
    expect(await raw(launched, { ...stream, 'Message-Accept': 'text/html' })).toBe(406);
    expect(await raw('', { 'Content-Type': 'application/recordio' })).toBe(400);
    const input = JSON.stringify({ type: 'ATTACH_CONTAINER_INPUT', attach_container_input: {} });
    expect(await raw(input, type)).toBe(415);
    expect(
      await raw(
        '{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"x"}}}',
        type,
      ),
    ).toBe(501);
  });

  test.each<[string, number, (id: ContainerId) => AgentCall]>([
    [
      'a command beside nothing',
      404,
      () => session({ value: 'x', parent: { value: 'a.b.c' } }, ''),
    ],
    ['one without a container around it', 400, () => session({ value: 'x' }, 'true')],
    [
      'one as another user',
      400,
      (id) => session(id, '', { command: { value: 'true', user: 'root' } }),
    ],
    ['one in an image', 400, (id) => session(id, 'true', { container: { type: 'DOCKER' } })],
    ['one without a command', 400, (id) => session(id, '', { command: undefined })],
    ['waiting for one that never was', 404, wait],
  ])('%s: %i', async (_, status, call) => {
    expect((await json().ask(call(nested()))).status).toBe(status);
  });

  test(
    'a second input of a command, other signals than it can be sent, and input of a task',
    async () => {
      const id = nested();
      const output = await json().stream(session(id, 'echo up; cat'));
      await output.says('up');
      const input = json().input(id);
      input.type('x');
      await output.says('x');
      expect((await json().input(id).close())[0]).toBe(409);
      const kill = { container_id: id, signal: 12 };
      const killed = await json().ask({
        type: 'KILL_NESTED_CONTAINER',
        kill_nested_container: kill,
      });
      expect(killed.status).toBe(400);
      const remove = { container_id: id };
      const removed = await json().ask({
        type: 'REMOVE_NESTED_CONTAINER',
        remove_nested_container: remove,
      });
      expect(removed.status).toBe(409);
      expect((await json().input(task).close())[0]).toBe(400);
      input.end();
      await output.ended();
    },
    TEST_TIMEOUT_MS,
  );
});

test(
  'the pages of an agent tell its flags and gauges, and what its agent measures while somebody looks',
  async () => {
    const [principal, frameworkId] = framework.frameworkId.split('.');
    const of = TaskRef.parse({ principal, frameworkId, taskId: '__e_task_p1' });
    const identity = succeeded(readCredentialFile(cluster.credential('agent', agentId)));
    const connection = succeeded(await openConnection(identity));
    try {
      connection.subscribe(wildcardOf(SUBJECTS.watchUsage, clusterName), {
        callback: () => {
          const network = { inBytes: 7, inPackets: 1, outBytes: 9, outPackets: 2 };
          const unit = {
            task: of,
            cpuUs: 500_000,
            cpuTotalUs: 9_500_000,
            memoryBytes: 4096,
            network,
          };
          const sample = { wallTimeMs: 1500, intervalMs: 1000, part: 0, parts: 1, endedCpuUs: 0 };
          const body = { ...sample, units: [unit] };
          const message = encodeMessage(SUBJECTS.unitsUsage, clusterName, { agentId }, body);
          connection.publish(message.subject, message.bytes);
        },
      });
      await connection.flush();
      const statistics = {
        ...{ timestamp: 1.5, cpus_limit: 0.1, cpus_user_time_secs: 9.5, mem_rss_bytes: 4096 },
        ...{ mem_limit_bytes: 32 * 1024 * 1024, net_rx_bytes: 7, net_tx_packets: 2 },
      };
      const named = { executor_id: 'task.1', framework_id: framework.frameworkId };
      await until(
        async () => (await page('/monitor/statistics'))[0].statistics.mem_rss_bytes === 4096,
        () => 'what was measured is on the page',
      );
      expect(await page('/slave(1)/monitor/statistics')).toMatchObject([{ ...named, statistics }]);
      expect(await page('/containers')).toMatchObject([
        { ...named, container_id: task.value, statistics },
      ]);
    } finally {
      await connection.close();
    }
    expect((await page('/slave(1)/flags')).flags).toMatchObject({
      resources: expect.stringContaining('cpus:'),
    });
    expect(await page('/slave(1)/metrics/snapshot')).toMatchObject({
      ...{ 'slave/registered': 1, 'slave/tasks_running': 1, 'slave/cpus_used': 0.1 },
    });
    const state = await page('/slave(1)/state');
    expect(state.frameworks[0].executors[0]).toMatchObject({ id: 'task.1', container: task.value });
  },
  TEST_TIMEOUT_MS,
);

test(
  'who kills the container of a task kills the task, and who waits for it hears how it ended',
  async () => {
    const end = json().ask({ type: 'WAIT_CONTAINER', wait_container: { container_id: task } });
    const kill = { container_id: task };
    expect((await json().ask({ type: 'KILL_CONTAINER', kill_container: kill })).status).toBe(200);
    expect((await end).value?.wait_container).toMatchObject({ state: 'TASK_KILLED' });
    await framework.follow('task.1', 'TASK_KILLED');
    expect((await json().ask(session(nested(), 'true'))).status).toBe(404);
  },
  TEST_TIMEOUT_MS,
);

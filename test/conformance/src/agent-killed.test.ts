// Tests what readers of commands and outputs are told by a gateway when the agent is killed, in both encodings.
import { AgentId } from '@parley/protocol/ids';
import { ClusterFixture, TEST_TIMEOUT_MS } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentClient, type ContainerId } from './agent-client.ts';
import { MesosClient } from './mesos-client.ts';
import { accept, launch, modern, shell } from './mesos-words.ts';

const cluster = new ClusterFixture();
const agentId = AgentId.parse('a1');
let gateway: GatewayFixture;
let framework: MesosClient;
let task: ContainerId;

beforeAll(async () => {
  await cluster.start();
  const options = ['--default-principal', 'alice', '--for-agent', agentId];
  gateway = await new GatewayFixture(cluster, ...options).start();
  framework = await MesosClient.subscribe(gateway.url, modern('killed'));
  await framework.subscribed();
  const offer = await framework.offer(({ agent_id }) => agent_id.value === agentId);
  // What outlives its agent ends with what the test leaves.
  const script = 'while [ -d "$HOME" ]; do echo tick; sleep 0.2; done';
  await framework.call(accept([offer], launch(shell(offer, 'task.1', script))));
  await framework.follow('task.1', 'TASK_RUNNING');
  task = { value: `${framework.frameworkId}.__e_task_p1` };
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await gateway?.close();
  await cluster.close();
}, TEST_TIMEOUT_MS);

test(
  'of an agent that is killed commands and attached outputs end with the reason, and no later than a question to it does',
  async () => {
    const clients = (['json', 'protobuf'] as const).map(
      (encoding) => new AgentClient(`${gateway.url}/api/v1`, encoding),
    );
    const ids = clients.map((_, index) => ({ value: `command-${index}`, parent: task }));
    const commands = await Promise.all(
      clients.map((client, index) =>
        client.stream({
          type: 'LAUNCH_NESTED_CONTAINER_SESSION',
          launch_nested_container_session: {
            container_id: ids[index] ?? task,
            command: { value: 'echo up; while [ -d "$HOME" ]; do sleep 1; done' },
          },
        }),
      ),
    );
    await Promise.all(commands.map((output) => output.says('up')));
    const attached = await Promise.all(
      clients.map((client) =>
        client.stream({
          type: 'ATTACH_CONTAINER_OUTPUT',
          attach_container_output: { container_id: task },
        }),
      ),
    );
    await Promise.all(attached.map((output) => output.says('tick')));
    await cluster.service('a1').end('SIGKILL');
    const place = framework.frameworkId.replace('.', '/');
    const question = async (): Promise<number> =>
      (await fetch(`${gateway.url}/v1/tasks/${place}/__e_task_p1/logs`)).status;
    let asked = 0;
    const twoQuestions = (async () => {
      for (; asked < 2; asked += 1) expect(await question()).toBe(503);
    })();
    await Promise.all([...commands, ...attached].map((output) => output.ended()));
    expect(asked).toBeLessThan(2);
    for (const output of commands) {
      expect(output.text('STDERR')).toMatch(/was cut off: its agent a1 .*begin it again/);
    }
    for (const output of attached) {
      expect(output.text('STDERR')).toMatch(/its agent a1 does not answer .*attach again/);
    }
    for (const id of ids) {
      const [client] = clients;
      const wait_nested_container = { container_id: id };
      const answer = await client?.ask({ type: 'WAIT_NESTED_CONTAINER', wait_nested_container });
      expect(answer?.value?.wait_nested_container).toMatchObject({
        ...{ state: 'TASK_FAILED', message: expect.stringContaining('its agent') },
      });
    }
    await twoQuestions;
  },
  TEST_TIMEOUT_MS,
);

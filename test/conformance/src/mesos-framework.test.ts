// Tests that a framework written for Mesos runs as it is: the command scheduler of npm's mesos-framework, in a process of
// its own, against a gateway in front of real agents.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ClusterFixture,
  TEST_TIMEOUT_MS,
  until,
  WatchedProcess,
} from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, expect, test } from 'vitest';

const PROCESS = fileURLToPath(new URL('mesos-framework-process.ts', import.meta.url));
const TASKS = 3;

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

test(
  "the command scheduler of npm's mesos-framework runs its tasks to the end and tears down, unmodified",
  async () => {
    const logs = path.join(cluster.directory, 'framework-logs');
    mkdirSync(logs);
    const { port } = new URL(gateway.url);
    const framework = new WatchedProcess('mesos-framework', [PROCESS, port, String(TASKS), logs]);
    framework.start();
    await until(
      () => !framework.isRunning,
      () => `the framework ends: ${framework.output.slice(-3000)}`,
    );
    expect(framework.count('finished: '), framework.output.slice(-6000)).toBe(TASKS);
    // It says so itself when its stream ends, which after a teardown it does.
    const closed = framework.count('trouble: Long-running connection was closed!');
    expect(framework.count('trouble: ') - closed, framework.output.slice(-3000)).toBe(0);
    expect(await framework.end('SIGTERM')).toBe(0);
    const books = await cluster.follow();
    await until(
      () =>
        [...books.state.tombstones.rows()].some(
          ({ framework: { principal } }) => principal === 'alice',
        ),
      () => 'the framework is torn down',
    );
  },
  TEST_TIMEOUT_MS,
);

// The real agent process with real scopes, led by the test: checks against real servers, volumes, the longest time to run, and
// the agent's own end when it is declared gone. Groups, and checks by commands, are in agent-groups.test.ts.
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { LogsResult } from '@parley/protocol/agents';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
const OK = { ok: true, value: {} };
const FOREVER = 'while :; do sleep 0.1; done';

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start();
  await leader.registered();
}, WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

async function textOf(taskId: string): Promise<string> {
  const answer = await leader.logs(taskId);
  if (!answer.ok) throw new Error(answer.failure.message);
  return new TextDecoder().decode(LogsResult.parse(answer.value).data);
}

async function untilUpdate(taskId: string, wanted: Partial<StatusUpdate>): Promise<void> {
  await expect
    .poll(() => leader.history(taskId), { timeout: WAIT_MS, interval: 200 })
    .toContainEqual(expect.objectContaining(wanted));
}

const often = { delayMs: 100, intervalMs: 200, timeoutMs: 5000, gracePeriodMs: 0, failures: 2 };

test(
  'an HTTP health check finds a server well, and ends the task when it answers with an error',
  async () => {
    let status = 204;
    const server = createHttpServer((_, response) => {
      response.statusCode = status;
      response.end('x'.repeat(100_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const healthCheck = { ...often, probe: { kind: 'http' as const, port, path: '/health' } };
    await leader.order(aShellTask('web', FOREVER, { healthCheck, killGraceMs: 200 }));
    await untilUpdate('web', { reason: 'healthChanged', healthy: true });
    status = 503;
    const end = await leader.ended('web');
    expect(end).toMatchObject({ state: 'failed', reason: 'unhealthy', healthy: false });
    expect(end.message).toContain(`http://127.0.0.1:${port}/health answered 503`);
    server.close();
  },
  WAIT_MS,
);

test(
  'a TCP check tells when something begins to listen, and goes on after the agent was killed',
  async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { delayMs, intervalMs, timeoutMs } = often;
    const check = { delayMs, intervalMs, timeoutMs, probe: { kind: 'tcp' as const, port } };
    await leader.order(aShellTask('listens', FOREVER, { check }));
    await untilUpdate('listens', { check: { kind: 'tcp', succeeded: true } });
    await agent.end('SIGKILL');
    leader.awaitsNobody();
    await new Promise((resolve) => server.close(resolve));
    agent.start();
    await leader.registered();
    await untilUpdate('listens', { check: { kind: 'tcp', succeeded: false } });
    await leader.kill('listens', 0);
    await leader.ended('listens');
  },
  WAIT_MS,
);

test(
  'a task that runs longer than it may is killed and ends as failed, with the limit and how long it ran',
  async () => {
    // It does not go when it is asked, so it runs for longer than its limit.
    const stays = { maxCompletionMs: 700, killGraceMs: 300 };
    await leader.order(aShellTask('long', `trap "" TERM; ${FOREVER}`, stays));
    const end = await leader.ended('long');
    expect(end).toMatchObject({
      ...{ state: 'failed', reason: 'maxCompletionTime' },
      cause: { kind: 'timeLimit', limit: 700 },
      message: 'it ran for the 700 ms that it may run at most',
    });
    expect(end.cause?.peak).toBeGreaterThan(700);
  },
  WAIT_MS,
);

test(
  'a volume outlives its task and is destroyed only when no task uses it',
  async () => {
    const volumes = [{ volumeId: 'v1', path: 'data/store' }];
    await leader.order(
      aShellTask('fills', 'mkdir data/store/d; echo kept > data/store/d/file', { volumes }),
    );
    expect(await leader.ended('fills')).toMatchObject({ state: 'finished' });
    const uses = `cat data/store/d/file; ${FOREVER}`;
    await leader.order(aShellTask('uses', uses, { volumes }));
    await expect.poll(() => textOf('uses'), { timeout: WAIT_MS }).toBe('kept\n');
    expect(await leader.destroyVolume('v1')).toMatchObject({
      ok: false,
      failure: { code: 'invalidOperation' },
    });
    await leader.kill('uses', 0);
    await leader.ended('uses');
    expect(agent.has('volumes/a+b/v1/d/file')).toBe(true);
    expect(await leader.destroyVolume('v1')).toEqual(OK);
    expect(agent.has('volumes/a+b/v1')).toBe(false);
    expect(await leader.destroyVolume('v1')).toEqual(OK);
  },
  WAIT_MS,
);

test(
  'an agent that is declared gone ends its tasks, stores their ends and exits',
  async () => {
    await leader.order(aShellTask('last', FOREVER));
    await leader.untilState('last', 'running');
    await agent.end('SIGKILL');
    leader.declaresGone = true;
    agent.start();
    expect(await agent.ended()).toBe(3);
    expect(agent.output).toContain('this agent was declared gone');
    expect(await leader.ended('last')).toMatchObject({
      state: 'killed',
      reason: 'agentGoneByOperator',
    });
  },
  WAIT_MS,
);

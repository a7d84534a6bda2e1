// An executor that was written for Mesos, under a real agent, over a gateway on the agent's host: mesos.md 3.4.
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { WAIT_MS } from '@parley/test-integration/agent-fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MesosStage } from './executor-stage.ts';

let stage: MesosStage;
const OK = { ok: true, value: {} };

beforeAll(async () => {
  stage = await MesosStage.open();
}, WAIT_MS);
afterAll(async () => {
  await stage?.close();
}, WAIT_MS);

const call = (executorId: string, more: object) => ({
  framework_id: { value: 'alice.fw' },
  executor_id: { value: executorId },
  ...more,
});

describe.each(['json', 'protobuf'] as const)('an executor that speaks %s', (encoding) => {
  const id = `e-${encoding}`;
  const task = (taskId: string, name: string) =>
    stage.task(`${encoding}-${taskId}`, name, id, { encoding });

  test(
    'is subscribed as its environment calls it, given its task whole, and each of its updates is acknowledged, also a second end',
    async () => {
      expect(await stage.leader.order(task('done', 'finishes'))).toEqual(OK);
      await stage.tells(id, 'ACKNOWLEDGED', 3);
      expect(await stage.leader.ended(`${encoding}-done`)).toMatchObject({ state: 'finished' });
      const log = stage.log(id);
      expect(log[1]).toBe(`SUBSCRIBED ${id} alice.fw on a1`);
      const launched = JSON.parse(log[2]?.slice('LAUNCH '.length) ?? '{}');
      expect(launched).toMatchObject({
        ...{ name: 'finishes', task_id: { value: `${encoding}-done` }, agent_id: { value: 'a1' } },
        labels: { labels: [{ key: 'tier', value: 'web' }] },
        data: 'of the task',
      });
      expect(log.slice(3)).toEqual([
        `ACKNOWLEDGED ${encoding}-done TASK_RUNNING`,
        `ACKNOWLEDGED ${encoding}-done TASK_FINISHED`,
        `ACKNOWLEDGED ${encoding}-done TASK_FINISHED`,
      ]);
    },
    WAIT_MS,
  );

  test(
    'is told to kill its task, and the framework how that ended',
    async () => {
      await stage.leader.order(task('long', 'waits'));
      await stage.leader.untilState(`${encoding}-long`, 'running');
      expect(await stage.leader.kill(`${encoding}-long`, 5000)).toEqual(OK);
      const end = await stage.leader.ended(`${encoding}-long`);
      expect(end).toMatchObject({ state: 'killed', reason: 'killedByFramework' });
      await stage.tells(id, `ACKNOWLEDGED ${encoding}-long TASK_KILLED`);
    },
    WAIT_MS,
  );

  test(
    'gets messages of its scheduler, and its own arrive there',
    async () => {
      stage.executors.messages.length = 0;
      stage.executors.tell(id, 'drawer');
      await expect.poll(() => stage.executors.messages.length, { timeout: WAIT_MS }).toBe(1);
      expect(stage.executors.messages[0]).toMatchObject({ executorId: id });
      expect(stage.executors.messages[0]?.data.toString()).toBe('reward');
    },
    WAIT_MS,
  );

  test(
    'loses nothing with a gateway that is killed and comes back',
    async () => {
      await stage.leader.order(task('stays', 'waits'));
      await stage.tells(id, `ACKNOWLEDGED ${encoding}-stays TASK_RUNNING`);
      await stage.gateway.end('SIGKILL');
      await stage.tells(id, 'the stream ended');
      // Meanwhile it is asked to end: it hears that when it is back.
      expect(await stage.leader.kill(`${encoding}-stays`, 5000)).toEqual(OK);
      expect(await stage.leader.order(task('later', 'finishes'))).toEqual(OK);
      await stage.startGateway();
      await stage.tells(id, 'SUBSCRIBED', 2);
      expect(await stage.leader.ended(`${encoding}-stays`)).toMatchObject({ state: 'killed' });
      expect(await stage.leader.ended(`${encoding}-later`)).toMatchObject({ state: 'finished' });
      const states = (await stage.leader.history(`${encoding}-later`)).map(({ state }) => state);
      expect(states.filter((state) => state !== 'starting')).toEqual(['running', 'finished']);
    },
    WAIT_MS,
  );

  test(
    'subscribes again after a restart of its agent, and its task goes on',
    async () => {
      await stage.leader.order(task('survives', 'waits'));
      await stage.leader.untilState(`${encoding}-survives`, 'running');
      await stage.agent.end('SIGKILL');
      stage.startAgent();
      await stage.tells(id, 'SUBSCRIBED', 3);
      expect(await stage.leader.kill(`${encoding}-survives`, 5000)).toEqual(OK);
      expect(await stage.leader.ended(`${encoding}-survives`)).toMatchObject({ state: 'killed' });
    },
    WAIT_MS,
  );

  test(
    'is told to shut down, and its exit is its own',
    async () => {
      await stage.leader.order(task('last', 'waits'));
      await stage.leader.untilState(`${encoding}-last`, 'running');
      expect(await stage.executors.shutDown(id, 5000)).toEqual(OK);
      expect(await stage.leader.ended(`${encoding}-last`)).toMatchObject({ state: 'killed' });
      await stage.tells(id, 'SHUTDOWN');
      const isIt = ({ executor }: { executor: { executorId: string } }) =>
        executor.executorId === id;
      await expect.poll(() => stage.executors.exits.some(isIt), { timeout: WAIT_MS }).toBe(true);
      expect(stage.executors.exits.find(isIt)).toMatchObject({ end: 'shutDown', exitCode: 0 });
    },
    WAIT_MS,
  );
});

test(
  'nobody speaks for an executor with the token of another one',
  async () => {
    await stage.leader.order(stage.task('mine', 'waits', 'e-mine'));
    await stage.leader.order(stage.task('other', 'waits', 'e-other'));
    await stage.leader.untilState('mine', 'running');
    await stage.leader.untilState('other', 'running');
    const as = (token: string) => ({ Authorization: `Bearer ${token}` });
    const message = call('e-mine', { type: 'MESSAGE', message: { data: 'aGk=' } });
    const subscribe = call('e-mine', { type: 'SUBSCRIBE', subscribe: {} });
    for (const wrong of [stage.token('e-other'), 'x'.repeat(43), '0']) {
      expect((await stage.post(message, as(wrong))).status).toBe(403);
      expect((await stage.post(subscribe, as(wrong))).status).toBe(403);
    }
    expect((await stage.post(message, as(stage.token('e-mine')))).status).toBe(202);
    expect(stage.log('e-mine')).not.toContain('the stream ended');
  },
  WAIT_MS,
);

test(
  'each wrong request is answered as Mesos answers it',
  async () => {
    const beat = call('e-mine', { type: 'HEARTBEAT' });
    const update = (status: object) =>
      call('e-mine', {
        type: 'UPDATE',
        update: {
          status: {
            ...{ task_id: { value: 'mine' }, state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR' },
            uuid: Buffer.alloc(16).toString('base64'),
            ...status,
          },
        },
      });
    const get = await stage.post({}, {}, 'GET');
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const status = async (body: object | string, headers = {}) =>
      (await stage.post(body, headers)).status;
    expect(await status(beat)).toBe(202);
    expect(await status(beat, { 'Content-Type': '' })).toBe(400);
    expect(await status(beat, { 'Content-Type': 'text/plain' })).toBe(415);
    expect(await status(beat, { 'Content-Type': 'application/json; charset=utf-8' })).toBe(415);
    expect(await status('{')).toBe(400);
    expect(await status({ type: 'HEARTBEAT' })).toBe(400);
    expect(await status(call('e-mine', {}))).toBe(400);
    expect(await status(call('e-mine', { type: 'SUBSCRIBE' }))).toBe(400);
    expect(await status(update({ uuid: 'AAAA' }))).toBe(400);
    expect(await status(update({ source: 'SOURCE_AGENT' }))).toBe(400);
    expect(await status(update({ state: 'TASK_STAGING' }))).toBe(400);
    expect(await status(update({ executor_id: { value: 'another' } }))).toBe(400);
    expect(await status(update({ check_status: { type: 'HTTP' } }))).toBe(400);
    const subscribe = call('e-mine', { type: 'SUBSCRIBE', subscribe: {} });
    expect(await status(subscribe, { Accept: 'text/html' })).toBe(406);
    expect(await status({ ...subscribe, framework_id: { value: 'no framework' } })).toBe(400);
    expect(await status(call('e-nobody', { type: 'MESSAGE', message: { data: '' } }))).toBe(400);
  },
  WAIT_MS,
);

test(
  'an executor that has not subscribed is told so',
  async () => {
    const silent = stage.task('silent', 'waits', 'e-silent');
    const executor = { executorId: 'e-silent', command: { argv: ['sleep', '1000'] }, mesos: {} };
    expect(await stage.leader.order({ ...silent, executor })).toEqual(OK);
    const message = call('e-silent', { type: 'MESSAGE', message: { data: '' } });
    await expect
      .poll(async () => (await stage.post(message)).status, { timeout: WAIT_MS })
      .toBe(403);
  },
  WAIT_MS,
);

/** Inodes of sockets that a process has, and that listen for TCP. */
function listening(pid: number): string[] {
  const own = readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
  const LISTEN = '0A';
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && own.includes(fields[9] ?? ''))
      .map((fields) => fields[1] ?? ''),
  );
}

test('the agent listens nowhere', async () => {
  const { pid } = stage.agent;
  expect(readdirSync(`/proc/${pid}/fd`).length).toBeGreaterThan(5);
  expect(listening(pid)).toEqual([]);
  // It would be seen.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  expect(listening(process.pid)).toHaveLength(1);
  server.close();
});

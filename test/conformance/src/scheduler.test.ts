// Tests which status answers what, in what form a framework is told, and what becomes of it when its stream or its gateway
// goes: a real cluster behind real gateways.
import { randomUUID } from 'node:crypto';
import { encode } from '@parley/mesos-api/codec';
import { TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Info, MesosClient, post, type Status } from './mesos-client.ts';
import { MesosCluster, running } from './mesos-cluster.ts';
import { accept, launch, modern, scalar, shell, type Task } from './mesos-words.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const json = (call: object): string => JSON.stringify(call);

const mesos = new MesosCluster();

beforeAll(() => mesos.start(2), TEST_TIMEOUT_MS);

afterEach(() => mesos.tearDownAll());
afterAll(() => mesos.close());

describe('which status answers what (Mesos looks in this order)', () => {
  const url = (): string => mesos.gateway().url;
  const info = { user: 'u', name: 'n' };

  test('anything but a POST is refused with 405 and what is allowed', async () => {
    const answer = await post(url(), undefined, {}, 'GET');
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST');
  });

  test('a body without a type is refused with 400, one of a type that is none with 415', async () => {
    const body = json({ type: 'SUBSCRIBE', subscribe: { framework_info: info } });
    expect((await post(url(), Buffer.from(body))).status).toBe(400);
    const other = { 'Content-Type': 'application/json; charset=utf-8' };
    expect((await post(url(), body, other)).status).toBe(415);
    expect((await post(url(), body, { 'Content-Type': 'text/plain' })).status).toBe(415);
  });

  test.each([
    ['a body that cannot be read', '{'],
    ['a call without a type', '{}'],
    ['a call of a type that nobody knows', json({ type: 'DANCE' })],
    ['a subscription without a framework', json({ type: 'SUBSCRIBE' })],
    [
      'a framework without a name',
      json({ type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'u' } } }),
    ],
    [
      'ids that differ',
      json({
        type: 'SUBSCRIBE',
        framework_id: { value: 'alice.a' },
        subscribe: { framework_info: { ...info, id: { value: 'alice.b' } } },
      }),
    ],
    ['a call without the id of its framework', json({ type: 'TEARDOWN' })],
    ['a call without its body', json({ type: 'KILL', framework_id: { value: 'alice.a' } })],
    [
      'an acknowledgement whose uuid is not of 16 bytes',
      json({
        type: 'ACKNOWLEDGE',
        framework_id: { value: 'alice.a' },
        acknowledge: { agent_id: { value: 'a1' }, task_id: { value: 't' }, uuid: 'AAAA' },
      }),
    ],
    [
      'a framework that nobody knows',
      json({ type: 'TEARDOWN', framework_id: { value: 'alice.a' } }),
    ],
  ])('%s is refused with 400', async (_, body) => {
    expect((await post(url(), body, JSON_TYPE)).status).toBe(400);
  });

  test('a subscription is refused with 406 where no encoding is accepted, with 400 where it names a stream', async () => {
    const body = json({ type: 'SUBSCRIBE', subscribe: { framework_info: info } });
    expect((await post(url(), body, { ...JSON_TYPE, Accept: 'text/html' })).status).toBe(406);
    const named = { ...JSON_TYPE, 'Mesos-Stream-Id': randomUUID() };
    expect((await post(url(), body, named)).status).toBe(400);
  });

  test.each([
    ['roles of a framework that names none', { ...info, capabilities: [{ type: 'MULTI_ROLE' }] }],
    ['a role that is no name', { ...info, role: '..' }],
    ['an id that none can have', { ...info, id: { value: 'a.b.c' } }],
  ])('%s: an ERROR on the stream, which ends', async (_, framework_info) => {
    const { id } = framework_info as Info;
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info }, framework_id: id };
    const answer = await post(url(), json(call), JSON_TYPE);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('mesos-stream-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.body).toContain('"type":"ERROR"');
  });

  test('calls of a subscribed framework need the id of its stream; the path is served below /master too', async () => {
    const client = await mesos.subscribed(modern('streams'));
    const id = { framework_id: { value: client.frameworkId } };
    const revive = json({ type: 'REVIVE', ...id });
    expect((await post(url(), revive, JSON_TYPE)).status).toBe(400);
    const wrong = { ...JSON_TYPE, 'Mesos-Stream-Id': randomUUID() };
    expect((await post(url(), revive, wrong)).status).toBe(400);
    const right = { ...JSON_TYPE, 'mesos-stream-id': client.streamId };
    expect(await post(`${url()}/master`, revive, right)).toMatchObject({ status: 202, body: '' });
    client.break();
    await until(
      async () => (await post(url(), revive, right)).status === 403,
      () => 'a framework without a stream is refused with 403',
    );
  });
});

describe('what a framework can read is what it is told', () => {
  test('one without capabilities gets resources as of old, and hears of TASK_LOST only', async () => {
    const client = await mesos.subscribed({ user: 'u', name: 'old', role: 'web' });
    const offer = await client.offer();
    expect(offer.allocation_info).toBeUndefined();
    expect(offer.url?.address.ip).toBeTypeOf('string');
    for (const resource of offer.resources ?? []) {
      expect(resource).toMatchObject({ role: '*' });
      expect(resource.allocation_info).toBeUndefined();
    }
    const gone = { ...offer, id: { value: 'gone' } };
    await client.call(accept([gone], launch(shell(offer, 'late', 'true'))));
    await client.status('late', 'TASK_LOST');
  });

  test('one with all of them gets the role of its offers, and no field for it in resources', async () => {
    const client = await mesos.subscribed(modern('new'));
    const offer = await client.offer();
    expect(offer.allocation_info).toStrictEqual({ role: 'web' });
    for (const resource of offer.resources ?? []) {
      expect(resource.role).toBeUndefined();
      expect(resource.allocation_info).toStrictEqual({ role: 'web' });
    }
    const ports = offer.resources?.find(({ name }) => name === 'ports');
    expect(ports?.ranges?.range).toStrictEqual([{ begin: 31000n, end: 31010n }]);
  });

  test.each(['json', 'protobuf'] as const)(
    'a group runs under the default executor, all of it or nothing (%s)',
    async (encoding) => {
      const client = await mesos.subscribed(modern(`group-${encoding}`), { encoding });
      const offer = await client.offer();
      const executor = {
        type: 'DEFAULT',
        executor_id: { value: 'pod.1' },
        resources: [scalar('cpus', 0.1), scalar('mem', 32)],
      } as const;
      const group = (...tasks: Task[]) =>
        ({ type: 'LAUNCH_GROUP', launch_group: { executor, task_group: { tasks } } }) as const;
      const bad = shell(offer, 'bad', 'true', { container: { type: 'DOCKER' } });
      await client.call(
        accept(
          [offer],
          group(shell(offer, 'with-bad', 'true'), bad),
          group(shell(offer, 'p', 'true'), shell(offer, 'q', 'true')),
        ),
      );
      for (const id of ['with-bad', 'bad']) {
        expect(await client.status(id, 'TASK_ERROR')).toMatchObject({
          reason: 'REASON_TASK_GROUP_INVALID',
        });
      }
      const told: Status[] = [];
      for (const id of ['p', 'q']) told.push(await client.follow(id, 'TASK_FINISHED'));
      expect(told.map(({ executor_id }) => executor_id?.value)).toStrictEqual(['pod.1', 'pod.1']);
    },
  );
});

describe('a framework goes on', () => {
  const again = (client: MesosClient, name: string): Info =>
    modern(name, { id: { value: client.frameworkId } });

  test.each([
    ['the same gateway', 0],
    ['another one', 1],
  ])(
    'on a new stream at %s; the old one is told that it was replaced',
    async (place, at) => {
      const name = `twice-${place.length}`;
      const first = await mesos.subscribed(modern(name));
      const next = await mesos.subscribed(again(first, name), { at });
      expect(next.frameworkId).toBe(first.frameworkId);
      expect(next.streamId).not.toBe(first.streamId);
      const error = await first.told((event) => event.error);
      expect(error.message).toBe('Framework failed over');
      await first.ended();
      expect((await first.call({ type: 'REVIVE' })).status).not.toBe(202);
      expect((await next.call({ type: 'REVIVE' })).status).toBe(202);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'what was not acknowledged comes again on the new stream',
    async () => {
      const first = await mesos.subscribed(modern('unread'));
      const offer = await first.offer();
      await first.call(accept([offer], launch(shell(offer, 'ends', 'exit 3'))));
      const told = await first.told(({ update }) => update?.status);
      first.break();
      const next = await mesos.subscribed(again(first, 'unread'));
      const repeated = await next.told(({ update }) => update?.status);
      expect(repeated).toMatchObject({ state: told.state, uuid: told.uuid });
      await next.follow('ends', 'TASK_FAILED');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'at another gateway when its own was killed, and misses nothing of its tasks',
    async () => {
      const first = await mesos.subscribed(modern('survives'), { at: 1 });
      await running(first, 'goes.on', mesos.cluster.waitAt('survives'));
      expect(await mesos.gateway(1).process.end('SIGKILL')).toBe('SIGKILL');
      await first.ended();
      mesos.cluster.open('survives');
      const next = await mesos.subscribed(again(first, 'survives'));
      await next.follow('goes.on', 'TASK_FINISHED');
    },
    TEST_TIMEOUT_MS,
  );

  test('never again when it was torn down', async () => {
    const first = await mesos.subscribed(modern('over'));
    await first.call({ type: 'TEARDOWN' });
    const next = await MesosClient.subscribe(mesos.gateway().url, again(first, 'over'));
    const error = await next.told((event) => event.error);
    expect(error.message).toBe('Framework has been removed');
    await next.ended();
  });
});

test('protobuf that is none is refused with 400, and a call in it is taken', async () => {
  const type = { 'Content-Type': 'application/x-protobuf' };
  expect((await post(mesos.gateway().url, Uint8Array.of(255, 255, 255), type)).status).toBe(400);
  const call = encode('scheduler.Call', 'protobuf', {
    type: 'TEARDOWN',
    framework_id: { value: 'alice.x' },
  });
  expect(await post(mesos.gateway().url, call, type)).toMatchObject({
    status: 400,
    body: 'Framework cannot be found',
  });
});

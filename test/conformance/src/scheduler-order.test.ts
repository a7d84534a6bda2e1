// Tests the order in which the scheduler endpoint looks at a call, by mesos.md's table 3.1: where two of its rows hold, the
// earlier one answers, in both encodings. What each row alone is answered with is in scheduler.test.ts; rows of who is
// signed in and of who leads are in access.test.ts. A real cluster behind a real gateway.
import { randomUUID } from 'node:crypto';
import { encode } from '@parley/mesos-api/codec';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import type { SchedulerCall } from '@parley/mesos-api/message-types';
import { PrincipalName } from '@parley/protocol/ids';
import { TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { post } from './mesos-client.ts';
import { MesosCluster } from './mesos-cluster.ts';
import { modern } from './mesos-words.ts';

const mesos = new MesosCluster();
const STRANGER = { framework_id: { value: 'alice.nobody' } };
const HTML = { Accept: 'text/html' };
const STREAM = { 'Mesos-Stream-Id': randomUUID() };
const UNKNOWN_FRAMEWORK = 'Framework cannot be found';

beforeAll(() => mesos.start(1), TEST_TIMEOUT_MS);

afterEach(() => mesos.tearDownAll());
afterAll(() => mesos.close());

describe.each(['json', 'protobuf'] as const)('in %s', (encoding) => {
  const type = { 'Content-Type': mediaTypeOf(encoding) };
  const answer = async (call: SchedulerCall, headers: Readonly<Record<string, string>> = {}) => {
    const sent = encode('scheduler.Call', encoding, call);
    const { status, body } = await post(mesos.gateway().url, sent, { ...type, ...headers });
    return [status, body];
  };
  const subscribe = (info: object): SchedulerCall => ({
    type: 'SUBSCRIBE',
    subscribe: { framework_info: { ...modern('order'), ...info } },
  });
  const reconcile = { reconcile_operations: {}, type: 'RECONCILE_OPERATIONS' } as const;
  const said = (text: string) => expect.stringContaining(text);

  test.each<[string, SchedulerCall, Readonly<Record<string, string>>, readonly unknown[]]>([
    [
      'a call that is not well-formed (row 8) before what is accepted (row 9)',
      { type: 'SUBSCRIBE' },
      HTML,
      [400, said("'subscribe'")],
    ],
    [
      'what is accepted (row 9) before a stream that is named (row 10)',
      subscribe({}),
      { ...HTML, ...STREAM },
      [406, said('Accept')],
    ],
    [
      'a stream that is named (row 10) before a framework that cannot be (row 11)',
      subscribe({ roles: ['..'] }),
      STREAM,
      [400, said('Mesos-Stream-Id')],
    ],
    [
      'what RECONCILE_OPERATIONS accepts (row 9) before a framework that nobody knows (row 12)',
      { ...reconcile, ...STRANGER },
      HTML,
      [406, said('Accept')],
    ],
    [
      'a call without the id of its framework (row 8) before a type that is UNKNOWN (row 18)',
      { type: 'UNKNOWN' },
      {},
      [400, said("'framework_id'")],
    ],
    [
      'a framework that nobody knows (row 12) before a stream that is not named (row 16)',
      { type: 'REVIVE', ...STRANGER },
      {},
      [400, UNKNOWN_FRAMEWORK],
    ],
    [
      'a framework that nobody knows (row 12) before a type that is UNKNOWN (row 18)',
      { type: 'UNKNOWN', ...STRANGER },
      STREAM,
      [400, UNKNOWN_FRAMEWORK],
    ],
  ])('%s', async (_, call, headers, expected) => {
    expect(await answer(call, headers)).toStrictEqual(expected);
  });

  test(
    'a framework that is not connected (row 14), then its stream (row 16), then what the call says (rows 17 and 18)',
    async () => {
      const client = await mesos.subscribed(modern(`order-${encoding}`), { encoding });
      const id = { framework_id: { value: client.frameworkId } };
      const own = { 'Mesos-Stream-Id': client.streamId };
      const unknown = { type: 'UNKNOWN', ...id } as const;
      expect(await answer(unknown)).toStrictEqual([400, said('Mesos-Stream-Id')]);
      expect(await answer(unknown, STREAM)).toStrictEqual([400, said("didn't match")]);
      expect(await answer(unknown, own)).toStrictEqual([501, 'Unknown call type']);
      expect((await answer({ ...reconcile, ...id }, { ...own, ...HTML }))[0]).toBe(406);
      expect(await answer({ ...reconcile, ...id }, own)).toStrictEqual([202, '']);
      client.break();
      await until(
        async () => (await answer(unknown))[0] === 403,
        () => 'whose framework is not connected is told that before all of its stream',
      );
      expect(await answer(unknown, own)).toStrictEqual([403, 'Framework is not subscribed']);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'an update of a framework is answered by what comes of it: 200, 400, 403 or 409 (row 17)',
    async () => {
      const client = await mesos.subscribed(modern(`update-${encoding}`), { encoding });
      const update = (info: object) => {
        const framework_info = { ...modern('x', { id: { value: client.frameworkId } }), ...info };
        return client.call({ type: 'UPDATE_FRAMEWORK', update_framework: { framework_info } });
      };
      expect(await update({ name: 'y' })).toMatchObject({ status: 200, body: '' });
      expect((await update({ roles: ['..'] })).status).toBe(400);
      expect((await update({ id: { value: 'alice.other' } })).status).toBe(400);
      const capabilities = [{ type: 'MULTI_ROLE' }, { type: 'REVOCABLE_RESOURCES' }];
      expect((await update({ capabilities })).status).toBe(409);
      await mesos.cluster.allow(PrincipalName.parse('alice'), 'web');
      try {
        await until(
          async () => (await update({ roles: ['web', 'other'] })).status === 403,
          () => 'the role is refused',
        );
      } finally {
        await mesos.cluster.allow(PrincipalName.parse('alice'), '*');
      }
    },
    TEST_TIMEOUT_MS,
  );
});

import { describe, expect, test } from 'vitest';
import { decode, type Encoding, encode } from './codec.ts';
import type { MessageName, SchedulerCall } from './message-types.ts';

const bytesOf = (json: unknown): Uint8Array =>
  new TextEncoder().encode(typeof json === 'string' ? json : JSON.stringify(json));
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function decoded(name: MessageName, json: unknown): unknown {
  const outcome = decode(name, 'json', bytesOf(json));
  return outcome.ok ? outcome.value : outcome.failure.message;
}

const subscribe = (info: object) => ({
  type: 'SUBSCRIBE',
  subscribe: { framework_info: { user: 'u', name: 'n', ...info } },
});

const ENCODINGS: readonly Encoding[] = ['json', 'protobuf'];

const accept: SchedulerCall = {
  framework_id: { value: 'f-1' },
  type: 'ACCEPT',
  accept: {
    offer_ids: [{ value: 'o-1' }],
    operations: [
      {
        type: 'LAUNCH',
        launch: {
          task_infos: [
            {
              name: 'täsk\n',
              task_id: { value: 't-1' },
              agent_id: { value: 'a-1' },
              resources: [
                { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 }, role: '*' },
                {
                  name: 'ports',
                  type: 'RANGES',
                  ranges: { range: [{ begin: 31000n, end: 2n ** 64n - 1n }] },
                  role: '*',
                },
              ],
              data: new Uint8Array([0, 255, 10]),
              max_completion_time: { nanoseconds: 1_400_000_000_000_000_001n },
              limits: { cpus: { value: Number.POSITIVE_INFINITY } },
            },
          ],
        },
      },
    ],
    filters: { refuse_seconds: 5 },
  },
};

describe('a message', () => {
  test.each(ENCODINGS)('is in %s what it was', (encoding) => {
    const outcome = decode('scheduler.Call', encoding, encode('scheduler.Call', encoding, accept));
    expect(outcome).toEqual({ ok: true, value: accept });
  });

  test('keeps all digits of 64-bit integers, which are numbers in JSON', () => {
    const text = textOf(encode('scheduler.Call', 'json', accept));
    expect(text).toContain('"nanoseconds":1400000000000000001}');
    expect(text).toContain('"end":18446744073709551615}');
  });

  test('has no line break in JSON, whatever its strings hold', () => {
    expect(textOf(encode('scheduler.Call', 'json', accept))).not.toContain('\n');
  });

  test('shows in JSON the defaults of unset fields, but not of deprecated ones', () => {
    const text = textOf(encode('FrameworkInfo', 'json', { user: 'u', name: 'n' }));
    expect(text).toBe('{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}');
  });

  test('is refused with the path of a required field that is missing, in both encodings', () => {
    const message = 'subscribe.framework_info.name is required';
    expect(decoded('scheduler.Call', subscribe({ name: null }))).toBe(message);
    // Field 3 (subscribe), in it field 1 (framework_info), in it field 1 (user), 'u'.
    const wire = new Uint8Array([0x1a, 5, 0x0a, 3, 0x0a, 1, 0x75]);
    expect(decode('scheduler.Call', 'protobuf', wire)).toMatchObject({ failure: { message } });
  });
});

describe('JSON from a client', () => {
  const given = (json: unknown) => decoded('scheduler.Call', json);

  test('may set fields to null that it does not mean', () => {
    const quirky = {
      ...subscribe({ id: null, roles: null, labels: null, offer_filters: null }),
      framework_id: null,
      accept: null,
    };
    expect(given(quirky)).toEqual(subscribe({}));
  });

  test('may leave out the brackets of a list of one', () => {
    const task = { name: 't', task_id: { value: 't' }, agent_id: { value: 'a' } };
    const container = { type: 'MESOS', network_infos: { name: 'net' } };
    expect(decoded('TaskInfo', { ...task, container })).toEqual({
      ...task,
      container: { type: 'MESOS', network_infos: [{ name: 'net' }] },
    });
  });

  test('may not give a list for a single value', () => {
    const message = 'subscribe.framework_info.checkpoint is a list, but the field holds one value';
    expect(given(subscribe({ checkpoint: [true] }))).toBe(message);
  });

  test('may write numbers and truth values as strings', () => {
    const info = { failover_timeout: '60.5', checkpoint: 'true' };
    expect(given(subscribe(info))).toEqual(subscribe({ failover_timeout: 60.5, checkpoint: true }));
    expect(decoded('executor.Event', killJson('"7"'))).toEqual(executorKill(7n));
  });

  test('may name values of an enum that are not known, which then count as unset', () => {
    const info = { capabilities: [{ type: 'MULTI_ROLE' }, { type: 'TIME_TRAVEL' }] };
    expect(given(subscribe(info))).toEqual(
      subscribe({ capabilities: [{ type: 'MULTI_ROLE' }, {}] }),
    );
    expect(given({ type: 'toString' })).toEqual({});
  });

  test('may not name such a value where one is required, nor number it', () => {
    const resource = { name: 'cpus', type: 'TENSOR' };
    expect(decoded('Resource', resource)).toBe('type is required');
    expect(decoded('Resource', { ...resource, type: 0 })).toBe('type is not the name of a value');
  });

  test('is read in full precision where an integer is longer than a double holds', () => {
    expect(decoded('executor.Event', killJson('9223372036854775807'))).toEqual(
      executorKill(9223372036854775807n),
    );
    const tooLarge = 'kill.kill_policy.grace_period.nanoseconds is out of the range of int64';
    expect(decoded('executor.Event', killJson('9223372036854775808'))).toBe(tooLarge);
  });

  test('may write an integer in floating point, whose fraction is cut off', () => {
    expect(decoded('executor.Event', killJson('5.0e9'))).toEqual(executorKill(5_000_000_000n));
    expect(decoded('executor.Event', killJson('-1.5'))).toEqual(executorKill(-1n));
  });

  test('may give infinity for a double, but nothing that is not a number', () => {
    const scalar = (value: unknown) =>
      decoded('Resource', { name: 'cpus', type: 'SCALAR', scalar: { value } });
    expect(scalar('Infinity')).toMatchObject({ scalar: { value: Number.POSITIVE_INFINITY } });
    expect(scalar('-Infinity')).toMatchObject({ scalar: { value: Number.NEGATIVE_INFINITY } });
    for (const value of ['NaN', '', '0x10', '1 ', true, {}]) {
      expect(scalar(value)).toMatch(/^scalar\.value is not/);
    }
  });

  test('holds bytes as base64 with padding', () => {
    const status = { task_id: { value: 't' }, state: 'TASK_RUNNING' };
    expect(decoded('TaskStatus', { ...status, data: 'AP8=' })).toEqual({
      ...status,
      data: new Uint8Array([0, 255]),
    });
    for (const data of ['AP8', '_w==', 'A===', 5]) {
      expect(decoded('TaskStatus', { ...status, data })).toBe('data is not base64 with padding');
    }
  });

  test('holds no half of a surrogate pair, which protobuf could not hold', () => {
    expect(given('{"framework_id":{"value":"a\\ud800"}}')).toEqual({
      framework_id: { value: 'a�' },
    });
  });

  test('may hold fields that are not known', () => {
    expect(given({ ...subscribe({}), hyper: { drive: [1] } })).toEqual(subscribe({}));
  });

  test('reaches no prototype by its names', () => {
    const hostile =
      '{"__proto__":{"type":"KILL"},"subscribe":{"framework_info":{"user":"u","name":"n",' +
      '"offer_filters":{"__proto__":{"min_allocatable_resources":{}},"constructor":{}}}}}';
    const call = given(hostile) as SchedulerCall;
    const filters = call.subscribe?.framework_info.offer_filters ?? {};
    expect(call.type).toBeUndefined();
    expect(Object.keys(filters)).toEqual(['__proto__', 'constructor']);
    expect('min_allocatable_resources' in {}).toBe(false);
    const wire = encode('scheduler.Call', 'protobuf', call);
    expect(decode('scheduler.Call', 'protobuf', wire)).toEqual({ ok: true, value: call });
  });

  test('is refused when it nests too deeply, in whatever it is', () => {
    const message = 'message nests deeper than 100 levels';
    expect(given('['.repeat(1_000_000))).toBe(message);
    expect(given('{"a":'.repeat(1_000_000))).toBe(message);
    const container = `${'{"value":"c","parent":'.repeat(200)}null${'}'.repeat(200)}`;
    expect(decoded('agent.Call', `{"wait_container":{"container_id":${container}}}`)).toBe(message);
    expect(given(`{"unknown":"${'['.repeat(1000)}\\"${'{'.repeat(1000)}"}`)).toEqual({});
  });

  test.each(['', '{', '[]', '5', 'null', '"text"', '{"type":}'])(
    'is refused when it is %j',
    (text) => {
      expect(given(text)).toMatch(/^message is not /);
    },
  );

  test('is refused when it is not UTF-8', () => {
    const bytes = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const outcome = decode('scheduler.Call', 'json', bytes);
    expect(outcome).toMatchObject({ failure: { message: 'message is not UTF-8' } });
  });
});

describe('protobuf from a client', () => {
  const given = (...bytes: number[]) => decode('scheduler.Call', 'protobuf', new Uint8Array(bytes));

  test('may hold fields and values of enums that are not known', () => {
    // Field 2 (type) is 99; field 500 is a varint.
    expect(given(0x10, 99, 0xa0, 0x1f, 1)).toEqual({ ok: true, value: {} });
  });

  test('is refused when it is cut, of wrong wire types, or nests too deeply', () => {
    expect(given(0x0a, 5, 0x0a)).toMatchObject({ failure: { code: 'malformed' } });
    // A group within a group within a group: 0x0b begins one, as field 1.
    expect(given(...new Array(100_000).fill(0x0b))).toMatchObject({
      failure: { code: 'malformed' },
    });
  });

  test('holds no value that is not a number', () => {
    // Resource: name 'c', type SCALAR, scalar.value NaN.
    const resource = [0x0a, 1, 0x63, 0x10, 0, 0x1a, 9, 9, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f];
    const outcome = decode('Resource', 'protobuf', new Uint8Array(resource));
    expect(outcome).toMatchObject({ failure: { message: 'scalar.value is not a number' } });
  });

  test('gives bytes that do not change when its buffer is used again', () => {
    const event = { type: 'MESSAGE', message: { data: new Uint8Array([1, 2, 3]) } } as const;
    const buffer = encode('executor.Event', 'protobuf', event);
    const outcome = decode('executor.Event', 'protobuf', buffer);
    buffer.fill(0);
    expect(outcome).toEqual({ ok: true, value: event });
  });
});

describe('a value that is not of its type', () => {
  test.each(ENCODINGS)('is a defect of who encodes it, in %s', (encoding) => {
    const wrong = (value: unknown) => () =>
      encode('Resource', encoding, value as { name: string; type: 'SCALAR' });
    expect(wrong({ type: 'SCALAR' })).toThrow('name is required');
    expect(wrong({ name: 'c', type: 'TENSOR' })).toThrow('type has no value called TENSOR');
    expect(wrong({ name: 'c', type: 'SCALAR', scalar: { value: Number.NaN } })).toThrow(
      'scalar.value is not of type double',
    );
  });
});

const killJson = (nanoseconds: string) =>
  `{"type":"KILL","kill":{"task_id":{"value":"t"},"kill_policy":{"grace_period":{"nanoseconds":${nanoseconds}}}}}`;
const executorKill = (nanoseconds: bigint) => ({
  type: 'KILL',
  kill: { task_id: { value: 't' }, kill_policy: { grace_period: { nanoseconds } } },
});

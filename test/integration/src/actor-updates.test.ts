// Owns the proof that status updates reach the leader in stream order, whatever happens to the server in between.
import { type UpdateBatch, UpdateStreamReader } from '@parley/actor/nats/update-stream-reader';
import { NatsUpdateWriter } from '@parley/actor/nats/update-writer';
import { PRINCIPALS_API } from '@parley/protocol/accounts';
import { updatesStreamName } from '@parley/protocol/streams';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ActorFixture,
  alice,
  cluster,
  startRuntime,
  succeeded,
  TEST_TIMEOUT_MS,
  until,
} from './actor-fixture.ts';
import { TIERS } from './bus-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const subjectOf = (task: number, source = 'a1') =>
  `parley.${cluster}.updates.${source}.alice.f1.t${task}`;

async function read(runtime: ActorFixture, from = { streamCreatedMs: 0, sequence: 0 }) {
  const batches: UpdateBatch[] = [];
  const reader = new UpdateStreamReader({
    connection: await runtime.connect('master', 'master-1', 'books'),
    stream: updatesStreamName(cluster, alice),
    apiPrefix: PRINCIPALS_API,
    from,
    onBatch: (batch) => void batches.push(batch),
    onTrouble: () => undefined,
  });
  reader.start();
  const texts = () =>
    batches.flatMap(({ messages }) => messages.map(({ bytes }) => Buffer.from(bytes).toString()));
  return { reader, batches, texts };
}

async function writerOf(runtime: ActorFixture) {
  const connection = await runtime.connect('agent', 'a1');
  return new NatsUpdateWriter(connection, () => true);
}

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let runtime: ActorFixture | undefined;
  afterEach(async () => {
    await runtime?.close();
    runtime = undefined;
  });

  test('an agent writes without JetStream rights, and the leader reads in order from its position', async () => {
    runtime = await startRuntime(tier);
    const writer = await writerOf(runtime);
    for (let task = 1; task <= 5; task += 1) {
      const stored = await writer.write(subjectOf(task), Buffer.from(`update ${task}`));
      expect(stored).toEqual({ ok: true, value: { sequence: task } });
    }
    const first = await read(runtime);
    await until(() => first.texts().length === 5);
    expect(first.texts()).toEqual([1, 2, 3, 4, 5].map((task) => `update ${task}`));
    expect(first.batches.at(-1)?.readUpTo).toBe(5);
    const { streamCreatedMs } = first.reader.position;
    expect(streamCreatedMs).toBeGreaterThan(0);
    await first.reader.close();

    const second = await read(runtime, { streamCreatedMs, sequence: 3 });
    succeeded(await writer.write(subjectOf(6), Buffer.from('update 6')));
    await until(() => second.texts().length === 3);
    expect(second.texts()).toEqual(['update 4', 'update 5', 'update 6']);
    await second.reader.close();

    // Another creation of the stream than the position speaks of: everything is news.
    const third = await read(runtime, { streamCreatedMs: streamCreatedMs - 1, sequence: 3 });
    await until(() => third.texts().length === 6);
    await third.reader.close();
  });

  test('reading goes on without a gap or a repeat after the server was killed', async () => {
    runtime = await startRuntime(tier);
    const writer = await writerOf(runtime);
    const { reader, texts } = await read(runtime);
    const write = async (text: string) => {
      for (;;) {
        const stored = await writer.write(subjectOf(1), Buffer.from(text));
        if (stored.ok) return;
        expect(stored.failure.code).toBe('unavailable');
      }
    };
    await write('before');
    await until(() => texts().includes('before'));
    await runtime.killAndRestart();
    for (const text of ['one', 'two', 'three']) await write(text);
    await until(() => texts().includes('three'));
    // A write whose acknowledgement was lost may stand there twice; readers know by its number.
    expect([...new Set(texts())]).toEqual(['before', 'one', 'two', 'three']);
    await reader.close();
  });

  test('a stream that takes no more refuses by name, and an unknown principal is unavailable', async () => {
    runtime = await startRuntime(tier);
    const writer = await writerOf(runtime);
    const large = new Uint8Array(60 * 1024);
    let failure = '';
    while (failure === '') {
      const written = await Promise.all(
        Array.from({ length: 50 }, (_, task) => writer.write(subjectOf(task), large)),
      );
      for (const outcome of written) if (!outcome.ok) failure = outcome.failure.code;
    }
    expect(failure).toBe('diskFull');
    const nobody = subjectOf(1).replace('.alice.', '.nobody.');
    expect(await writer.write(nobody, large)).toMatchObject({
      ok: false,
      failure: { code: 'unavailable' },
    });
  });
});

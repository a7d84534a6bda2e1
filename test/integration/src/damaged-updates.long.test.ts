// Owns the proof that an update which is stored with a byte that nobody wrote is not believed, is told, and is written again by
// its agent: the way between agent and server turns one bit of it.
import { afterEach, expect, test, vi } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { openLateWay } from './late-way.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test('the end of a task is stored damaged: it is told, not believed, and written again by its agent', async () => {
  const fixture = new ClusterFixture();
  cleanups.push(() => fixture.close());
  await fixture.startServer();
  await fixture.provision();
  const way = await openLateWay(fixture.server.port);
  cleanups.push(() => way.close());
  let turned = 0;
  way.onSaid = (bytes) => {
    // The last byte of a time in the first end that is told: a release without a checksum would take it.
    const time = bytes.indexOf('wallTimeMs', bytes.indexOf('finished'));
    if (turned > 0 || !bytes.includes('.updates.a1.') || !bytes.includes('finished') || time < 0)
      return;
    const at = time + 'wallTimeMs'.length + 8;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    turned += 1;
  };
  const master = fixture.service('master-1').start();
  fixture.service('allocator-1').start();
  await fixture.service('a1').start('--nats', way.url).says('"msg":"registered"');
  const framework = await new QueueFramework().connect(fixture, 'alice', 'steady');
  cleanups.push(() => framework.close());
  const task = fixture.task('one');
  fixture.open();
  framework.add([task]);
  await master.says('a stored update is damaged');
  expect(turned).toBe(1);
  expect(master.line('a stored update is damaged')).toMatchObject({
    level: 'error',
    subject: expect.stringContaining('.updates.a1.alice.steady.one'),
    reason: expect.stringContaining('checksum'),
  });
  await framework.untilEnded([task]);
  expect(framework.ends).toEqual([{ taskId: 'one', state: 'finished' }]);
  expect(framework.errors.map(({ message }) => message)).toEqual([
    expect.stringContaining('was left out: task.update is damaged'),
  ]);
  expect(fixture.runs('one')).toBe(1);
});

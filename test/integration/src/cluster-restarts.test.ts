// Owns the proof that allocators and frameworks may die at any moment: offers go on, offers come back, a framework that
// returns replaces what it was before and is told again what it had not handled.
import { fileURLToPath } from 'node:url';
import type { ClusterEvent } from '@parley/cluster/events';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS, until, WatchedProcess } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const FRAMEWORK = fileURLToPath(new URL('cluster-framework-process.ts', import.meta.url));
/** Short, so that the test is; long enough for a machine that does other things as well. */
const SILENCE_MS = 6000;

let fixture: ClusterFixture;
const events: ClusterEvent[] = [];

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start('--framework-silence-ms', String(SILENCE_MS));
  await fixture.follow((event) => void events.push(event));
});
afterAll(() => fixture?.close());

const eventsOf = (type: ClusterEvent['type'], frameworkId: string): ClusterEvent[] =>
  events.filter(
    (event) =>
      event.type === type && 'framework' in event && event.framework.frameworkId === frameworkId,
  );

/** Lines that begin so, without the beginning. */
const told = ({ output }: WatchedProcess, beginning: string): string[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith(beginning))
    .map((line) => line.slice(beginning.length));

test('offers go on when the allocator was killed and is there again', async () => {
  const framework = await new QueueFramework().connect(fixture, 'bob', 'patient');
  await fixture.service('allocator-1').end('SIGKILL');
  const tasks = Array.from({ length: 22 }, (_, index) => fixture.task(`patient-${index}`));
  framework.add(tasks);
  fixture.service('allocator-1').start();
  await framework.untilRunning(20);
  fixture.open();
  await framework.untilEnded(tasks);
  expect(tasks.map(({ taskId }) => fixture.runs(taskId))).toEqual(tasks.map(() => 1));
  await framework.scheduler.teardown();
});

test('a framework that is killed is noticed, loses its offers, and returns to what it had not handled', async () => {
  const credential = fixture.credential('principal', 'alice');
  const argv = (launches: number, manner: 'hold' | 'handle') =>
    new WatchedProcess('framework', [FRAMEWORK, credential, 'mortal', String(launches), manner]);
  const [first, second, third] = [argv(2, 'hold'), argv(0, 'hold'), argv(0, 'handle')];
  try {
    // One handler at a time: what it does not finish keeps the other update back, and neither is acknowledged.
    first.start();
    await first.says('update ');

    second.start();
    await first.says('refused sessionReplaced');
    await second.says('update ');
    await second.says('offer ');

    await second.end('SIGKILL');
    await until(
      () => eventsOf('frameworkDisconnected', 'mortal').length > 0,
      () => JSON.stringify(events.slice(-20)),
    );
    const [held] = told(second, 'offer ');
    expect(eventsOf('offerRescinded', 'mortal')).toContainEqual(
      expect.objectContaining({ offerId: held, reason: 'frameworkDisconnected' }),
    );

    third.start();
    await until(
      () => told(third, 'update ').length === 2,
      () => third.output,
    );
    expect(told(third, 'update ').sort()).toEqual(['p0 running', 'p1 running']);
    expect([...told(first, 'update '), ...told(second, 'update ')]).toHaveLength(2);
    await third.says('offer ');
    expect(told(third, 'offer ')).not.toContain(held);
  } finally {
    for (const one of [first, second, third]) await one.close();
  }
});

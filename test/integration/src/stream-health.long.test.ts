// Owns the proof that a stream which takes a write too late is not healthy: the server's answers are held up on their way.
import { testWrites } from '@parley/actor/nats/books-check';
import { openConnection } from '@parley/actor/nats/open-connection';
import { ActorId } from '@parley/protocol/ids';
import { afterEach, expect, test, vi } from 'vitest';
import { cluster, startRuntime, succeeded, TEST_TIMEOUT_MS } from './actor-fixture.ts';
import { openLateWay } from './late-way.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const masterId = ActorId.parse('master-1');
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test('a write that is acknowledged after more than two seconds came too late, one within them did not', async () => {
  const fixture = await startRuntime('reference');
  cleanups.push(() => fixture.close());
  const way = await openLateWay(fixture.server.port);
  cleanups.push(() => way.close());
  const identity = { ...fixture.identity('master', 'master-1'), servers: [way.url] };
  const books = succeeded(await openConnection(identity, 'books'));
  cleanups.push(() => books.close());
  const owner = { cluster, masterId };
  const troubles = async () => (await testWrites(books, owner)).map(({ trouble }) => trouble);
  way.lateMs = 2200;
  for (const trouble of await troubles()) expect(trouble).toContain('no write within 2000 ms');
  way.lateMs = 500;
  // What was asked before is answered by now, and nothing that was late counts for what is asked anew.
  await books.flush();
  expect(await troubles()).toEqual([undefined, undefined, undefined]);
});

// Tests when a gateway may be sent requests, with work that ends when the test says so.
import { expect, test, vi } from 'vitest';
import { StartUp } from './start-up.ts';

test('a gateway is ready when all that it makes ahead is made, and also when that failed', async () => {
  const warn = vi.fn();
  const startUp = new StartUp({ warn });
  const [good, bad] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  startUp.wait(good.promise);
  startUp.wait(bad.promise);
  expect(startUp.isDone).toBe(false);
  good.resolve();
  await vi.waitUntil(() => warn.mock.calls.length === 0 && !startUp.isDone);
  bad.reject(new Error('out of reach'));
  await vi.waitUntil(() => startUp.isDone);
  expect(warn).toHaveBeenCalledOnce();
});

import type { Server } from 'nats';
import { expect, test } from 'vitest';
import { leastRecentlyTried, ServerChoice } from './server-choice.ts';

const server = (listen: string, lastConnect: number): Server => ({
  ...{ hostname: listen, port: 4222, listen, src: listen, tlsName: '' },
  ...{ reconnects: 0, gossiped: false, didConnect: lastConnect > 0, lastConnect },
});

test('a server that was left is tried again after all others', () => {
  const pool = [server('a', 0), server('b', 0), server('c', 0)];
  const tried: (string | undefined)[] = [];
  for (let atMs = 1; atMs <= 6; atMs += 1) {
    const chosen = leastRecentlyTried(pool);
    tried.push(chosen?.listen);
    const index = pool.findIndex(({ listen }) => listen === chosen?.listen);
    // The client puts the one that it is connected to first.
    pool.unshift(server(pool.splice(index, 1)[0]?.listen ?? '', atMs));
  }
  expect(tried).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  expect(leastRecentlyTried([])).toBeNull();
});

test('a server that is wanted is tried first and once, and one that is not known does not stop the choosing', () => {
  const pool = [server('a', 3), server('b', 2), server('c', 1)];
  const choice = new ServerChoice();
  choice.wanted = 'a';
  expect(choice.choose(pool)?.listen).toBe('a');
  expect(choice.choose(pool)?.listen).toBe('c');
  choice.wanted = 'elsewhere';
  expect(choice.choose(pool)?.listen).toBe('c');
});

import { expect, it } from 'vitest';
import { LOOK_MS, SilentServer } from './silent-server.ts';

/** At which of so many looks, so far apart, the server is left. */
function leftAt(server: SilentServer, looks: number, apartMs = LOOK_MS): number[] {
  const left: number[] = [];
  server.asked(0);
  for (let look = 1; look <= looks; look += 1) if (server.look(look * apartMs)) left.push(look);
  return left;
}

it('a server that leaves three looks unanswered is left, and the next ones are given twice as long each', () => {
  expect(leftAt(new SilentServer(), 50)).toEqual([3, 9, 21, 45]);
});

it('no server is left more often than every half a minute for good', () => {
  const left = leftAt(new SilentServer(), 1000).slice(-5);
  const apart = left.slice(1).map((look, index) => look - (left[index] ?? 0));
  expect(apart).toEqual([60, 60, 60, 60]);
});

it('a process that is held up itself leaves no server, however long that goes on', () => {
  expect(leftAt(new SilentServer(), 1000, 3 * LOOK_MS)).toEqual([]);
});

it('an answer gives the next silence as little time as the first one had', () => {
  const server = new SilentServer();
  expect(leftAt(server, 30)).toEqual([3, 9, 21]);
  server.answered();
  expect(leftAt(server, 10)).toEqual([3, 9]);
});

it('a server of which other things are heard is not left, however much there is to read before its answer', () => {
  const server = new SilentServer();
  server.asked(0);
  const looks = Array.from({ length: 1000 }, (_, index) => (index + 1) * LOOK_MS);
  expect(looks.filter((atMs) => server.look(atMs, true))).toEqual([]);
  expect(looks.slice(0, 3).map((_, index) => server.look((1001 + index) * LOOK_MS))).toEqual([
    false,
    false,
    true,
  ]);
});

import { expect, test } from 'vitest';
import { LiveFeed, type SocketEvents, type Told } from './live-feed.ts';

function aFeed() {
  const sent: object[] = [];
  const sockets: SocketEvents[] = [];
  const later: { run: () => void; afterMs: number }[] = [];
  const states: boolean[] = [];
  const feed = new LiveFeed({
    open: (events) => {
      sockets.push(events);
      return { send: (text) => void sent.push(JSON.parse(text)), close: () => undefined };
    },
    later: (run, afterMs) => void later.push({ run, afterMs }),
    onState: (isLive) => void states.push(isLive),
  });
  return { feed, sent, sockets, later, states };
}

const last = <Item>(items: readonly Item[]): Item => {
  const item = items.at(-1);
  if (item === undefined) throw new Error('there is none');
  return item;
};

test('what is asked for before the socket is open is asked when it is', () => {
  const { feed, sent, sockets } = aFeed();
  feed.subscribe({ topic: 'tasks', query: { limit: 2 } }, () => undefined);
  expect(sent).toStrictEqual([]);
  last(sockets).onOpen();
  expect(sent).toStrictEqual([{ type: 'sub', id: '1', topic: 'tasks', query: { limit: 2 } }]);
});

test('after a loss everything is asked again, events from the last that is known', () => {
  const { feed, sent, sockets, later, states } = aFeed();
  const told: Told[] = [];
  let known = '3.0';
  feed.subscribe(
    { topic: 'events' },
    (one) => void told.push(one),
    () => known,
  );
  feed.subscribe({ topic: 'overview' }, () => undefined);
  last(sockets).onOpen();
  const events = [{ sequence: 7, index: 2 }];
  last(sockets).onText(JSON.stringify({ type: 'events', id: '1', events }));
  known = '7.2';
  last(sockets).onClose();
  sent.length = 0;
  last(later).run();
  last(sockets).onOpen();
  expect(told).toStrictEqual([{ type: 'events', id: '1', events }]);
  expect(states).toStrictEqual([true, false, true]);
  expect(sent).toStrictEqual([
    { type: 'sub', id: '1', topic: 'events', after: '7.2' },
    { type: 'sub', id: '2', topic: 'overview' },
  ]);
});

test('the waits between attempts grow up to a bound, and begin anew after one that worked', () => {
  const { sockets, later } = aFeed();
  for (let attempt = 0; attempt < 7; attempt += 1) {
    last(sockets).onClose();
    last(later).run();
  }
  expect(later.map(({ afterMs }) => afterMs)).toStrictEqual([
    250, 500, 1000, 2000, 4000, 4000, 4000,
  ]);
  last(sockets).onOpen();
  last(sockets).onClose();
  expect(last(later).afterMs).toBe(250);
});

test('who has stopped is not told any more', () => {
  const { feed, sent, sockets } = aFeed();
  const told: Told[] = [];
  const stop = feed.subscribe({ topic: 'agents' }, (one) => void told.push(one));
  last(sockets).onOpen();
  stop();
  last(sockets).onText(JSON.stringify({ type: 'rows', id: '1', items: [] }));
  expect(told).toStrictEqual([]);
  expect(last(sent)).toStrictEqual({ type: 'unsub', id: '1' });
});

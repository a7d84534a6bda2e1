import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LiveCluster } from '../live-cluster.ts';
import { aBusyCluster } from '../read-model/scripted-model.ts';
import { FeedSession } from './feed-session.ts';
import { LiveView } from './live-view.ts';

let sent: string[];
let unread: number;
let session: FeedSession;
const end = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  unread = 0;
  end.mockClear();
  const live = {
    followed: { cluster: 'c', state: aBusyCluster().state, sequence: 10 },
    onEvent: () => () => true,
    onReset: () => () => true,
  };
  session = new FeedSession({
    liveView: new LiveView(live as unknown as LiveCluster),
    aboutNow: () => ({ cluster: 'c', staleMs: 0 }),
    send: (text) => sent.push(text),
    unreadBytes: () => unread,
    maxUnreadBytes: 1000,
    end,
  });
});
afterEach(() => {
  session.close();
  vi.useRealTimers();
});

const ask = (id: string): void =>
  session.received(JSON.stringify({ type: 'sub', id, topic: 'agents' }));
const idsTold = (): string[] => sent.map((text) => JSON.parse(text).id);

test('what a page asks is answered at once, and all that it shows with the next turn', () => {
  const ids = Array.from({ length: 32 }, (_, index) => `t${index}`);
  for (const id of ids) ask(id);
  expect(idsTold()).toStrictEqual(ids.slice(0, 8));
  vi.advanceTimersByTime(200);
  expect(new Set(idsTold())).toStrictEqual(new Set(ids));
});

test('to a tab that does not read nothing is said, also not that it was not understood', () => {
  unread = 1001;
  for (let each = 0; each < 50; each += 1) session.received('nonsense');
  ask('t1');
  expect(sent).toStrictEqual([]);
  unread = 0;
  vi.advanceTimersByTime(200);
  expect(sent.map((text) => JSON.parse(text).type)).toStrictEqual(['resync', 'rows']);
});

test('a tab that asks without end is left', () => {
  for (let each = 0; each < 1000; each += 1) session.received('nonsense');
  expect(end).toHaveBeenCalledTimes(1);
  const said = sent.length;
  vi.advanceTimersByTime(1000);
  expect(sent).toHaveLength(said);
  expect(said).toBeLessThanOrEqual(100);
});

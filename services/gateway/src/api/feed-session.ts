// Owns one tab's conversation over its WebSocket: which topics it shows, what is new of them. Lists are asked anew a few times a
// second and told when their page has changed; events are told as they happen, gathered. A tab that reads too slowly is told to
// begin anew instead of being sent what it will not read.
import { LISTS, query } from '@parley/cluster-view/query';
import type { Moment } from '@parley/cluster-view/view';
import * as z from 'zod';
import type { LiveView, ToldEvent } from './live-view.ts';
import { type Overview, overviewOf } from './overview.ts';
import { EventPlace, ListQuery } from './shapes.ts';

export type FeedSessionOptions = {
  readonly liveView: LiveView;
  readonly aboutNow: () => Parameters<typeof overviewOf>[1];
  readonly send: (text: string) => void;
  readonly unreadBytes: () => number;
  readonly maxUnreadBytes: number;
  /** The tab is to be left. */
  readonly end: () => void;
};

const TURN_MS = 150;
const MAX_TOPICS = 32;
/** What a tab asks within one turn: so many are answered at once, the others with the next turn; more no page asks. */
const MAX_ASKED_SOON = 8;
const MAX_ASKED = 100;
const Topic = z.enum(['overview', 'events', ...LISTS]);
type Topic = z.infer<typeof Topic>;

/** `id` names the subscription in what is told of it. */
const Asked = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('sub'),
    id: z.string().max(64),
    topic: Topic,
    query: ListQuery.optional(),
    after: EventPlace.optional(),
  }),
  z.object({ type: z.literal('unsub'), id: z.string().max(64) }),
]);

type Subscription = {
  readonly topic: Topic;
  readonly query: ListQuery;
  /** Events that were not sent yet. */
  waiting: ToldEvent[];
  /** What was told last, so that only what changed is told; and of which moment. */
  told: string;
  toldAt: Moment | undefined;
};

export class FeedSession {
  readonly #options: FeedSessionOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #stop: () => void;
  readonly #timer: NodeJS.Timeout;
  #isBehind = false;
  #asked = 0;
  #isClosed = false;

  constructor(options: FeedSessionOptions) {
    this.#options = options;
    this.#stop = options.liveView.listen({
      onEvent: (event) => this.#happened(event),
      onReset: () => this.#resync(),
    });
    this.#timer = setInterval(() => {
      this.#asked = 0;
      this.turn();
    }, TURN_MS);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#stop();
    this.#subscriptions.clear();
  }

  received(text: string): void {
    if (this.#isClosed) return;
    this.#asked += 1;
    if (this.#asked > MAX_ASKED) {
      this.close();
      this.#options.end();
      return;
    }
    const asked = readAsked(text);
    if (asked === undefined) this.#say({ type: 'refused', error: 'not understood' });
    else if (asked.type === 'unsub') this.#subscriptions.delete(asked.id);
    else if (this.#subscriptions.size >= MAX_TOPICS && !this.#subscriptions.has(asked.id))
      this.#say({ type: 'refused', id: asked.id, error: `at most ${MAX_TOPICS} topics` });
    else this.#subscribe(asked);
  }

  #subscribe(asked: Extract<z.infer<typeof Asked>, { type: 'sub' }>): void {
    const { id, topic, after } = asked;
    const subscription: Subscription = {
      ...{ topic, waiting: [], told: '', toldAt: undefined },
      query: asked.query ?? ListQuery.parse({}),
    };
    this.#subscriptions.set(id, subscription);
    if (topic === 'events' && after !== undefined) {
      const missed = this.#options.liveView.eventsAfter(after);
      if (missed === undefined) this.#say({ type: 'resync', id });
      else subscription.waiting.push(...missed);
    }
    if (this.#asked <= MAX_ASKED_SOON && !this.#isBehind) this.#tell(id, subscription);
  }

  /** Tells what is new. Called a few times a second. */
  turn(): void {
    const { unreadBytes, maxUnreadBytes } = this.#options;
    if (unreadBytes() > maxUnreadBytes) this.#isBehind = true;
    if (this.#isBehind) {
      for (const subscription of this.#subscriptions.values()) subscription.waiting = [];
      if (unreadBytes() > 0) return;
      this.#isBehind = false;
      this.#resync();
    }
    for (const [id, subscription] of this.#subscriptions) this.#tell(id, subscription);
  }

  #tell(id: string, subscription: Subscription): void {
    if (subscription.topic === 'events') {
      if (subscription.waiting.length === 0) return;
      this.#say({ type: 'events', id, events: subscription.waiting });
      subscription.waiting = [];
      return;
    }
    const { moment } = this.#options.liveView.view;
    // Nothing has happened since; how old an overview is may change all the same.
    if (subscription.topic !== 'overview' && subscription.toldAt === moment) return;
    subscription.toldAt = moment;
    const content = this.#contentOf(subscription.topic, subscription.query);
    const { moment: _, ...compared } = content;
    const told = JSON.stringify(compared);
    if (told === subscription.told) return;
    subscription.told = told;
    this.#say({ type: 'rows', id, ...content });
  }

  #contentOf(
    topic: Exclude<Topic, 'events'>,
    asked: ListQuery,
  ): Overview | (object & { moment: object }) {
    const { liveView, aboutNow } = this.#options;
    const { view } = liveView;
    if (topic === 'overview') return overviewOf(view, aboutNow());
    return { moment: view.moment, ...query(view, topic, asked) };
  }

  #happened(event: ToldEvent): void {
    if (this.#isBehind) return;
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.topic === 'events') subscription.waiting.push(event);
    }
  }

  #resync(): void {
    for (const [id, subscription] of this.#subscriptions) {
      subscription.told = '';
      subscription.toldAt = undefined;
      subscription.waiting = [];
      this.#say({ type: 'resync', id });
    }
  }

  /** Nothing more to one that does not read: it is told to begin anew when it does. */
  #say(message: object): void {
    const { send, unreadBytes, maxUnreadBytes } = this.#options;
    if (unreadBytes() > maxUnreadBytes) this.#isBehind = true;
    else send(JSON.stringify(message));
  }
}

function readAsked(text: string): z.infer<typeof Asked> | undefined {
  try {
    return Asked.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

// Owns one reader of the live feed as Server-Sent Events: it is told what the live view keeps from its place on, as fast as
// it reads. Nothing is kept for it beside that: one that is too far behind is told to begin anew.
import type { ServerResponse } from 'node:http';
import { endSoon } from '../end-answer.ts';
import type { SlowReaders } from '../slow-readers.ts';
import type { LiveView, ToldEvent } from './live-view.ts';

const KEEP_ALIVE_MS = 15_000;
/** Events that are looked up at once. */
const BATCH = 500;
/** Signs of life that nobody reads: then nobody is there. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export type FeedMeans = { readonly liveView: LiveView; readonly slowReaders: SlowReaders };
export type Place = Pick<ToldEvent, 'sequence' | 'index'>;
/** `unknown`: where the reader was cannot be told any more. */
export type FeedBegin = Place | 'now' | 'unknown';

export class EventFeed {
  readonly #raw: ServerResponse;
  readonly #liveView: LiveView;
  readonly #slowReaders: SlowReaders;
  /** Of what was told last. */
  #told: Place;

  private constructor(raw: ServerResponse, { liveView, slowReaders }: FeedMeans, told: Place) {
    this.#raw = raw;
    this.#liveView = liveView;
    this.#slowReaders = slowReaders;
    this.#told = told;
  }

  /** `raw`: its head has been sent. Tells until it is closed; undefined when it is already. */
  static begin(raw: ServerResponse, means: FeedMeans, begin: FeedBegin): EventFeed | undefined {
    // Closed while it was asked whether it may: nobody would tell of it again.
    if (raw.closed || raw.destroyed) return undefined;
    const { liveView, slowReaders } = means;
    const isKnown = typeof begin === 'object';
    const feed = new EventFeed(raw, means, isKnown ? begin : liveView.view.moment);
    const uncount = slowReaders.add({
      stream: 'feed',
      unreadBytes: () => raw.writableLength,
      end: () => raw.destroy(),
    });
    raw.write(': events of the cluster\n\n');
    if (begin === 'unknown') feed.#resync();
    const stop = liveView.listen({
      onEvent: () => feed.#tell(),
      onReset: () => feed.#resync(),
    });
    raw.on('drain', () => feed.#tell());
    raw.on('error', () => undefined);
    const timer = setInterval(() => feed.#beat(), KEEP_ALIVE_MS);
    raw.once('close', () => {
      clearInterval(timer);
      stop();
      uncount();
    });
    feed.#tell();
    return feed;
  }

  /** What was sent still arrives, and then why there is no more; whoever does not read that is broken off. */
  endBecause(why: string): void {
    if (this.#isOver) return;
    endSoon(this.#raw, `event: end\ndata: ${JSON.stringify({ why })}\n\n`);
  }

  get #isOver(): boolean {
    return this.#raw.writableEnded || this.#raw.destroyed;
  }

  /** As much as is read; the rest when that has been. */
  #tell(): void {
    while (!this.#raw.writableNeedDrain && !this.#isOver) {
      const events = this.#liveView.eventsAfter(this.#told)?.slice(0, BATCH);
      if (events === undefined) this.#resync();
      else if (events.length === 0) return;
      else this.#write(events);
    }
  }

  #write(events: readonly ToldEvent[]): void {
    for (const event of events) {
      if (this.#raw.writableNeedDrain) return;
      this.#send(asServerSentEvent(event));
      this.#told = event;
    }
  }

  #resync(): void {
    const { moment } = this.#liveView.view;
    this.#told = moment;
    this.#send(`event: resync\ndata: ${JSON.stringify(moment)}\n\n`);
  }

  #send(text: string): void {
    if (!this.#isOver && !this.#raw.write(text)) this.#slowReaders.look();
  }

  #beat(): void {
    this.#send(': alive\n\n');
    if (this.#raw.writableLength > MAX_UNREAD_BYTES) this.#raw.destroy();
  }
}

const asServerSentEvent = (event: ToldEvent): string =>
  `id: ${event.sequence}.${event.index}\nevent: ${event.event.type}\ndata: ${JSON.stringify(event)}\n\n`;

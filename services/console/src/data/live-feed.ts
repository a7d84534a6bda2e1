// Owns the page's one WebSocket: topics asked for on it, asked again when it was lost, events from the last that is known on. It knows no clock and no socket of its own, so it is tested without either.

export type Asked = {
  readonly topic: 'overview' | 'events' | 'agents' | 'frameworks' | 'tasks' | 'offers';
  readonly query?: object;
};
export type Told =
  | ({ readonly type: 'rows'; readonly id: string } & Readonly<Record<string, unknown>>)
  | { readonly type: 'events'; readonly id: string; readonly events: readonly TelledPlace[] }
  | { readonly type: 'resync'; readonly id: string }
  | { readonly type: 'refused'; readonly id?: string; readonly error: string };
type TelledPlace = { readonly sequence: number; readonly index: number };

export type Socket = {
  send(text: string): void;
  close(): void;
};
export type SocketEvents = {
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
  readonly onClose: () => void;
};
export type LiveFeedMeans = {
  readonly open: (events: SocketEvents) => Socket;
  readonly later: (run: () => void, afterMs: number) => void;
  readonly onState: (isLive: boolean) => void;
};

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 4000;

type Subscription = {
  readonly asked: Asked;
  readonly tell: (told: Told) => void;
  /** The last event that is known, such as `12.3`: what came after it is told. */
  readonly after: () => string | undefined;
};

export class LiveFeed {
  readonly #means: LiveFeedMeans;
  readonly #subscriptions = new Map<string, Subscription>();
  #socket: Socket | undefined;
  #isOpen = false;
  #waitMs = FIRST_WAIT_MS;
  #lastId = 0;

  constructor(means: LiveFeedMeans) {
    this.#means = means;
    this.#connect();
  }

  /** `after`: only of events; asked whenever the socket is open again. Returns how to stop. */
  subscribe(
    asked: Asked,
    tell: (told: Told) => void,
    after: () => string | undefined = () => undefined,
  ): () => void {
    this.#lastId += 1;
    const id = String(this.#lastId);
    this.#subscriptions.set(id, { asked, tell, after });
    this.#ask(id);
    return () => {
      this.#subscriptions.delete(id);
      this.#send({ type: 'unsub', id });
    };
  }

  #connect(): void {
    this.#socket = this.#means.open({
      onOpen: () => {
        this.#isOpen = true;
        this.#waitMs = FIRST_WAIT_MS;
        this.#means.onState(true);
        for (const id of this.#subscriptions.keys()) this.#ask(id);
      },
      onText: (text) => this.#hear(JSON.parse(text)),
      onClose: () => {
        this.#isOpen = false;
        this.#means.onState(false);
        this.#means.later(() => this.#connect(), this.#waitMs);
        this.#waitMs = Math.min(2 * this.#waitMs, MAX_WAIT_MS);
      },
    });
  }

  #ask(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    const after = subscription.after();
    const { asked } = subscription;
    this.#send({ type: 'sub', id, ...asked, ...(after !== undefined && { after }) });
  }

  #send(message: object): void {
    if (this.#isOpen) this.#socket?.send(JSON.stringify(message));
  }

  #hear(told: Told): void {
    if (told.id === undefined) return;
    this.#subscriptions.get(told.id)?.tell(told);
  }
}

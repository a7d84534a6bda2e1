// Owns what is to be said about a connection to NATS that is lost and comes back: why, as far as this side can know, for
// how long, how often. A server drops a client that does not read (a slow consumer) without telling it; that the client
// was held up is what it knows itself. It knows no clock and no connection.

export type ConnectionCounts = {
  readonly losses: number;
  /** Of these, soon after this process was held up: it may be why. */
  readonly slowReads: number;
};

type Lost = {
  readonly kind: 'lost';
  readonly server: string;
  /**
   * `left`: this process went to another server. `slowRead`: it was held up lately and did not read, so that the server
   * dropped it, or the server is gone: it cannot tell. `silentServer`: the server answered no ping. `unknown`: the server
   * is gone, or dropped it.
   */
  readonly why: 'slowRead' | 'silentServer' | 'left' | 'unknown';
  readonly heldUpMs: number;
  readonly counts: ConnectionCounts;
};

export type ConnectionNotice =
  | Lost
  | {
      readonly kind: 'back';
      readonly server: string;
      readonly awayMs: number;
      readonly counts: ConnectionCounts;
    };

/** The words of the NATS client for what it notices. */
type ClientStatus = { readonly type: string; readonly server?: unknown };

export class ConnectionLosses {
  #losses = 0;
  #slowReads = 0;
  #lostAtMs: number | undefined;
  /** What the client said before it lost the connection. */
  #before: Before;

  get counts(): ConnectionCounts {
    return { losses: this.#losses, slowReads: this.#slowReads };
  }

  /** `heldUpMs`: how long this process was held up lately. */
  noticed(
    status: ClientStatus,
    { nowMs, heldUpMs }: { nowMs: number; heldUpMs: number },
  ): ConnectionNotice | undefined {
    const server = String(status.server ?? '');
    switch (status.type) {
      case 'staleConnection':
        this.#before = 'silentServer';
        return undefined;
      case 'forceReconnect':
        this.#before = 'left';
        return undefined;
      case 'disconnect':
        return this.#lost(server, nowMs, heldUpMs);
      case 'reconnect':
        return this.#back(server, nowMs);
      default:
        return undefined;
    }
  }

  #lost(server: string, nowMs: number, heldUpMs: number): ConnectionNotice | undefined {
    // Tries that fail are told of as well.
    if (this.#lostAtMs !== undefined) return undefined;
    this.#lostAtMs = nowMs;
    const why = reasonOf(this.#before, heldUpMs);
    this.#before = undefined;
    this.#losses += 1;
    if (why === 'slowRead') this.#slowReads += 1;
    return { kind: 'lost', server, why, heldUpMs, counts: this.counts };
  }

  #back(server: string, nowMs: number): ConnectionNotice {
    const awayMs = Math.round(nowMs - (this.#lostAtMs ?? nowMs));
    this.#lostAtMs = undefined;
    this.#before = undefined;
    return { kind: 'back', server, awayMs, counts: this.counts };
  }
}

type Before = 'silentServer' | 'left' | undefined;

/** What it did itself it knows. A ping that was not answered says nothing where nobody read the answer. */
function reasonOf(before: Before, heldUpMs: number): Lost['why'] {
  if (before === 'left') return before;
  return heldUpMs > 0 ? 'slowRead' : (before ?? 'unknown');
}

const slowRead = (heldUpMs: number): string =>
  `the connection to the NATS server was lost, and this process was held up by itself for ${(heldUpMs / 1000).toFixed(1)} s lately: the server dropped it, since it did not read, or the server is gone or answers nobody. What was missed is asked for again. Where the log of the server calls this client a slow consumer: see what holds this process up (stopped, too little processor or memory), or raise write_deadline or max_pending of the server`;

const WHY_LOST = {
  silentServer: 'the NATS server answers no ping: another one is tried, or this one again',
  left: 'this process left its NATS server for another one',
  unknown:
    'the connection to the NATS server was lost: it is tried again. Where the log of the server calls this client a slow consumer, it has too little processor for what is sent to it, or the server keeps too little for a client (max_pending)',
} as const;

/** For people: what happened, why, what to do. */
export function describeNotice(notice: ConnectionNotice): string {
  if (notice.kind === 'back') return 'connected to NATS again: what was missed is asked for';
  return notice.why === 'slowRead' ? slowRead(notice.heldUpMs) : WHY_LOST[notice.why];
}

// Owns what has come in for the leading master and is not looked at yet: it is taken in slices, so that thousands of agents
// that ask at once keep this process neither from showing that it lives nor from reading its sockets, which the server would
// cut. No message is understood here.
import type { BusMessage } from '@parley/actor/bus';
import type { Clock } from '@parley/actor/clock';
import type { Timers } from '@parley/actor/timers';
import { Fifo } from '@parley/cluster/fifo';

export type IncomingMessage = Pick<BusMessage, 'subject' | 'bytes' | 'reply'>;

export type IntakeLimits = {
  /** A slice ends with the message in which so much time has passed. */
  readonly sliceMs: number;
  /** What comes beyond is dropped: whoever wants an answer asks again. */
  readonly maxMessages: number;
  readonly maxBytes: number;
};
const INTAKE_LIMITS: IntakeLimits = {
  sliceMs: 20,
  maxMessages: 200_000,
  maxBytes: 128 * 1024 * 1024,
};
/** Of what came in longer ago something waits still, or was dropped since: who is silent cannot be told. */
const BEHIND_MS = 1000;
const AFTER_DROPPING_MS = 75_000;
/** Where what is taken has no room yet. */
const LOOK_AGAIN_MS = 5;

export type IntakeOptions = {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Pick<Timers, 'soon' | 'after'>;
  /** Whether there is room for what a message asks for. */
  readonly hasRoom: () => boolean;
  /** `atMs`: when it came in. */
  readonly take: (message: IncomingMessage, atMs: number) => void;
  /** Taking a message of that subject threw: a defect, and the next one is taken. */
  readonly onFailed: (subject: string, error: unknown) => void;
  /** After each slice. */
  readonly onTaken: () => void;
  /** Once until everything is taken again. */
  readonly onDropping: (waiting: number) => void;
  readonly limits?: Partial<IntakeLimits>;
};

export class Intake {
  readonly #options: IntakeOptions;
  readonly #limits: IntakeLimits;
  readonly #waiting = new Fifo<{ readonly message: IncomingMessage; readonly atMs: number }>();
  #bytes = 0;
  #isDropping = false;
  #droppedMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  /** Of the next slice. */
  #cancel: (() => void) | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#limits = { ...INTAKE_LIMITS, ...options.limits };
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** What somebody has said may not have been heard: it waits, or was dropped. */
  isBehind(nowMs: number): boolean {
    const longestMs = nowMs - (this.#waiting.peek()?.atMs ?? nowMs);
    return longestMs > BEHIND_MS || nowMs - this.#droppedMs < AFTER_DROPPING_MS;
  }

  add(message: IncomingMessage): void {
    if (this.#isClosed) return;
    const { maxMessages, maxBytes } = this.#limits;
    const isFull = this.size >= maxMessages || this.#bytes + message.bytes.length > maxBytes;
    if (isFull && this.size > 0) {
      if (!this.#isDropping) this.#options.onDropping(this.size);
      this.#isDropping = true;
      this.#droppedMs = this.#options.clock.nowMs();
      return;
    }
    this.#waiting.push({ message, atMs: this.#options.clock.nowMs() });
    this.#bytes += message.bytes.length;
    this.#cancel ??= this.#options.timers.soon(() => this.#slice());
  }

  /** What waits is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #slice(): void {
    this.#cancel = undefined;
    const { clock, timers, hasRoom, onTaken } = this.#options;
    const beganMs = clock.nowMs();
    let nowMs = beganMs;
    let isRoom = hasRoom();
    while (isRoom && !this.#isClosed && nowMs - beganMs < this.#limits.sliceMs) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#take(next);
      nowMs = clock.nowMs();
      isRoom = hasRoom();
    }
    onTaken();
    if (this.#isClosed) return;
    if (this.size === 0) this.#isDropping = false;
    else if (isRoom) this.#cancel = timers.soon(() => this.#slice());
    else this.#cancel = timers.after(LOOK_AGAIN_MS, () => this.#slice());
  }

  #take({ message, atMs }: { readonly message: IncomingMessage; readonly atMs: number }): void {
    this.#bytes -= message.bytes.length;
    try {
      this.#options.take(message, atMs);
    } catch (error) {
      this.#options.onFailed(message.subject, error);
    }
  }
}

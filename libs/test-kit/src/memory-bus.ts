// Owns the bus of a test: subjects and subscriptions in memory, delivered in virtual time with the faults of the test.
// What crosses it is the bytes of the real protocol. Who may say what is not checked here.
import type { BusMessage, BusSubscription } from '@parley/actor/bus';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { BusListener, SchedulerBus } from '@parley/scheduler-sdk/scheduler-ports';
import { type Chance, type Faults, NO_FAULTS } from './faults.ts';
import type { VirtualClock } from './virtual-clock.ts';

export type Message = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reply?: string;
};

type Subscription = {
  readonly owner: string;
  readonly pattern: readonly string[];
  readonly handle: (message: Message) => void;
};

export class MemoryBus {
  faults: Faults = NO_FAULTS;
  readonly #clock: VirtualClock;
  readonly #chance: Chance;
  readonly #subscriptions = new Set<Subscription>();
  readonly #cut = new Set<string>();
  /** By sender and receiver: when the last delivery is due, so that order is kept where it should be. */
  readonly #lastMs = new Map<string, number>();
  readonly #onSent: (message: Message) => void;
  #inboxes = 0;

  /** `onSent` hears all that anybody sends, also what does not arrive. */
  constructor(clock: VirtualClock, chance: Chance, onSent: (message: Message) => void) {
    this.#clock = clock;
    this.#chance = chance;
    this.#onSent = onSent;
  }

  /** Nothing from or to it arrives. */
  cut(owner: string): void {
    this.#cut.add(owner);
  }

  mend(owner: string): void {
    this.#cut.delete(owner);
  }

  isCut(owner: string): boolean {
    return this.#cut.has(owner);
  }

  subscribe(owner: string, pattern: string, handle: (message: Message) => void): BusSubscription {
    const subscription = { owner, pattern: pattern.split('.'), handle };
    this.#subscriptions.add(subscription);
    return { close: () => void this.#subscriptions.delete(subscription) };
  }

  publish(owner: string, message: Message): void {
    this.#onSent(message);
    if (this.#cut.has(owner)) return;
    const tokens = message.subject.split('.');
    for (const one of this.#subscriptions) {
      if (!matches(one.pattern, tokens) || this.#chance.happens(this.faults.dropChance)) continue;
      this.#deliver(owner, one, message);
      if (this.#chance.happens(this.faults.duplicateChance)) this.#deliver(owner, one, message);
    }
  }

  /** What a scheduler, or anybody else, has of the bus. `name`: who it is, for `cut`. */
  connection(name: string, inbox: string, listener: BusListener): MemoryConnection {
    return new MemoryConnection(this, this.#clock, { name, inbox, listener });
  }

  newInbox(prefix: string): string {
    this.#inboxes += 1;
    return `${prefix}.${this.#inboxes}`;
  }

  #deliver(sender: string, to: Subscription, message: Message): void {
    const pair = `${sender}>${to.owner}`;
    const drawn = this.#clock.nowMs() + this.#chance.upTo(this.faults.maxDelayMs);
    const atMs = this.faults.reorder ? drawn : Math.max(drawn, this.#lastMs.get(pair) ?? 0);
    this.#lastMs.set(pair, atMs);
    this.#clock.startTimer(atMs - this.#clock.nowMs(), () => {
      if (this.#subscriptions.has(to) && !this.#cut.has(to.owner)) to.handle(message);
    });
  }
}

type Connecting = {
  readonly name: string;
  readonly inbox: string;
  readonly listener: BusListener;
};

export class MemoryConnection implements SchedulerBus {
  readonly #bus: MemoryBus;
  readonly #clock: VirtualClock;
  readonly #who: Connecting;
  readonly #subscriptions: BusSubscription[] = [];

  constructor(bus: MemoryBus, clock: VirtualClock, who: Connecting) {
    this.#bus = bus;
    this.#clock = clock;
    this.#who = who;
  }

  get connected(): boolean {
    return !this.#bus.isCut(this.#who.name);
  }

  publish(subject: string, bytes: Uint8Array): Outcome<undefined> {
    if (!this.connected) return AWAY;
    this.#bus.publish(this.#who.name, { subject, bytes });
    return succeed(undefined);
  }

  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Outcome<Uint8Array>> {
    const { promise, resolve } = Promise.withResolvers<Outcome<Uint8Array>>();
    const reply = this.#bus.newInbox(this.#who.inbox);
    const waiting = this.#bus.subscribe(this.#who.name, reply, (message) =>
      end(succeed(message.bytes)),
    );
    const late = this.#clock.startTimer(timeoutMs, () => end(NO_ANSWER));
    function end(outcome: Outcome<Uint8Array>): void {
      waiting.close();
      late.cancel();
      resolve(outcome);
    }
    this.#bus.publish(this.#who.name, { subject, bytes, reply });
    return promise;
  }

  subscribe(pattern: string, handler: (message: BusMessage) => void): BusSubscription {
    const subscription = this.#bus.subscribe(this.#who.name, pattern, (message) =>
      handler({ ...message, respond: (bytes) => this.#respond(message, bytes) }),
    );
    this.#subscriptions.push(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  /** Tells the holder that the bus is away, or back. */
  changed(isConnected: boolean): void {
    this.#who.listener.onConnectedChange(isConnected);
  }

  #respond({ reply }: Message, bytes: Uint8Array): Outcome<undefined> {
    return reply === undefined ? fail('notPermitted', 'nobody waits') : this.publish(reply, bytes);
  }
}

const AWAY = fail('unavailable', 'the bus is away');
const NO_ANSWER = fail('unavailable', 'no answer in time');

/** NATS docs, "Subject-based messaging": `*` is one token, `>` is the rest. */
function matches(pattern: readonly string[], tokens: readonly string[]): boolean {
  for (const [index, part] of pattern.entries()) {
    if (part === '>') return tokens.length > index;
    if (index >= tokens.length || (part !== '*' && part !== tokens[index])) return false;
  }
  return pattern.length === tokens.length;
}

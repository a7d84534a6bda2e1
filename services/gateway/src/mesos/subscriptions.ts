// Owns which Mesos frameworks are subscribed at this gateway: one stream each, the latest; and that those which subscribe
// are taken one after the other, so that the latest at the gateway is the latest on the bus as well.
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Subscription } from './subscription.ts';

/** Of subscribing: `isLatest` tells whether nobody has come since with the same id. */
export type SubscribingTurn = { readonly isLatest: () => boolean };

export class Subscriptions {
  readonly #open = new Map<string, Subscription>();
  /** Those who are subscribing, by framework: the last one's turn. */
  readonly #turns = new Map<string, { readonly ended: Promise<void> }>();

  of(framework: FrameworkRef): Subscription | undefined {
    return this.#open.get(frameworkKey(framework));
  }

  /** Begins when all who came before with this id have ended. */
  async inTurn<Value>(
    framework: FrameworkRef,
    work: (turn: SubscribingTurn) => Promise<Value>,
  ): Promise<Value> {
    const key = frameworkKey(framework);
    const before = this.#turns.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    const turn = { ended: promise };
    this.#turns.set(key, turn);
    const isLatest = (): boolean => this.#turns.get(key) === turn;
    try {
      await before?.ended;
      return await work({ isLatest });
    } finally {
      if (isLatest()) this.#turns.delete(key);
      resolve();
    }
  }

  /** One that is there already is told that it was replaced. */
  add(framework: FrameworkRef, subscription: Subscription): void {
    const before = this.of(framework);
    this.#open.set(frameworkKey(framework), subscription);
    void before?.replaced();
  }

  remove(framework: FrameworkRef, subscription: Subscription): void {
    if (this.of(framework) === subscription) this.#open.delete(frameworkKey(framework));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((each) => each.close()));
  }
}

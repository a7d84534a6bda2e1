// Owns this agent's connection to the account through which it reaches the principals' object stores. It is opened at
// the first use and kept; who waits for it is told when it is there.

import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import type { Identity } from '@parley/actor/nats/credential-file';
import { type BusTrouble, NatsBus } from '@parley/actor/nats/nats-bus';
import { openConnection } from '@parley/actor/nats/open-connection';
import { keepTogether } from '@parley/actor/nats/server-choice';
import { PRINCIPALS_API } from '@parley/protocol/accounts';
import type { NatsConnection } from 'nats';

export type WorkAccountOptions = {
  readonly identity: Identity;
  readonly pause: (durationMs: number) => Promise<void>;
  readonly onTrouble: (trouble: BusTrouble) => void;
  readonly onOpened: (connection: NatsConnection) => void;
};

const OPEN_AGAIN_MS = 1000;

export class WorkAccount {
  readonly #options: WorkAccountOptions;
  #opened: Promise<NatsBus> | undefined;
  #waiting: (() => void)[] = [];
  #lead: NatsConnection | undefined;

  constructor(options: WorkAccountOptions) {
    this.#options = options;
  }

  /** To whatever server of the bus that connection goes. */
  goWith(lead: NatsConnection): void {
    this.#lead = lead;
  }

  /** Resolves once there is a connection. Rejects when the server does not accept the credential. */
  async openObjects(): Promise<Objm> {
    this.#opened ??= this.#open();
    // After a refusal the next use tries again.
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
    const bus = await this.#opened;
    while (!bus.connected) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    // The account lets through what objects need, under a prefix of its own, and no questions about itself.
    return new Objm(jetstream(bus.connection, { apiPrefix: PRINCIPALS_API, checkAPI: false }));
  }

  async close(): Promise<void> {
    const bus = await this.#opened?.catch(() => undefined);
    await bus?.close();
  }

  async #open(): Promise<NatsBus> {
    const { identity, pause, onTrouble, onOpened } = this.#options;
    for (;;) {
      const opened = await openConnection(identity, 'work');
      if (opened.ok) {
        onOpened(opened.value);
        if (this.#lead !== undefined) keepTogether(this.#lead, opened.value);
        return new NatsBus({
          connection: opened.value,
          cluster: identity.cluster,
          onTrouble,
          onConnectedChange: (connected) => connected && this.#wake(),
          onClosed: () => {
            this.#opened = undefined;
          },
        });
      }
      if (opened.failure.code !== 'unavailable') throw new Error(opened.failure.message);
      await pause(OPEN_AGAIN_MS);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}

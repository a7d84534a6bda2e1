// Owns a node of NATS as something that may be harmed; it is started again a little after its end. The process itself is
// the fixture's (nats3-node.ts).
import { setTimeout as wait } from 'node:timers/promises';
import type { Nats3Node } from '@parley/test-integration/nats3-node';
import type { Victim } from './member.ts';

const RESTART_MS = 1000;

export class NodeVictim implements Victim {
  readonly name: string;
  readonly #node: Nats3Node;
  #start: Promise<void> = Promise.resolve();

  constructor(node: Nats3Node) {
    this.name = node.name;
    this.#node = node;
  }

  async kill(): Promise<void> {
    await this.#node.kill();
    this.#startSoon();
  }

  freeze(): void {
    this.#node.freeze();
  }

  thaw(): void {
    this.#node.thaw();
  }

  async restart(): Promise<void> {
    await this.#node.stop();
    this.#startSoon();
  }

  /** Resolves when it runs, if it is being started. */
  started(): Promise<void> {
    return this.#start;
  }

  #startSoon(): void {
    this.#start = wait(RESTART_MS).then(() => this.#node.start());
    // Whoever waits for the start is told.
    this.#start.catch(() => undefined);
  }
}

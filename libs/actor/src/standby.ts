// Owns a master's replica while another leads: opened, followed, made anew when it is wrong, and given away to be led
// with. What the steps of others effect is nobody's business here: there is no sink for effects.
import type { Failure } from '@parley/protocol/errors';
import { Follower, type FollowerOptions } from './follower.ts';
import type { LoadOptions } from './load-replica.ts';
import { systemTimers } from './nats/system-clock.ts';
import type { Replica } from './replica.ts';

const RETRY_MS = 500;

export type StandbyOptions<State, Input, Effect> = Omit<
  FollowerOptions<State, Input, Effect>,
  'onEffect' | 'onReset' | 'onTrouble'
> & {
  /** The state was made anew. */
  readonly onReplaced: () => void;
  /** Told once when trouble begins. */
  readonly onTrouble: (failure: Failure) => void;
  /** The journal cannot be stepped by this release: the message says what to do. */
  readonly onUnusable: (message: string) => void;
};

export class Standby<State, Input, Effect> {
  readonly #options: StandbyOptions<State, Input, Effect>;
  #follower: Follower<State, Input, Effect> | undefined;
  #opening: Promise<void> | undefined;
  #ending = false;

  constructor(options: StandbyOptions<State, Input, Effect>) {
    this.#options = options;
  }

  /** Undefined until the state is read. */
  get replica(): Replica<State, Input, Effect> | undefined {
    return this.#follower?.replica;
  }

  get lagEntries(): number {
    return this.#follower?.lagEntries ?? 0;
  }

  start(): void {
    this.#opening ??= this.#open({});
  }

  /** Reads to the journal's end now. */
  async readToEnd(): Promise<void> {
    await this.#follower?.compare();
  }

  /** Throws the state away and makes it anew from an older snapshot. */
  async rebuild(notAfter: number | undefined): Promise<void> {
    const before = this.#follower;
    this.#follower = undefined;
    this.#opening = this.#openAfter(before, notAfter);
    await this.#opening;
  }

  async #openAfter(
    before: Follower<State, Input, Effect> | undefined,
    notAfter: number | undefined,
  ): Promise<void> {
    await before?.close();
    await this.#open(notAfter === undefined ? {} : { snapshotUpTo: notAfter });
  }

  /**
   * Ends following; the replica to lead with. What is being read is waited for; undefined when it could not be read, or
   * a step that threw has spoiled it.
   */
  async takeOver(): Promise<Replica<State, Input, Effect> | undefined> {
    this.#ending = true;
    await this.#opening;
    return this.#follower?.take();
  }

  async close(): Promise<void> {
    await this.takeOver();
  }

  async #open(from: Pick<LoadOptions, 'snapshotUpTo'>): Promise<void> {
    let told = false;
    while (!this.#ending) {
      const failure = await this.#openOnce(from);
      if (failure === undefined) return;
      if (!isOvercome(failure)) return this.#options.onUnusable(failure.message);
      if (!told) this.#options.onTrouble(failure);
      told = true;
      await (this.#options.timers ?? systemTimers).wait(RETRY_MS);
    }
  }

  async #openOnce(from: Pick<LoadOptions, 'snapshotUpTo'>): Promise<Failure | undefined> {
    const options = {
      ...this.#options,
      onEffect: () => undefined,
      onReset: () => this.#options.onReplaced(),
      onTrouble: (failure: Failure) => this.#troubled(failure),
    };
    let opened = await Follower.open(options, from);
    // The snapshots that both agreed on may be gone: then any is better than none.
    if (!opened.ok && opened.failure.code !== 'unavailable' && from.snapshotUpTo !== undefined) {
      opened = await Follower.open(options);
    }
    if (!opened.ok) return opened.failure;
    this.#follower = opened.value;
    this.#options.onReplaced();
    return undefined;
  }

  #troubled(failure: Failure): void {
    if (isOvercome(failure)) this.#options.onTrouble(failure);
    else this.#options.onUnusable(failure.message);
  }
}

/** It passes, or whoever leads next overcomes it. */
const isOvercome = ({ code }: Failure): boolean =>
  code === 'unavailable' || code === 'booksDamaged';

// Owns a principal's stream of status updates in a test: what was written in order, and each framework's durable reader,
// which goes on where the session before it has acknowledged.
import { type ClusterName, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { UpdateReader, UpdateReaderOptions } from '@parley/scheduler-sdk/scheduler-ports';
import type { VirtualClock } from './virtual-clock.ts';

export type StoredUpdate = {
  readonly sequence: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly update: StatusUpdate;
};

/** As a server made it: any time but 0, which stands for no stream. */
export const STREAM_CREATED_MS = 1;
/** What a reader does not acknowledge comes again after so long. */
const REDELIVER_MS = 30_000;

export class MemoryUpdates {
  readonly stored: StoredUpdate[] = [];
  readonly #cluster: ClusterName;
  readonly #clock: VirtualClock;
  readonly #listeners = new Set<(stored: StoredUpdate) => void>();
  /** By framework: sequences acknowledged. */
  readonly #acknowledged = new Map<string, Set<number>>();
  /** By sequence: when it was delivered, ascending. An update is one framework's. */
  readonly #deliveriesMs = new Map<number, number[]>();

  constructor(cluster: ClusterName, clock: VirtualClock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  append(update: StatusUpdate): StoredUpdate {
    const source = update.source === 'master' ? 'master' : update.agentId;
    const parameters = { source, ...update.task };
    const message = encodeMessage(SUBJECTS.update, this.#cluster, parameters, update);
    const stored = { sequence: this.stored.length + 1, update, ...message };
    this.stored.push(stored);
    for (const listener of [...this.#listeners]) listener(stored);
    return stored;
  }

  /** Hears what is written from now on. */
  onStored(listener: (stored: StoredUpdate) => void): void {
    this.#listeners.add(listener);
  }

  isAcknowledged(framework: FrameworkRef, sequence: number): boolean {
    return this.#acknowledgedBy(framework).has(sequence);
  }

  /** Undefined when it was not delivered at or after this time. */
  firstDeliveryMs(sequence: number, sinceMs: number): number | undefined {
    return this.#deliveriesMs.get(sequence)?.find((atMs) => atMs >= sinceMs);
  }

  /** `isThere`: whether anything reaches the reader now. */
  open(options: UpdateReaderOptions, isThere: () => boolean): UpdateReader {
    const acknowledged = this.#acknowledgedBy(options.framework);
    const isOwn = ({ update }: StoredUpdate): boolean =>
      frameworkKey(update.task) === frameworkKey(options.framework);
    let isOpen = true;
    let awaited: number | undefined;
    const deliver = (stored: StoredUpdate): void => {
      if (!isOpen || !isOwn(stored) || acknowledged.has(stored.sequence)) return;
      if (isThere()) {
        this.#delivered(stored.sequence);
        options.onMessage(positionOf(stored.sequence), stored.subject, stored.bytes);
      }
      this.#clock.startTimer(REDELIVER_MS, () => deliver(stored));
    };
    const tellCaughtUp = (): void => {
      if (!isOpen || awaited === undefined || awaited > this.stored.length) return;
      awaited = undefined;
      options.onCaughtUp(positionOf(this.stored.length));
    };
    const listener = (stored: StoredUpdate): void => {
      this.#clock.startTimer(0, () => {
        deliver(stored);
        tellCaughtUp();
      });
    };
    this.#listeners.add(listener);
    // What was acknowledged is not handed over again, wherever it lies.
    options.onBegin?.(positionOf(Math.max(0, ...acknowledged)));
    for (const stored of this.stored) listener(stored);
    return {
      acknowledge: (sequence) => void acknowledged.add(sequence),
      catchUp: (sequence) => {
        awaited = sequence;
        this.#clock.startTimer(0, tellCaughtUp);
      },
      close: async () => {
        isOpen = false;
        this.#listeners.delete(listener);
      },
    };
  }

  #delivered(sequence: number): void {
    const deliveries = this.#deliveriesMs.get(sequence) ?? [];
    this.#deliveriesMs.set(sequence, deliveries);
    deliveries.push(this.#clock.nowMs());
  }

  #acknowledgedBy(framework: FrameworkRef): Set<number> {
    const key = frameworkKey(framework);
    const known = this.#acknowledged.get(key) ?? new Set();
    this.#acknowledged.set(key, known);
    return known;
  }
}

const positionOf = (sequence: number): { streamCreatedMs: number; sequence: number } => ({
  streamCreatedMs: STREAM_CREATED_MS,
  sequence,
});

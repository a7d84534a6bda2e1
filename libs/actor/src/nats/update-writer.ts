// Owns writing one status update to its principal's stream. A stream that acknowledged one may still lose it (deleted,
// restored from an old copy), so agents keep updates until a leader says that they are journalled; when to forget or
// write again is `judgeUpdate`. Agents have no JetStream API: the acknowledgement names a sequence, and only the
// leader's watermarks tell which creation of the stream it was.

import type { Watermarks } from '@parley/protocol/broadcasts';
import { fail, type Outcome } from '@parley/protocol/errors';
import type { NatsConnection } from 'nats';
import { store, storeOutcome } from './jetstream-requests.ts';

export interface UpdateWriter {
  /**
   * Stores once; the value is the sequence in the stream. Fails with `diskFull` or `unavailable`: write again later
   * (it may be stored twice then; readers drop duplicates by source, task and sequence number).
   */
  write(subject: string, bytes: Uint8Array): Promise<Outcome<{ sequence: number }>>;
}

export class NatsUpdateWriter implements UpdateWriter {
  readonly #connection: NatsConnection;
  readonly #isConnected: () => boolean;

  constructor(connection: NatsConnection, isConnected: () => boolean) {
    this.#connection = connection;
    this.#isConnected = isConnected;
  }

  async write(subject: string, bytes: Uint8Array): Promise<Outcome<{ sequence: number }>> {
    // Otherwise it would wait in the client's buffer and be written again beside it.
    if (!this.#isConnected()) return fail('unavailable', 'not connected to the bus');
    return storeOutcome(await store(this.#connection, subject, bytes));
  }
}

/** What an agent remembers about an update that its stream acknowledged. */
export type AcknowledgedUpdate = {
  readonly sequence: number;
  /**
   * `createdMs` of the principal's newest watermark when the update was sent; undefined when there was none yet.
   * A stream that was made anew since shows as another one.
   */
  readonly createdMs: number | undefined;
};

/**
 * `forget`: journalled. `keep`: not yet. `writeAgain`: the stream is not, or may not be, the one that acknowledged it.
 * An update that was sent before the first watermark came is written again once: the agent cannot know better.
 */
export function judgeUpdate(
  update: AcknowledgedUpdate,
  watermark: Watermarks['streams'][number],
): 'forget' | 'keep' | 'writeAgain' {
  if (update.createdMs !== watermark.createdMs) return 'writeAgain';
  return update.sequence <= watermark.sequence ? 'forget' : 'keep';
}

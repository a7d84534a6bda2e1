// Owns a bus in memory for tests: keeps what is published and hands in what others would send.
import type { Bus, BusMessage, BusSubscription } from '@parley/actor/bus';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, type Received } from '@parley/protocol/message';
import type { SubjectEntry } from '@parley/protocol/subject-entry';

export class RecordingBus implements Bus {
  connected = true;
  #sent: { readonly subject: string; readonly bytes: Uint8Array }[] = [];
  readonly #handlers = new Map<string, (message: BusMessage) => void>();

  publish(subject: string, bytes: Uint8Array): Outcome<undefined> {
    if (!this.connected) return fail('unavailable', 'not connected to the bus');
    this.#sent.push({ subject, bytes });
    return succeed(undefined);
  }

  request(subject: string): Promise<Outcome<Uint8Array>> {
    return Promise.resolve(fail('unavailable', `nobody answers on ${subject}`));
  }

  /** Subjects without wildcards only. */
  subscribe(pattern: string, handler: (message: BusMessage) => void): BusSubscription {
    this.#handlers.set(pattern, handler);
    return { close: () => this.#handlers.delete(pattern) };
  }

  /** Hands a message in; the value is what was answered. */
  deliver(subject: string, bytes: Uint8Array): Uint8Array | undefined {
    let answer: Uint8Array | undefined;
    this.#handlers.get(subject)?.({
      subject,
      bytes,
      respond: (given) => {
        answer = given;
        return succeed(undefined);
      },
    });
    return answer;
  }

  /** Everything of this kind that was published, in order. */
  sent<Entry extends SubjectEntry>(entry: Entry, cluster: ClusterName): Received<Entry>[] {
    return this.#sent.flatMap(({ subject, bytes }) => {
      const message = decodeMessage(entry, cluster, subject, bytes);
      return message.ok ? [message.value] : [];
    });
  }
}

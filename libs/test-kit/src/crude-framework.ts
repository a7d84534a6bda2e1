// Owns a framework without manners, for the test kit's own tests: it speaks the protocol by hand and keeps to none of the
// rules that the SDK keeps. What it does wrong, its user decides.

import { FrameworkId, type FrameworkRef, RoleName } from '@parley/protocol/ids';
import { decodeAnswer, decodeMessage, encodeMessage } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription } from '@parley/protocol/tasks';
import type {
  SchedulerBus,
  SchedulerPorts,
  UpdateReader,
} from '@parley/scheduler-sdk/scheduler-ports';

const ANSWER_MS = 5000;
const HEARTBEAT_MS = 5000;

export class CrudeFramework {
  readonly offers: Offer[] = [];
  readonly framework: FrameworkRef;
  readonly #ports: SchedulerPorts;
  readonly #bus: SchedulerBus;
  #reader: UpdateReader | undefined;
  #session = 0;
  #counter = 0;
  #confirmed = 0;

  constructor(ports: SchedulerPorts, options: { readonly acknowledges: boolean }) {
    this.#ports = ports;
    this.framework = { principal: ports.principal, frameworkId: FrameworkId.parse('crude') };
    this.#bus = ports.openBus({
      onConnectedChange: () => undefined,
      onTrouble: () => undefined,
      onClosed: () => undefined,
    });
    const { cluster } = ports;
    this.#bus.subscribe(wildcardOf(SUBJECTS.offers, cluster, this.framework), (message) => {
      const received = decodeMessage(SUBJECTS.offers, cluster, message.subject, message.bytes);
      if (!received.ok) return;
      this.#confirmed = received.value.body.number;
      this.offers.push(...received.value.body.offers);
    });
    // Rescinds are numbered too; it counts them, and does not care what they say.
    this.#bus.subscribe(wildcardOf(SUBJECTS.rescind, cluster, this.framework), () => {
      this.#confirmed += 1;
    });
    this.#read(options.acknowledges);
  }

  async subscribe(): Promise<void> {
    const roles = [RoleName.parse('*')];
    const answer = await this.#ask(SUBJECTS.subscribe, {}, { name: 'crude', roles });
    const { session, heartbeatIntervalMs } = SUBJECTS.subscribe.reply?.parse(answer) ?? {
      session: 0,
      heartbeatIntervalMs: HEARTBEAT_MS,
    };
    this.#session = session;
    this.#beat(heartbeatIntervalMs);
  }

  /** Whatever has become of the offer. Undefined when it is refused as a whole. */
  accept({ offerId }: Offer, tasks: readonly TaskDescription[]): Promise<unknown> {
    const operations = [{ kind: 'launch', tasks: [...tasks] } as const];
    return this.#ask(SUBJECTS.accept, { offerId }, { offerIds: [offerId], operations });
  }

  revive(): Promise<unknown> {
    return this.#ask(SUBJECTS.revive, {}, {});
  }

  #read(acknowledges: boolean): void {
    this.#reader = this.#ports.openUpdates({
      framework: this.framework,
      session: 1,
      onMessage: ({ sequence }) => {
        if (acknowledges) this.#reader?.acknowledge(sequence);
      },
      onCaughtUp: () => undefined,
      onTrouble: () => undefined,
    });
  }

  #beat(everyMs: number): void {
    const { cluster, clock } = this.#ports;
    const body = { session: this.#session, confirmed: this.#confirmed };
    const message = encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, this.framework, body);
    this.#bus.publish(message.subject, message.bytes);
    clock.startTimer(everyMs, () => this.#beat(everyMs));
  }

  async #ask(
    entry: typeof SUBJECTS.subscribe | typeof SUBJECTS.accept | typeof SUBJECTS.revive,
    more: { readonly offerId?: Offer['offerId'] },
    body: object,
  ): Promise<unknown> {
    this.#counter += 1;
    const request = { session: 'by-hand', counter: this.#counter, lowest: this.#counter };
    const header = { request, ...(this.#session > 0 && { frameworkSession: this.#session }) };
    const parameters = { ...this.framework, ...more };
    // The entry and its body are put together above.
    const { subject, bytes } = encodeMessage(
      entry as typeof SUBJECTS.accept,
      this.#ports.cluster,
      parameters as Parameters<typeof encodeMessage<typeof SUBJECTS.accept>>[2],
      body as Parameters<typeof encodeMessage<typeof SUBJECTS.accept>>[3],
      header,
    );
    const reply = await this.#bus.request(subject, bytes, ANSWER_MS);
    if (!reply.ok) throw new Error(reply.failure.message);
    const answer = decodeAnswer(entry, reply.value);
    return answer.ok && answer.value.answer.ok ? answer.value.answer.value : undefined;
  }
}

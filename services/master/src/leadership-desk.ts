// Owns what operators ask about the leadership itself: who leads, who stands by, and the leader's stepping down. Open
// only while this master leads, so that otherwise "nobody answers" comes at once. Nothing of this is journalled.
import type { Bus, BusSubscription } from '@parley/actor/bus';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import type { MasterList, StepDownResult } from '@parley/protocol/leadership';
import { decodeMessage, encodeAnswer } from '@parley/protocol/message';
import { type BodyOf, type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

export type LeadershipDeskOptions = {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly cluster: ClusterName;
  /** Undefined: this master does not lead. */
  readonly list: () => MasterList | undefined;
  readonly stepDown: (epoch: Epoch) => Outcome<StepDownResult>;
};

export class LeadershipDesk {
  readonly #options: LeadershipDeskOptions;
  #subscriptions: BusSubscription[] = [];

  constructor(options: LeadershipDeskOptions) {
    this.#options = options;
  }

  open(): void {
    const { list, stepDown } = this.#options;
    this.close();
    this.#subscriptions = [
      this.#answer(SUBJECTS.masterList, () => {
        const value = list();
        return value === undefined
          ? fail('unavailable', 'this master does not lead')
          : { ok: true, value };
      }),
      this.#answer(SUBJECTS.stepDown, ({ epoch }) => stepDown(epoch)),
    ];
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
    this.#subscriptions = [];
  }

  #answer<Entry extends SubjectEntry>(
    entry: Entry,
    answer: (body: BodyOf<Entry>) => Outcome<unknown>,
  ): BusSubscription {
    const { bus, cluster } = this.#options;
    return bus.subscribe(wildcardOf(entry, cluster), ({ subject, bytes, respond }) => {
      const request = decodeMessage(entry, cluster, subject, bytes);
      respond(encodeAnswer(request.ok ? answer(request.value.body) : request));
    });
  }
}

// Owns the order in which a batch of a principal's stream is taken in: agents hear of what is damaged before its place
// counts as read, so that whoever leads next, and knows nothing of it, lets nobody forget what was never told.
import type { Clock } from '@parley/actor/clock';
import type { Timers } from '@parley/actor/timers';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { MasterActor } from './master-actor.ts';
import { isDamageOfAgents, readUpdates, type UpdateBatch } from './update-batch.ts';

/** An agent that knows its acknowledgement no sooner hears of the damage by the second telling. */
const TELL_AGAIN_MS = 1000;
const QUEUE_FULL_WAIT_MS = 50;

export type UpdateIntake = {
  readonly cluster: ClusterName;
  readonly principal: PrincipalName;
  readonly actor: Pick<MasterActor, 'updatesPassedOver' | 'tellDamaged' | 'updatesRead'>;
  /** What the actor wants done. */
  readonly carryOut: () => void;
  readonly isOver: () => boolean;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'wait'>;
};

/** Waits while the queue is full: the reader then reads no further. */
export async function takeIn(intake: UpdateIntake, batch: UpdateBatch): Promise<void> {
  const { cluster, principal, actor, carryOut, isOver, clock, timers } = intake;
  const { inputs, passedOver } = readUpdates(cluster, principal, batch);
  if (passedOver.length > 0) {
    const stream = { principal, createdMs: batch.streamCreatedMs };
    actor.updatesPassedOver(stream, passedOver, clock.nowMs());
    carryOut();
    if (passedOver.some(isDamageOfAgents)) {
      await timers.wait(TELL_AGAIN_MS);
      if (isOver()) return;
      actor.tellDamaged(stream, passedOver);
      carryOut();
    }
  }
  for (const input of inputs) {
    while (!isOver() && !actor.updatesRead(input, clock.nowMs())) {
      await timers.wait(QUEUE_FULL_WAIT_MS);
    }
  }
}

// Owns which orders an agent listens to at all: those of no earlier term than it has heard of, while it is not leaving.
import type { Epoch } from '@parley/protocol/epoch';
import type { Departure } from './departure.ts';
import { refuse } from './order-desk.ts';
import type { Registration } from './registration.ts';
import type { Instant, ReplyHandle, SupervisorEffect } from './supervisor-messages.ts';

/** What the answer depends on. */
export type AdmissionDesk = {
  readonly registration: Registration;
  readonly departure: Departure;
};

/** False: it is refused. */
export function admits(
  { registration, departure }: AdmissionDesk,
  input: { readonly epoch: Epoch; readonly reply: ReplyHandle },
  now: Instant,
  out: SupervisorEffect[],
): boolean {
  if (!registration.heard(input.epoch, now.nowMs)) {
    const { bucketCreatedMs, revision } = registration.epoch;
    const term = `${bucketCreatedMs}/${revision}`;
    refuse(input.reply, 'staleEpoch', `a leader of the later term ${term} was heard`, out);
    return false;
  }
  const { why } = departure;
  if (why === undefined) return true;
  refuse(input.reply, 'agentGone', why, out);
  return false;
}

// Owns where a framework runs its jobs, as it sees it: a clock, and a desk for its calls. One is in virtual time, the other in a
// real cluster (virtual-place.ts, real-place.ts).
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { Listener } from '../virtual/virtual-cluster.ts';

export type JobTask = {
  readonly taskId: string;
  readonly resources: Resources;
  /** It sleeps so long. */
  readonly lengthMs: number;
};

export type JobDesk = {
  readonly demand: (
    needs: readonly { readonly count: number; readonly resources: Resources }[],
  ) => void;
  /** Offered again whenever somebody wants it. */
  readonly decline: (offer: Offer) => void;
  /** What is left of the offer is declined. A launch that fails is told as an update, `dropped`. */
  readonly launch: (offer: Offer, tasks: readonly JobTask[]) => void;
};

export type JobPlace = {
  /** Since it began. */
  readonly nowMs: number;
  readonly after: (ms: number, act: () => void) => void;
  /** In a role of its own. */
  readonly join: (name: string, listener: Listener) => JobDesk;
};

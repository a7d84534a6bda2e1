// Owns why something is not placed, as data: what `explain` shows, and which of the protocol's reasons a declined offer gets.
import type { Constraint } from '@parley/protocol/constraints';
import type { ReservationId, RoleName, VolumeId } from '@parley/protocol/ids';
import type { DeclineReason } from '@parley/protocol/offers';
import { unreachable } from '@parley/protocol/unreachable';

/** Why a need does not fit into an offer. Amounts in thousandths, as in resources. */
export type Misfit =
  | {
      readonly kind: 'scalar';
      readonly name: string;
      readonly missingMilli: number;
      /** Of what is revocable. */
      readonly isRevocable?: true;
    }
  /** Ports that are named and not free, or how many too few are. */
  | { readonly kind: 'ports'; readonly missing: number }
  | { readonly kind: 'set'; readonly name: string; readonly missing: readonly string[] }
  /** It would fit with what is reserved for others, or for something else. */
  | { readonly kind: 'reserved'; readonly reservationId: ReservationId }
  | { readonly kind: 'reservation'; readonly reservationId: ReservationId }
  | { readonly kind: 'volume'; readonly volumeId: VolumeId }
  | { readonly kind: 'role'; readonly wanted: RoleName; readonly offered: RoleName }
  | { readonly kind: 'constraint'; readonly constraint: Constraint };

export type PlacementReason =
  | Misfit
  /** So many of its group are already where `name` has this value. */
  | { readonly kind: 'maxPer'; readonly name: string; readonly value: string; readonly max: number }
  /** It waits for a place nearer to its data, until then. */
  | { readonly kind: 'locality'; readonly level: string; readonly untilMs: number }
  /** A strategy of the framework's own. */
  | { readonly kind: 'custom'; readonly text: string };

/** A kind of reason, how many agents gave it, and one example. */
export type ReasonCount = {
  readonly kind: PlacementReason['kind'];
  readonly agents: number;
  readonly example: PlacementReason;
};

/** By kind (and resource), most frequent first. For scalars the example is the one that misses least. */
export function countReasons(reasons: Iterable<PlacementReason>): ReasonCount[] {
  const counts = new Map<string, { agents: number; example: PlacementReason }>();
  for (const reason of reasons) {
    const name = 'name' in reason ? `${reason.kind} ${reason.name}` : reason.kind;
    const known = counts.get(name);
    if (known === undefined) counts.set(name, { agents: 1, example: reason });
    else {
      known.agents += 1;
      if (isNearer(reason, known.example)) known.example = reason;
    }
  }
  return [...counts.values()]
    .map(({ agents, example }) => ({ kind: example.kind, agents, example }))
    .sort((a, b) => b.agents - a.agents);
}

function isNearer(reason: PlacementReason, than: PlacementReason): boolean {
  return (
    reason.kind === 'scalar' && than.kind === 'scalar' && reason.missingMilli < than.missingMilli
  );
}

export function declineReasonOf(reason: PlacementReason): DeclineReason {
  switch (reason.kind) {
    case 'scalar':
    case 'ports':
    case 'set':
    case 'volume':
      return 'tooSmall';
    case 'reserved':
    case 'reservation':
    case 'role':
      return 'notAllowed';
    case 'constraint':
      return 'constraints';
    case 'maxPer':
      return 'spreading';
    case 'locality':
      return 'locality';
    case 'custom':
      return 'other';
    default:
      return unreachable(reason);
  }
}

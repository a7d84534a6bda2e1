// Owns what is left of an offer while tasks are taken out of it: the ordinary part, and the part that is revocable, of
// which revocable tasks have their scalars. Reservations are not in it. Pure.
import type { Offer } from '@parley/protocol/offers';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { trySubtract } from '@parley/resources/resources';

export type OfferRest = {
  /** Not reserved. */
  readonly ordinary: Resources;
  /** Scalars. */
  readonly revocable: Resources;
};

export const restOf = ({ resources, revocable }: Offer): OfferRest => ({
  ordinary: resources,
  revocable: revocable ?? NO_RESOURCES,
});

/** Of a revocable task: which part each of its resources comes from. */
export const partsOf = ({ scalars, ports, sets }: Resources): OfferRest => ({
  ordinary: { ...NO_RESOURCES, ports, sets },
  revocable: { ...NO_RESOURCES, scalars },
});

/** What is left then; undefined when it does not fit. */
export function takeFrom(
  rest: OfferRest,
  need: { readonly resources: Resources; readonly revocable?: boolean | undefined },
): OfferRest | undefined {
  const wanted =
    need.revocable === true
      ? partsOf(need.resources)
      : { ordinary: need.resources, revocable: NO_RESOURCES };
  const ordinary = trySubtract(rest.ordinary, wanted.ordinary);
  const revocable = trySubtract(rest.revocable, wanted.revocable);
  return ordinary && revocable && { ordinary, revocable };
}

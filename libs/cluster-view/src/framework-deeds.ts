// Owns what a framework did with what it was offered, and since when: numbers that a fold of events keeps of each. What was
// before the view was begun is not in them. Pure; runs in a browser.

/** Times in core time. */
export type FrameworkDeeds = {
  readonly offered: number;
  readonly accepted: number;
  readonly declined: number;
  readonly rescinded: number;
  readonly lastOfferAtMs?: number;
  /** How many it declined for each reason that it gave. */
  readonly declinedBecause: Readonly<Record<string, number>>;
  /** When a task of it last changed. */
  readonly lastUpdateAtMs?: number;
};
export type Outcome = 'accepted' | 'declined' | 'rescinded';

export const NO_DEEDS: FrameworkDeeds = {
  ...{ offered: 0, accepted: 0, declined: 0, rescinded: 0 },
  declinedBecause: {},
};

export const wasOffered = (deeds: FrameworkDeeds, atMs: number): FrameworkDeeds => ({
  ...deeds,
  offered: deeds.offered + 1,
  lastOfferAtMs: atMs,
});

/** `reason`: of what was declined, where it gave one. */
export function answered(
  deeds: FrameworkDeeds,
  outcome: Outcome,
  reason: string | undefined,
): FrameworkDeeds {
  const counted = { ...deeds, [outcome]: deeds[outcome] + 1 };
  if (outcome !== 'declined' || reason === undefined) return counted;
  const { declinedBecause } = deeds;
  const count = (declinedBecause[reason] ?? 0) + 1;
  return { ...counted, declinedBecause: { ...declinedBecause, [reason]: count } };
}

/** Of what it has answered; undefined while it has answered nothing. */
export function acceptedPart({ accepted, declined }: FrameworkDeeds): number | undefined {
  const all = accepted + declined;
  return all === 0 ? undefined : accepted / all;
}

/** The reason that it gave most often. */
export const commonestReason = ({ declinedBecause }: FrameworkDeeds): string | undefined =>
  Object.entries(declinedBecause).sort((a, b) => b[1] - a[1])[0]?.[0];

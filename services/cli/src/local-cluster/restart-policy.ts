// Owns the decision of when a service that ended unasked is started again, and when no more. Pure.

/** An agent that an operator declared gone ends its tasks and then itself, with this exit code. */
export const AGENT_GONE_EXIT_CODE = 3;

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number }
  /** It must not run again, and that is no fault. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'giveUp'; readonly ends: number };

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;
/** Ends longer ago than this are forgiven. */
const WINDOW_MS = 120_000;
const MAX_ENDS = 8;

/** `endsMs`: when it ended unasked so far, this time included; newest last. `isFinal`: it said that it is done. */
export function decideRestart(
  endsMs: readonly number[],
  nowMs: number,
  isFinal = false,
): RestartDecision {
  if (isFinal) return { kind: 'leave' };
  const recent = endsMs.filter((endMs) => nowMs - endMs < WINDOW_MS).length;
  if (recent > MAX_ENDS) return { kind: 'giveUp', ends: recent };
  const doublings = Math.max(recent - 1, 0);
  return { kind: 'restart', delayMs: Math.min(FIRST_DELAY_MS * 2 ** doublings, MAX_DELAY_MS) };
}

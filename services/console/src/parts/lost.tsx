// Owns what is said when the page hears nothing any more: what is shown stays, with its age.
import { nowMs } from '../data/clock.ts';
import { lostSinceMs } from '../data/live.ts';
import { useOverview } from '../data/rows.ts';
import { steadyMs } from '../effects.ts';
import { showDuration } from '../format/times.ts';

/** A gateway that is started again is back before anybody need know. */
const QUIET_MS = 1500;
const STALE_MS = 2000;

export function Lost() {
  // Read so that the age goes on.
  void nowMs.value;
  const staleMs = useOverview()?.staleMs ?? 0;
  const lostMs = lostSinceMs.value === undefined ? 0 : steadyMs() - lostSinceMs.value;
  if (lostMs > QUIET_MS)
    return (
      <span role="status" class="lost">
        ⚠ the gateway is away; what you see is {showDuration(lostMs)} old
      </span>
    );
  if (staleMs > STALE_MS)
    return (
      <span role="status" class="lost">
        ⚠ the gateway cannot follow the cluster; what you see is {showDuration(staleMs)} old
      </span>
    );
  return null;
}

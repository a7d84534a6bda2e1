// Owns how a moment is shown: how long ago, with the whole time on hover.
import { nowMs, toWallMs } from '../data/clock.ts';
import { showAgo, showDuration, showIso } from '../format/times.ts';

/** `coreMs`: in the time of the books. */
export function When({ coreMs }: { readonly coreMs: number | undefined }) {
  const wallMs = coreMs === undefined ? undefined : toWallMs(coreMs);
  if (wallMs === undefined) return <span class="soft">–</span>;
  return <WhenWall wallMs={wallMs} />;
}

export const WhenWall = ({ wallMs }: { readonly wallMs: number }) => (
  <time dateTime={showIso(wallMs)} title={showIso(wallMs)}>
    {showAgo(wallMs, nowMs.value)}
  </time>
);

/** Between two times of the books; to now where the second is not there. */
export function Lasting({
  fromMs,
  toMs,
}: {
  readonly fromMs: number | undefined;
  readonly toMs?: number | undefined;
}) {
  const from = fromMs === undefined ? undefined : toWallMs(fromMs);
  const to = toMs === undefined ? nowMs.value : toWallMs(toMs);
  if (from === undefined || to === undefined) return <span class="soft">–</span>;
  return <span>{showDuration(Math.floor((to - from) / 1000) * 1000)}</span>;
}

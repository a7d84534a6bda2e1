// Owns the badge of a framework that wants something and is made no offers: since when, and why, as the allocator says.
import type { FrameworkRow } from '@parley/cluster-view/view';
import { nowMs, toWallMs } from '../data/clock.ts';
import { isPast } from '../data/past.ts';
import { useAsked } from '../data/use-asked.ts';
import { showDuration } from '../format/times.ts';
import { starvedBy, type Why } from './why-sentences.ts';

/** So long without an offer is worth asking about, and asked again so often. */
const QUIET_MS = 15_000;
const LOOK_MS = 10_000;

export function Starved({ row }: { readonly row: FrameworkRow }) {
  const { principal, frameworkId, state, offers, deeds, submittedAtMs } = row;
  const since = toWallMs(deeds?.lastOfferAtMs ?? submittedAtMs ?? Number.NaN);
  const quietMs = since === undefined ? 0 : nowMs.value - since;
  const isQuiet = state === 'subscribed' && offers === 0 && quietMs > QUIET_MS && !isPast.value;
  const path = [principal, frameworkId].map(encodeURIComponent).join('/');
  const { answer } = useAsked<Why>(isQuiet ? `/v1/frameworks/${path}/explain` : undefined, LOOK_MS);
  const why = isQuiet && answer !== undefined ? starvedBy(answer) : undefined;
  if (why === undefined) return null;
  const words = `no offer for ${showDuration(Math.floor(quietMs / 1000) * 1000)}: ${why}`;
  return (
    <span class="badge" title={words}>
      ⚠ {words}
    </span>
  );
}

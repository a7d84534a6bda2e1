// Owns where the lives of offers are drawn: a row for each agent, x is time. Pure.
import type { OfferRow } from '@parley/cluster-view/view';

export type Life = {
  readonly offer: OfferRow;
  readonly row: number;
  readonly x: number;
  readonly width: number;
};
export type Lives = { readonly agents: readonly string[]; readonly lives: readonly Life[] };

const MIN_WIDTH = 2;

/** `fromMs` to `toMs`, in the time of the books, fill `width` pixels; an offer that is outstanding lasts until `toMs`. */
export function livesOf(
  offers: readonly OfferRow[],
  {
    fromMs,
    toMs,
    width,
  }: { readonly fromMs: number; readonly toMs: number; readonly width: number },
): Lives {
  const agents = [...new Set(offers.map(({ agentId }) => agentId))].sort();
  const rows = new Map(agents.map((agentId, row) => [agentId, row]));
  const scale = width / Math.max(1, toMs - fromMs);
  const lives = offers.flatMap((offer) => {
    const end = offer.endedAtMs ?? toMs;
    if (end < fromMs || offer.madeAtMs > toMs) return [];
    const x = Math.max(0, (offer.madeAtMs - fromMs) * scale);
    const right = Math.min(width, (end - fromMs) * scale);
    return [{ offer, row: rows.get(offer.agentId) ?? 0, x, width: Math.max(MIN_WIDTH, right - x) }];
  });
  return { agents, lives };
}

export function lifeAt(
  { lives }: Lives,
  { x, y, rowHeight }: { readonly x: number; readonly y: number; readonly rowHeight: number },
): Life | undefined {
  const row = Math.floor(y / rowHeight);
  return lives.findLast(
    (life) => life.row === row && x >= life.x - 1 && x <= life.x + life.width + 1,
  );
}

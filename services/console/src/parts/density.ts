// Owns how dense events were along the bar of time: what the gateway counted before, and what the page heard since. Pure.

export type Counted = {
  readonly fromMs: number;
  readonly toMs: number;
  /** Events in equal stretches between the two. */
  readonly counts: readonly number[];
};
type Heard = { readonly wallTimeMs: number };

/** In so many equal stretches from `fromMs` to `toMs`. */
export function densityOf(
  counted: Counted | undefined,
  heard: readonly Heard[],
  {
    fromMs,
    toMs,
    buckets,
  }: { readonly fromMs: number; readonly toMs: number; readonly buckets: number },
): number[] {
  const density = new Array<number>(buckets).fill(0);
  const width = Math.max(1, toMs - fromMs) / buckets;
  const add = (wallTimeMs: number, count: number): void => {
    const at = Math.floor((wallTimeMs - fromMs) / width);
    if (at >= 0 && at < buckets) density[at] = (density[at] ?? 0) + count;
  };
  if (counted !== undefined) {
    const step = (counted.toMs - counted.fromMs) / Math.max(1, counted.counts.length);
    for (const [index, count] of counted.counts.entries())
      add(counted.fromMs + (index + 0.5) * step, count);
  }
  const since = counted?.toMs ?? Number.NEGATIVE_INFINITY;
  for (const { wallTimeMs } of heard) if (wallTimeMs > since) add(wallTimeMs, 1);
  return density;
}

export type MarkKind = 'leaderChange' | 'agentLost' | 'frameworkFailover' | 'taskFailed';

/** What stands out, as the gateway has it too. */
export function markOf(
  event: { readonly type: string } & Readonly<Record<string, unknown>>,
): MarkKind | undefined {
  switch (event.type) {
    case 'termStarted':
      return 'leaderChange';
    case 'agentUnreachable':
    case 'agentGone':
      return 'agentLost';
    case 'frameworkDisconnected':
      return 'frameworkFailover';
    case 'taskStateChanged':
      return event['to'] === 'failed' ? 'taskFailed' : undefined;
    default:
      return undefined;
  }
}

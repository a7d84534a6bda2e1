// Owns which snapshots are kept and how far the journal may be purged, as pure rules over what is there. Reading,
// checking and removing is snapshot-keeper.ts's.

export type RetentionLimits = {
  /** The newest good ones; before there are so many, nothing is removed or purged. */
  readonly kept: number;
  /** Between two of those that are kept for the history. */
  readonly historyEveryMs: number;
};

export type DatedSnapshot = {
  readonly sequence: number;
  readonly storedMs: number;
  readonly bytes: number;
};

/**
 * Where the journal may begin: right behind a snapshot, so that a state of any time in the history can be made.
 * `ageLimit`: the first entry that is young enough to stay. `sizeLimit`: the first that fits the journal's size; that is
 * kept even if younger entries go. Never above `newest`, the newest snapshot that may be relied on. Undefined: nothing
 * is to be purged.
 */
export function purgeBase<Snapshot extends DatedSnapshot>(
  snapshots: readonly Snapshot[],
  {
    firstSequence,
    ageLimit,
    sizeLimit,
    newest,
  }: { firstSequence: number; ageLimit: number; sizeLimit: number; newest: number },
): Snapshot | undefined {
  const bases = snapshots
    .filter(({ sequence }) => sequence >= firstSequence && sequence <= newest)
    .sort((a, b) => a.sequence - b.sequence);
  const byAge = bases.findLast(({ sequence }) => sequence < ageLimit);
  if (sizeLimit <= firstSequence) return byAge;
  const bySize = bases.find(({ sequence }) => sequence + 1 >= sizeLimit) ?? bases.at(-1);
  if (byAge === undefined || bySize === undefined) return bySize ?? byAge;
  return bySize.sequence > byAge.sequence ? bySize : byAge;
}

/**
 * Those that stay: the newest, the one below the journal's first entry, and between them one an hour. The hours are
 * counted from the oldest on, so that what was kept once is kept until the history has passed it. `maxBytes` bounds all of them
 * together; those of the history make room first, the oldest before the others.
 */
export function retained<Snapshot extends DatedSnapshot>(
  newestFirst: readonly Snapshot[],
  firstSequence: number,
  { kept, historyEveryMs }: RetentionLimits,
  maxBytes = Number.POSITIVE_INFINITY,
): Set<Snapshot> {
  const newest = newestFirst.slice(0, kept);
  const older = newestFirst.slice(kept).toReversed();
  const anchor = newestFirst.find(({ sequence }) => sequence < firstSequence);
  const history: Snapshot[] = [];
  let dueMs = Number.NEGATIVE_INFINITY;
  for (const snapshot of older) {
    if (anchor !== undefined && snapshot.sequence < anchor.sequence) continue;
    if (snapshot !== anchor && snapshot.storedMs < dueMs) continue;
    history.push(snapshot);
    dueMs = snapshot.storedMs + historyEveryMs;
  }
  const anchorLast = history.toSorted((a, b) => Number(a === anchor) - Number(b === anchor));
  let bytes = [...newest, ...history].reduce((sum, one) => sum + one.bytes, 0);
  const staying = new Set([...newest, ...history]);
  for (const snapshot of anchorLast) {
    if (bytes <= maxBytes) break;
    staying.delete(snapshot);
    bytes -= snapshot.bytes;
  }
  return staying;
}

// Owns putting back what was kept beside lost books: in pieces that the journal takes, and never as if it were all of it
// when it is not. Where it is read is open-books.ts; what it does to the books is libs/cluster (kept-settings.ts).
import type { Input, KeptSetting } from '@parley/cluster/inputs';
import { encode } from '@parley/protocol/codec';
import type { Failure, Outcome } from '@parley/protocol/errors';
import type { ActorLog } from '@parley/telemetry/logger';

type Piece = Extract<Input, { kind: 'settingsRestored' }>;

/** Records in one input, and their bytes: far below what the journal takes at once. */
const MAX_RECORDS = 100;
export const MAX_PIECE_BYTES = 256 * 1024;

/** The inputs that put back what was kept, in order. A record that is larger than a piece may be is one by itself. */
function restoringInputs(kept: readonly KeptSetting[]): Piece[] {
  const pieces: KeptSetting[][] = [[]];
  let bytes = 0;
  for (const item of kept) {
    const size = encode(item).length;
    const last = pieces.at(-1) ?? [];
    const isFull = last.length >= MAX_RECORDS || bytes + size > MAX_PIECE_BYTES;
    if (last.length > 0 && isFull) {
      pieces.push([item]);
      bytes = size;
    } else {
      last.push(item);
      bytes += size;
    }
  }
  return pieces.map((items, index) => ({
    kind: 'settingsRestored',
    items,
    isLast: index === pieces.length - 1,
  }));
}

/**
 * Where a piece is refused the others are put back, but none is the last: what is kept then stays as it is, instead of being
 * overwritten from books that lack a part of it, and the next term tries again.
 */
export function putBack(
  kept: readonly KeptSetting[],
  submit: (input: Input) => Outcome<undefined>,
  logger: ActorLog,
): void {
  const refused: string[] = [];
  let failure: Failure | undefined;
  for (const piece of restoringInputs(kept)) {
    const queued = submit({ ...piece, isLast: piece.isLast && failure === undefined });
    if (queued.ok) continue;
    failure = queued.failure;
    refused.push(...piece.items.map(({ table, key }) => `${table} ${key}`));
  }
  if (failure === undefined) return;
  const some = refused.slice(0, MAX_RECORDS);
  logger.error(
    { failure, refused: refused.length, of: kept.length, records: some },
    'ALARM: a part of what operators had set is not put back into the new books: what is kept of it stays as it was, nothing that is set from now on is kept, and the next term tries again',
  );
}

// Owns the bytes of one part of what is kept beside the books: split over several messages where it is larger than one may
// be, each with a checksum. It does no I/O.

import { beginningOf, readSeal, sealMap } from '@parley/protocol/checksum';
import { decode, encode } from '@parley/protocol/codec';
import { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';
import * as z from 'zod';
import { KeptSetting } from './inputs.ts';

/** Of the records in one message: below what a bucket and the bus take. One record is smaller always. */
const MAX_PIECE_BYTES = 512 * 1024;

const Piece = z.object({
  /** Of the last entry of the journal that is in it. */
  sequence: z.int(),
  /** Of its term; absent in what an earlier release wrote. How late that is nobody knows: it counts as the latest. */
  epoch: Epoch.optional(),
  items: z.array(KeptSetting),
  /** In the first of several: how many there are. Those beyond are of an earlier time. */
  pieces: z.int().min(2).optional(),
});
export type Piece = z.infer<typeof Piece>;

/** How pieces of releases begin that knew no checksum. */
const WITHOUT_CHECKSUM = [
  beginningOf(2, 'sequence'),
  beginningOf(3, 'epoch'),
  beginningOf(3, 'sequence'),
];

/** At least one, which may be empty. In the order of the items. */
export function piecesOf(
  items: readonly KeptSetting[],
  maxBytes = MAX_PIECE_BYTES,
): KeptSetting[][] {
  const pieces: KeptSetting[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const size = encode(item).length;
    const last = pieces.at(-1) ?? [];
    if (last.length > 0 && bytes + size > maxBytes) {
      pieces.push([item]);
      bytes = size;
    } else {
      last.push(item);
      bytes += size;
    }
  }
  return pieces;
}

export const encodePiece = (piece: Piece): Uint8Array => sealMap(encode(piece));

/** Fails with `malformed`: it is not what was written. */
export function decodePiece(bytes: Uint8Array): Outcome<Piece> {
  const sealed = readSeal(bytes, WITHOUT_CHECKSUM);
  if (!sealed.ok) return sealed;
  try {
    const piece = Piece.safeParse(decode(bytes));
    if (piece.success) return succeed(piece.data);
    return fail('malformed', describeIssues('what is kept', piece.error));
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}

// Owns the form of a recorded journal: the entries as a release wrote them, snapshots taken on the way, and the state's hash
// now and then, in one compressed file. `node test/integration/src/record-journal.ts` writes one.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { decode, encode } from '@parley/protocol/codec';
import * as z from 'zod';

const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);

const Recording = z.object({
  rulesVersion: z.int(),
  entries: z.array(Bytes),
  /** Of the state after an entry. */
  hashes: z.array(z.object({ sequence: z.int(), hash: z.string() })),
  snapshots: z.array(
    z.object({
      sequence: z.int(),
      manifest: Bytes,
      parts: z.array(Bytes),
    }),
  ),
});
export type Recording = z.infer<typeof Recording>;

export const RECORDED = path.join(import.meta.dirname, '..', 'recorded');

export const readRecording = (file: string): Recording =>
  Recording.parse(decode(brotliDecompressSync(readFileSync(path.join(RECORDED, file)))));

export function writeRecording(file: string, recording: Recording): number {
  const bytes = encode(recording);
  const compressed = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  writeFileSync(path.join(RECORDED, file), compressed);
  return compressed.length;
}

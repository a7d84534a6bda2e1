// Owns looking for bytes in a file: so much a request, so that nobody's search holds an agent up. Who asked goes on from
// `next`. Bytes as they are, and no pattern: what a pattern costs is up to whoever writes it.
import type { FileHandle } from 'node:fs/promises';
import type { FilesAsk, FilesResult } from '@parley/protocol/task-files';
import { readAt, sizeOf } from './file-read.ts';

export type Search = Pick<Extract<FilesAsk, { kind: 'search' }>, 'text' | 'offset' | 'maxMatches'>;
export type Searched = Pick<Extract<FilesResult, { kind: 'search' }>, 'matches' | 'next' | 'size'>;
type Match = Searched['matches'][number];

const CHUNK_BYTES = 256 * 1024;
/** Of one request. */
const MAX_SEARCHED_BYTES = 32 * 1024 * 1024;
const MAX_SEARCH_MS = 250;
/** Of a line, before the match and behind it. */
const AROUND_BYTES = 256;
const NEWLINE = 0x0a;

export async function searchFile(
  handle: FileHandle,
  { text, offset, maxMatches }: Search,
  nowMs: () => number,
): Promise<Searched> {
  const { size } = await sizeOf(handle);
  const needle = Buffer.from(text);
  const limit = Math.min(size, offset + MAX_SEARCHED_BYTES);
  const untilMs = nowMs() + MAX_SEARCH_MS;
  const matches: Match[] = [];
  let next = Math.min(offset, size);
  while (next < limit && nowMs() < untilMs) {
    // A match may begin in this chunk and end in the one behind it.
    const chunk = await readAt(handle, next, CHUNK_BYTES + needle.length - 1);
    if (chunk.length === 0) break;
    const at = chunk.indexOf(needle);
    if (at < 0) {
      next += Math.min(chunk.length, CHUNK_BYTES);
      continue;
    }
    matches.push(await matchAt(handle, next + at, needle.length));
    // One a line, as far as a line goes on in this chunk.
    const newline = chunk.indexOf(NEWLINE, at + needle.length - 1);
    next += newline < 0 ? Math.min(chunk.length, CHUNK_BYTES) : newline + 1;
    if (matches.length >= maxMatches) break;
  }
  return { matches, next, size };
}

async function matchAt(handle: FileHandle, offset: number, length: number): Promise<Match> {
  const begin = Math.max(0, offset - AROUND_BYTES);
  const around = await readAt(handle, begin, offset - begin + length + AROUND_BYTES);
  const at = offset - begin;
  const before = at === 0 ? -1 : around.lastIndexOf(NEWLINE, at - 1);
  const behind = around.indexOf(NEWLINE, at + length - 1);
  const line = around.subarray(before + 1, behind < 0 ? around.length : behind);
  return { offset, line: Uint8Array.from(line), lineOffset: begin + before + 1 };
}

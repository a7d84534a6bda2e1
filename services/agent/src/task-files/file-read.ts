// Owns reading a piece of a file that grows, shrinks and has holes while it is read.
import type { FileHandle } from 'node:fs/promises';
import { type FilesResult, MAX_READ_BYTES } from '@parley/protocol/task-files';

/** `size`: when it was read. */
export type Piece = Pick<Extract<FilesResult, { kind: 'read' }>, 'data' | 'offset' | 'size'>;

/** What is punched out of a file, and what never was in it, goes by whole blocks of this size. */
const BLOCK_BYTES = 4096;
/** Of one request, through a hole: some 20 ms. */
const MAX_SKIPPED_BYTES = 64 * 1024 * 1024;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** `offset`: negative counts from the end; behind the end is the end, and what is not kept is passed over. At most 512 KiB. */
export async function readPiece(
  handle: FileHandle,
  asked: { readonly offset: number; readonly maxBytes: number; readonly firstKept?: number },
): Promise<Piece> {
  const { size, blocks } = await sizeOf(handle);
  const wanted = asked.offset < 0 ? size + asked.offset : asked.offset;
  const begin = Math.min(Math.max(asked.firstKept ?? 0, wanted), size);
  // stat(2): blocks are of 512 bytes whatever the file system's are.
  const hasHole = blocks * 512 < Math.floor(size / BLOCK_BYTES) * BLOCK_BYTES;
  const offset = hasHole ? await behindHole(handle, begin, size) : begin;
  const length = Math.min(asked.maxBytes, MAX_READ_BYTES, size - offset);
  const data = await readAt(handle, offset, length);
  // It has shrunk meanwhile.
  const sizeNow = data.length < length ? (await sizeOf(handle)).size : size;
  return { data: Uint8Array.from(data), offset, size: sizeNow };
}

/** As far as a message can tell it, and a position be asked for: what lies behind 2^53 bytes is never read. */
export async function sizeOf(
  handle: FileHandle,
): Promise<{ readonly size: number; readonly blocks: number }> {
  const { size, blocks } = await handle.stat();
  return { size: Math.min(size, Number.MAX_SAFE_INTEGER), blocks };
}

/** May be fewer bytes at the end of the file. */
export async function readAt(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafe(Math.max(0, length));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(
      buffer,
      filled,
      buffer.length - filled,
      offset + filled,
    );
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Where the first block begins that is not all zeros, or how far it was looked. Reading a hole costs no disk. */
async function behindHole(handle: FileHandle, begin: number, size: number): Promise<number> {
  const limit = Math.min(size, begin + MAX_SKIPPED_BYTES);
  let offset = begin;
  while (offset < limit) {
    const chunk = await readAt(handle, offset, Math.min(MAX_READ_BYTES, limit - offset));
    if (chunk.length === 0) return offset;
    const zeros = leadingZeros(chunk);
    offset += zeros;
    if (zeros < chunk.length) return offset;
  }
  return offset;
}

function leadingZeros(chunk: Buffer): number {
  for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
    const block = chunk.subarray(at, at + BLOCK_BYTES);
    if (!block.equals(ZEROS.subarray(0, block.length))) return at;
  }
  return chunk.length;
}

// Owns exported replays as files: writing one so that it is there whole or not at all, and opening one.
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Outcome } from '@parley/protocol/errors';
import { ExportEncoder } from '@parley/replay/export-format';
import { type Exported, type ExportRange, exportRecords } from '@parley/replay/export-records';
import { type ExportedReplay, openExport } from '@parley/replay/exported-replay';
import type { ReplaySource } from '@parley/replay/replay-source';
import { CommandFailure, EXIT, reasonOf, systemCode, writeFailure } from '../command-failure.ts';

/** Written at a time. */
const PIECE_BYTES = 1024 * 1024;

export async function writeReplayFile(
  file: string,
  { source, range, force }: { source: ReplaySource; range: ExportRange; force: boolean },
): Promise<Outcome<Exported>> {
  if (!force && (await isThere(file))) {
    throw new CommandFailure(EXIT.failed, {
      what: `${file} exists already`,
      remedy: 'choose another name, or add --force to replace it',
    });
  }
  const partial = `${file}.${process.pid}.partial`;
  try {
    // Descriptions of tasks may hold what is nobody else's business.
    const handle = await open(partial, 'w', 0o600);
    const exported = await writeAll(handle, source, range).finally(() => handle.close());
    if (exported.ok) await rename(partial, file);
    return exported;
  } catch (error) {
    throw writeFailure(`${file} cannot be written`, path.dirname(path.resolve(file)), error);
  } finally {
    await rm(partial, { force: true });
  }
}

async function writeAll(
  handle: FileHandle,
  source: ReplaySource,
  range: ExportRange,
): Promise<Outcome<Exported>> {
  const encoder = new ExportEncoder();
  let pieces: Uint8Array[] = [encoder.begin()];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    await handle.writeFile(Buffer.concat(pieces));
    pieces = [];
    bytes = 0;
  };
  const exported = await exportRecords(source, range, async (record) => {
    const piece = encoder.record(record);
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= PIECE_BYTES) await flush();
  });
  if (!exported.ok) return exported;
  pieces.push(encoder.end());
  await flush();
  await handle.sync();
  return exported;
}

/** Throws a failure that says what is wrong with the file. */
export async function withReplayFile<Value>(
  file: string,
  work: (exported: ExportedReplay) => Promise<Value>,
): Promise<Value> {
  const handle = await openFile(file);
  try {
    const exported = await openExport((offset, length) => readAt(handle, offset, length));
    if (exported.ok) return await work(exported.value);
    throw new CommandFailure(EXIT.failed, {
      what: `${file} cannot be replayed`,
      why: exported.failure.message,
      remedy: 'copy or export it again: "parley replay export FILE" on the cluster',
    });
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (error) {
    const exitCode = systemCode(error) === 'ENOENT' ? EXIT.notFound : EXIT.failed;
    throw new CommandFailure(exitCode, { what: `${file} cannot be read`, why: reasonOf(error) });
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  let size = 0;
  while (size < length) {
    const { bytesRead } = await handle.read(buffer, size, length - size, offset + size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return buffer.subarray(0, size);
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false;
  }
}

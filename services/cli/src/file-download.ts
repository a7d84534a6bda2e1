// Owns copying files of a task to this host so that what stands there in the end is whole: written beside its place,
// compared with what the agent says of it, and moved there at once. What an agent says is a name is not trusted.
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { showName } from '@parley/protocol/file-names';
import { type FileEntry, MAX_READ_BYTES } from '@parley/protocol/task-files';
import { CommandFailure, EXIT, reasonOf, systemCode } from './command-failure.ts';
import { randomToken } from './effects.ts';
import { joinPath, type RemoteFiles, type RemotePath } from './remote-files.ts';

export type Download = {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** Names, from the sandbox on, and why they were not copied. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
};

type Tally = { files: number; bytes: number; leftOut: { name: string; why: string }[] };

/** Of one download: more is a mistake. */
const MAX_FILES = 100_000;

/** `target`: must not be there, but for a file with `force`. */
export async function download(
  files: RemoteFiles,
  from: RemotePath,
  { target, force }: { readonly target: string; readonly force: boolean },
): Promise<Download> {
  const { entry } = await files.stat(from);
  const isFolder = entry.kind === 'directory';
  if (!isFolder && entry.kind !== 'file') {
    throw changed(from, `it is no file and no directory, but a ${entry.kind}`);
  }
  if ((!force || isFolder) && (await isThere(target))) {
    throw new CommandFailure(EXIT.usage, {
      what: `${target} is there already`,
      why: isFolder
        ? 'a folder is never written over'
        : 'a file is not written over without --force',
      remedy: 'name another place, or remove it',
    });
  }
  const suffix = `.${randomToken()}.part`;
  const part = path.join(path.dirname(target), `.${path.basename(target)}${suffix}`);
  const tally: Tally = { files: 0, bytes: 0, leftOut: [] };
  try {
    if (isFolder) await copyFolder({ files, tally }, from, Buffer.from(part));
    else await copyFile({ files, tally }, from, Buffer.from(part), entry);
    await rename(part, target);
    return { path: target, ...tally };
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    if (error instanceof CommandFailure || systemCode(error) === undefined) throw error;
    throw new CommandFailure(
      EXIT.failed,
      { what: `${target} cannot be written`, why: reasonOf(error) },
      error,
    );
  }
}

type Copying = { readonly files: RemoteFiles; readonly tally: Tally };

async function copyFolder(copying: Copying, from: RemotePath, to: Buffer): Promise<void> {
  await mkdir(to);
  for await (const entry of copying.files.list(from)) {
    const why = leftOutBecause(entry);
    const name = joinPath(from, entry.name);
    if (why !== undefined) {
      copying.tally.leftOut.push({ name: showName(name), why });
      continue;
    }
    const place = Buffer.concat([to, Buffer.from('/'), entry.name]);
    if (entry.kind === 'directory') await copyFolder(copying, name, place);
    else await copyFile(copying, name, place, entry);
  }
}

function leftOutBecause({ kind, name }: FileEntry): string | undefined {
  if (kind === 'link') return 'links are not followed';
  if (kind !== 'file' && kind !== 'directory') return `it is a ${kind}`;
  const isPlain = name.length > 0 && name.every((byte) => byte >= 0x20 && byte !== 0x7f);
  if (!isPlain) return 'its name holds a newline or another control character';
  const leadsElsewhere =
    name.includes(0x2f) || /^\.\.?$/.test(Buffer.from(name).toString('latin1'));
  return leadsElsewhere ? 'its name leads elsewhere' : undefined;
}

async function copyFile(
  { files, tally }: Copying,
  from: RemotePath,
  to: Buffer,
  { mode, fileId }: FileEntry,
): Promise<void> {
  tally.files += 1;
  if (tally.files > MAX_FILES) {
    throw changed(from, `there are more than ${MAX_FILES} files to be copied`);
  }
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const executable = (mode & 0o111) === 0 ? 0o644 : 0o755;
  const handle = await open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, executable);
  try {
    tally.bytes += await copyContent(files, from, handle, fileId);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As large as the file is at first: what is appended meanwhile is not waited for. */
async function copyContent(
  files: RemoteFiles,
  from: RemotePath,
  handle: FileHandle,
  fileId: string,
): Promise<number> {
  let size: number | undefined;
  for (let at = 0; size === undefined || at < size; ) {
    const piece = await files.read(from, at, MAX_READ_BYTES);
    size ??= piece.size;
    if (piece.fileId !== fileId) throw changed(from, 'it was replaced by another file meanwhile');
    if (piece.size < size) throw changed(from, 'it was cut meanwhile');
    if (size === 0) break;
    const data = piece.data.subarray(0, Math.max(0, size - piece.offset));
    const { bytesWritten } = await handle.write(data, 0, data.length, piece.offset);
    if (bytesWritten < data.length) throw changed(from, 'the disk here did not take all of it');
    const next = Math.min(size, piece.offset + piece.data.length);
    if (next <= at) throw changed(from, 'its agent sends nothing more of it');
    at = next;
  }
  // What begins or ends with a hole is as long as it is there.
  await handle.truncate(size);
  const written = (await handle.stat()).size;
  if (written !== size) throw changed(from, `${written} of ${size} bytes were written`);
  return size;
}

function changed(from: RemotePath, why: string): CommandFailure {
  const what = `"${showName(from)}" was not copied`;
  return new CommandFailure(EXIT.failed, {
    what,
    why,
    remedy: 'nothing was kept of it; try again',
  });
}

async function isThere(target: string): Promise<boolean> {
  return lstat(target).then(
    () => true,
    () => false,
  );
}

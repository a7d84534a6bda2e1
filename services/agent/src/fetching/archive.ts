// Owns unpacking an archive into a directory of its own, so that nothing of it gets anywhere else: unpacked by somebody who may
// write nowhere else, no more than a limit, and looked through before it is let into a sandbox.
import { chown, type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '@parley/isolation/run-command';
import { type ConfinedEnd, isRoot, NOBODY, runConfined } from './confined-command.ts';
import { FetchFailure, TooLarge } from './fetch-failure.ts';
import { unzip, zipProgram, zipToTar } from './zip-archive.ts';

export type Archive = {
  /** Read from its beginning, whatever its position. */
  readonly file: FileHandle;
  readonly format: ArchiveFormat;
  /** Empty, and nobody else's. */
  readonly directory: string;
  /** An empty file without a name, for what is not packed any more; it is closed here. */
  readonly makeScratch: () => Promise<FileHandle>;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told how much it holds, before that is written; throws where that is too much. */
  readonly onSize: (bytes: number) => void;
};

const DECOMPRESS = { gzip: 'gzip', bzip2: 'bzip2', xz: 'xz', zstd: 'zstd' } as const;
export type ArchiveFormat = 'tar' | 'zip' | keyof typeof DECOMPRESS;

const FORMATS: readonly (readonly [RegExp, ArchiveFormat])[] = [
  [/\.tar$/, 'tar'],
  [/\.(tar\.gz|tgz)$/, 'gzip'],
  [/\.(tar\.bz2|tbz2)$/, 'bzip2'],
  [/\.(tar\.xz|txz)$/, 'xz'],
  [/\.tar\.zst$/, 'zstd'],
  [/\.zip$/, 'zip'],
];

/** Of what an archive holds; a tree of sources or of packages has 20 or 30. */
const MAX_DEPTH = 64;

/** By its name, as in Mesos. */
export function archiveFormat(name: string): ArchiveFormat | undefined {
  return FORMATS.find(([pattern]) => pattern.test(name))?.[1];
}

/** Of what unpacks to a tar. */
export function tarFormat(name: string): TarFormat | undefined {
  const format = archiveFormat(name);
  return format === 'zip' ? undefined : format;
}

/** Rejects with a `FetchFailure`. */
export async function unpack(archive: Archive): Promise<void> {
  const { directory, format } = archive;
  if (isRoot()) await chown(directory, NOBODY, NOBODY);
  const scratches: FileHandle[] = [];
  const makeScratch = async (): Promise<FileHandle> => {
    const scratch = await archive.makeScratch();
    scratches.push(scratch);
    return scratch;
  };
  try {
    const how = { ...archive, makeScratch };
    if (format === 'zip') await unpackZip(how);
    else await unpackTar(await plainTar(how, format), how);
  } finally {
    for (const scratch of scratches) await scratch.close();
  }
  await refuseLeaks(directory);
}

async function unpackZip(archive: Archive): Promise<void> {
  const { file, directory, maxBytes, timeoutMs, makeScratch, signal, onSize } = archive;
  const limits = { maxFileBytes: maxBytes, timeoutMs, signal };
  const program = await zipProgram();
  const read = await makeScratch();
  if (program === 'bsdtar') {
    const from = await open(pathOf(file), 'r');
    try {
      checkUnpacked(await zipToTar(from, read, limits), program, maxBytes);
    } finally {
      await from.close();
    }
    await unpackTar(read, archive);
    return;
  }
  const copy = await makeScratch();
  checkUnpacked(await unzip({ file, copy, read }, directory, limits), program, maxBytes);
  onSize((await read.stat()).size);
}

async function unpackTar(tar: FileHandle, how: Archive): Promise<void> {
  const { directory, maxBytes, timeoutMs, signal, onSize } = how;
  onSize((await tar.stat()).size);
  const from = await open(pathOf(tar), 'r');
  try {
    const end = await runConfined({
      argv: ['tar', '--extract', '--file=-', '--no-same-owner', '--no-same-permissions'],
      ...{ stdin: from.fd, cwd: directory, maxFileBytes: maxBytes, timeoutMs, signal },
    });
    checkUnpacked(end, 'tar', maxBytes);
  } finally {
    await from.close();
  }
}

/** What unpacks to a tar. */
export type TarFormat = Exclude<ArchiveFormat, 'zip'>;
export type PlainTarRequest = Pick<
  Archive,
  'file' | 'maxBytes' | 'timeoutMs' | 'makeScratch' | 'signal'
>;

/** Uncompressed first, so that what is unpacked is bounded by what is read. */
export async function plainTar(
  { file, maxBytes, timeoutMs, makeScratch, signal }: PlainTarRequest,
  format: TarFormat,
): Promise<FileHandle> {
  if (format === 'tar') return file;
  const scratch = await makeScratch();
  const from = await open(pathOf(file), 'r');
  try {
    const program = DECOMPRESS[format];
    const end = await runConfined({
      argv: [program, '--decompress', '--stdout'],
      ...{ stdin: from.fd, stdout: scratch.fd, maxFileBytes: maxBytes, timeoutMs, signal },
    });
    checkUnpacked(end, program, maxBytes);
    return scratch;
  } finally {
    await from.close();
  }
}

/** Throws a `FetchFailure` unless the program unpacked it. */
export function checkUnpacked(end: ConfinedEnd, program: string, maxBytes: number): void {
  if (end.isTooLarge) throw new TooLarge('what is in it is', maxBytes);
  if (end.isTimedOut) throw new FetchFailure('it was not unpacked in time', 'fetchTimeout');
  if (end.code === 0) return;
  const why = end.stderr.split('\n').slice(0, 3).join('; ') || 'it could not be run';
  throw new FetchFailure(`${program} could not unpack it: ${why}`);
}

/** Only directories, files, and links that stay inside, each followed by itself. */
async function refuseLeaks(directory: string): Promise<void> {
  await refuseDeep(directory);
  const links = ['-type', 'l', '-printf', 'l%P\\0%l\\0'];
  const others = ['!', '-type', 'd', '!', '-type', 'f', '-printf', 'o%P\\0\\0'];
  const look = ['find', '-P', directory, '-mindepth', '1', '(', ...links, '-o', ...others, ')'];
  const { code, stdout, stderr } = await runCommand(look);
  if (code !== 0) throw new FetchFailure(`what it holds could not be looked through: ${stderr}`);
  const words = stdout.split('\0');
  for (let index = 0; index + 1 < words.length; index += 2) {
    const [entry = '', target = ''] = words.slice(index, index + 2);
    const name = JSON.stringify(entry.slice(1));
    if (entry.startsWith('o')) throw new FetchFailure(`it holds ${name}, a device or the like`);
    if (leads(path.posix.dirname(entry.slice(1)), target)) {
      throw new FetchFailure(`it holds the link ${name}, which leads out of it`);
    }
  }
}

/** Each level that is there already costs open directories while it is moved into a sandbox. */
async function refuseDeep(directory: string): Promise<void> {
  const beyond = String(MAX_DEPTH + 1);
  const depth = ['-mindepth', beyond, '-maxdepth', beyond];
  const { code, stdout, stderr } = await runCommand([
    'find',
    '-P',
    directory,
    ...depth,
    '-print',
    '-quit',
  ]);
  if (code !== 0) throw new FetchFailure(`what it holds could not be looked through: ${stderr}`);
  if (stdout === '') return;
  throw new FetchFailure(`it holds directories that lie deeper than ${MAX_DEPTH} levels`);
}

/** Behind another link `..` leads anywhere: it may stand at the beginning only. */
function leads(directory: string, target: string): boolean {
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const climbs = parts.findIndex((part) => part !== '..');
  const isMixed = climbs >= 0 && parts.slice(climbs).includes('..');
  const depth = directory === '.' ? 0 : directory.split('/').length;
  const up = climbs < 0 ? parts.length : climbs;
  return target.startsWith('/') || isMixed || up > depth;
}

const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;

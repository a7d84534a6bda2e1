// Owns unpacking an archive into a directory of its own, so that nothing of it gets anywhere else: unpacked by somebody who may
// write nowhere else, no more than a limit, and looked through before it is let into a sandbox.
import { chown, type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '@parley/isolation/run-command';
import { type ConfinedEnd, isRoot, NOBODY, runConfined } from './confined-command.ts';
import { FetchFailure } from './fetch-failure.ts';

export type Archive = {
  /** Read from its beginning, whatever its position. */
  readonly file: FileHandle;
  readonly format: ArchiveFormat;
  /** Empty, and nobody else's. */
  readonly directory: string;
  /** For what is not packed any more; the file's own when it is not compressed. */
  readonly scratch: FileHandle;
  readonly maxBytes: number;
  readonly timeoutMs: number;
};

const DECOMPRESS = { gzip: 'gzip', bzip2: 'bzip2', xz: 'xz', zstd: 'zstd' } as const;
export type ArchiveFormat = 'tar' | keyof typeof DECOMPRESS;

const FORMATS: readonly (readonly [RegExp, ArchiveFormat])[] = [
  [/\.tar$/, 'tar'],
  [/\.(tar\.gz|tgz)$/, 'gzip'],
  [/\.(tar\.bz2|tbz2)$/, 'bzip2'],
  [/\.(tar\.xz|txz)$/, 'xz'],
  [/\.tar\.zst$/, 'zstd'],
];

/** By its name, as in Mesos. */
export function archiveFormat(name: string): ArchiveFormat | undefined {
  return FORMATS.find(([pattern]) => pattern.test(name))?.[1];
}

/** Rejects with a `FetchFailure`. */
export async function unpack(archive: Archive): Promise<void> {
  const { directory, maxBytes, timeoutMs } = archive;
  const tar = await plainTar(archive);
  if (isRoot()) await chown(directory, NOBODY, NOBODY);
  const from = await open(pathOf(tar), 'r');
  try {
    const end = await runConfined({
      argv: ['tar', '--extract', '--file=-', '--no-same-owner', '--no-same-permissions'],
      ...{ stdin: from.fd, cwd: directory, maxFileBytes: maxBytes, timeoutMs },
    });
    checkUnpacked(end, 'tar', maxBytes);
  } finally {
    await from.close();
  }
  await refuseLeaks(directory);
}

/** Uncompressed first, so that what is unpacked is bounded by what is read. */
export async function plainTar({
  file,
  format,
  scratch,
  maxBytes,
  timeoutMs,
}: Omit<Archive, 'directory'>): Promise<FileHandle> {
  if (format === 'tar') return file;
  const from = await open(pathOf(file), 'r');
  try {
    const program = DECOMPRESS[format];
    const end = await runConfined({
      argv: [program, '--decompress', '--stdout'],
      ...{ stdin: from.fd, stdout: scratch.fd, maxFileBytes: maxBytes, timeoutMs },
    });
    checkUnpacked(end, program, maxBytes);
    return scratch;
  } finally {
    await from.close();
  }
}

/** Throws a `FetchFailure` unless the program unpacked it. */
export function checkUnpacked(end: ConfinedEnd, program: string, maxBytes: number): void {
  if (end.isTooLarge) {
    throw new FetchFailure(
      `what is in it is larger than ${maxBytes} bytes, the limit (--fetch-limit)`,
    );
  }
  if (end.isTimedOut) throw new FetchFailure('it was not unpacked in time', 'fetchTimeout');
  if (end.code === 0) return;
  const why = end.stderr.split('\n').slice(0, 3).join('; ') || 'it could not be run';
  throw new FetchFailure(`${program} could not unpack it: ${why}`);
}

/** Only directories, files, and links that stay inside, each followed by itself. */
async function refuseLeaks(directory: string): Promise<void> {
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

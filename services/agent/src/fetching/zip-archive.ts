// Owns unpacking .zip archives by what the host has for it: bsdtar, which makes a tar of one, or else unzip. Either way no more
// comes out than the limit. That nothing of it leads elsewhere is looked at in archive.ts.
import { constants } from 'node:fs';
import { copyFile, type FileHandle } from 'node:fs/promises';
import { runCommand } from '@parley/isolation/run-command';
import { type ConfinedCommand, type ConfinedEnd, runConfined } from './confined-command.ts';
import { FetchFailure } from './fetch-failure.ts';

export type ZipProgram = 'bsdtar' | 'unzip';

/** Of a zip: packed in `file`; for what is read of it, and for a copy. */
export type ZipFiles = {
  readonly file: FileHandle;
  readonly copy: FileHandle;
  readonly read: FileHandle;
};
export type ZipLimits = Pick<ConfinedCommand, 'maxFileBytes' | 'timeoutMs' | 'signal'>;

/** unzip(1): nobody is asked for a password. Its warnings it only counts when it may say what it does. */
const UNZIP = ['unzip', '-P', ''];
const UNZIP_WARNED = 1;
const PACKED = '/proc/self/fd/0';
/** Of whoever reads it: the copy has no name, and is nobody else's. */
const READABLE_MODE = 0o644;

/** Throws a `FetchFailure` where the host has neither. */
export async function zipProgram(
  isThere: (program: ZipProgram) => Promise<boolean> = isInstalled,
): Promise<ZipProgram> {
  for (const program of ['bsdtar', 'unzip'] as const) if (await isThere(program)) return program;
  throw new FetchFailure(
    'it is a .zip archive, and its agent has no program for those: install unzip or libarchive-tools there ("apt-get install unzip")',
  );
}

async function isInstalled(program: ZipProgram): Promise<boolean> {
  const { code } = await runCommand([program, program === 'unzip' ? '-v' : '--version']);
  return code === 0;
}

/** The same as a tar, in `into`. */
export function zipToTar(
  file: FileHandle,
  into: FileHandle,
  limits: ZipLimits,
): Promise<ConfinedEnd> {
  const argv = ['bsdtar', '--create', '--format=pax', '--file=-', '@-'];
  return runConfined({ argv, stdin: file.fd, stdout: into.fd, ...limits });
}

/**
 * What comes out is read through once before anything is unpacked: the sizes that an archive names may not be so. A warning
 * is an end too: of names that lead elsewhere unzip leaves a part out, and warns. Throws a `FetchFailure` for that.
 */
export async function unzip(
  { file, copy, read }: ZipFiles,
  directory: string,
  limits: ZipLimits,
): Promise<ConfinedEnd> {
  // It takes a file that it can seek in, and open by itself.
  await copyFile(pathOf(file), pathOf(copy), constants.COPYFILE_FICLONE);
  await copy.chmod(READABLE_MODE);
  const pass = (argv: readonly string[], more: Partial<ConfinedCommand>): Promise<ConfinedEnd> =>
    runConfined({ argv, stdin: copy.fd, ...limits, ...more });
  const whole = await pass([...UNZIP, '-p', PACKED], { stdout: read.fd });
  if (whole.code !== 0) return whole;
  const end = await pass([...UNZIP, '-n', PACKED], { cwd: directory });
  if (end.code === UNZIP_WARNED && end.stderr === '') {
    throw new FetchFailure(
      'it names a path that leads out of it, or something else that unzip warns of',
    );
  }
  return end;
}

const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;

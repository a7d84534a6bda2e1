// Owns unpacking what the files of an image come in: a tarball, by somebody who may write nowhere else and no more than a limit,
// into a directory whose files then are root's. Devices are left out: a task has its agent's.
import { chmod, chown, type FileHandle, open } from 'node:fs/promises';
import { runCommand } from '@parley/isolation/run-command';
import { checkUnpacked, plainTar, type TarFormat } from '../fetching/archive.ts';
import { type ConfinedEnd, isRoot, NOBODY, runConfined } from '../fetching/confined-command.ts';
import { FetchFailure } from '../fetching/fetch-failure.ts';

export type Tarball = {
  readonly file: FileHandle;
  readonly format: TarFormat;
  /** Empty, and nobody else's. */
  readonly directory: string;
  /** Empty; for what is not packed any more. */
  readonly scratch: FileHandle;
  readonly maxBytes: number;
  readonly timeoutMs: number;
};

/** The same whatever the agent's own is. */
const PLAIN_UMASK = 'umask 022; exec "$@"';
const TAR = [
  ...['tar', '--extract', '--file=-', '--no-same-owner', '--same-permissions'],
  ...['--delay-directory-restore', '--anchored'],
  ...['dev/*', './dev/*', '/dev/*'].map((each) => `--exclude=${each}`),
];
const LEFT_OUT = [
  /^tar: .*: Cannot mknod: Operation not permitted$/,
  /^tar: Exiting with failure status/,
];

/** A line is said of each device, and all of them are looked at: thousands of them, which no image has. */
const MAX_STDERR_BYTES = 1024 * 1024;

/** How many bytes came out of it. Rejects with a `FetchFailure`, or the file error. */
export async function unpackTarball(tarball: Tarball): Promise<number> {
  const { directory, format, scratch, maxBytes, timeoutMs } = tarball;
  const tar = await plainTar({ ...tarball, makeScratch: async () => scratch }, format);
  const { size } = await tar.stat();
  if (isRoot()) await chown(directory, NOBODY, NOBODY);
  const from = await open(`/proc/self/fd/${tar.fd}`, 'r');
  try {
    const end = await runConfined({
      argv: ['sh', '-c', PLAIN_UMASK, 'sh', ...TAR],
      ...{ stdin: from.fd, cwd: directory, maxFileBytes: maxBytes, timeoutMs },
      maxStderrBytes: MAX_STDERR_BYTES,
    });
    if (!hasLeftOutDevices(end)) checkUnpacked(end, 'tar', maxBytes);
  } finally {
    await from.close();
  }
  if (isRoot()) {
    // It takes setuid and setgid bits away as well.
    const { code, stderr } = await runCommand(
      ['chown', '-hR', '--', '0:0', directory],
      {},
      '',
      timeoutMs,
    );
    if (code !== 0) throw new FetchFailure(`its files could not be made root's: ${stderr}`);
  }
  await chmod(directory, 0o755);
  return size;
}

/** And gone through to its end otherwise. */
function hasLeftOutDevices({ code, isTimedOut, stderr }: ConfinedEnd): boolean {
  return code === 2 && !isTimedOut && stderr.split('\n').every(isLeftOut);
}

function isLeftOut(line: string): boolean {
  return LEFT_OUT.some((pattern) => pattern.test(line));
}

// Owns the root filesystem of a task that has an image: what of it is in the task's run directory, and the words that mount
// it, as an overlay, in the mount namespace of its scope. Nothing is mounted on the host, so nothing stays when the scope
// ends. Where images come from, the agent knows.
import {
  chmod,
  copyFile,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './file-failure.ts';

/** What is the same for all tasks of an agent that have images. */
export type ImageRoot = {
  /** Holds what starts a program there: see image-tools.ts. */
  readonly toolsDirectory: string;
  /** The task has a network in which names are looked up as the agent does. */
  readonly hasNames: boolean;
};

/** Where the tools are seen; an image need have no program of its own but the task's. */
const TOOLS = '/.parley';
/** The host's loader, under this name. */
export const STARTER = 'parley-start';
const NAME_FILES = ['/etc/resolv.conf', '/etc/hosts'];
const PRELOAD = '/etc/ld.so.preload';

/**
 * The directories have short names, without what the options of a mount would take for their own. A signal that ends `mount`
 * is told as what ended the task, which was not begun.
 */
const MOUNT = `cd "$1" || exit 126
mount -t overlay -o nodev,nosuid,lowerdir=lower,upperdir=upper,workdir=work overlay root || exit
shift
exec "$@"`;

/** Of one task: the image (`lower`), what the task writes (`upper`), and two that the kernel needs. */
export function imageDirectoryOf(runDirectory: string): string {
  return path.join(runDirectory, 'image');
}

/** What a task that has an image writes to its root filesystem. */
export function writtenDirectoryOf(runDirectory: string): string {
  return path.join(imageDirectoryOf(runDirectory), 'upper');
}

/** A program of the host, wherever it is to run: nothing that an image says of libraries counts, since it runs as root too. */
export function programWords(program: string, image: ImageRoot | undefined): string[] {
  if (image === undefined) return [program];
  return [
    ...[`${TOOLS}/${STARTER}`, '--inhibit-cache', '--library-path', TOOLS],
    `${TOOLS}/${path.posix.basename(program)}`,
  ];
}

/** First of all, since a shell may unblock signals: a mount namespace of its own, with the overlay in it. */
export function mountingWords(imageDirectory: string): string[] {
  const inNamespace = ['unshare', '--mount', '--propagation', 'private', '--'];
  return [...inNamespace, '/bin/sh', '-c', MOUNT, 'sh', imageDirectory];
}

/** Of `bwrap`: what stands at `/`. */
export function rootWords(image: ImageRoot | undefined, imageDirectory: string): string[] {
  return image === undefined
    ? ['--ro-bind', '/', '/']
    : ['--bind', path.join(imageDirectory, 'root'), '/'];
}

export function toolsWords(image: ImageRoot | undefined): string[] {
  return image === undefined ? [] : ['--ro-bind', image.toolsDirectory, TOOLS];
}

/**
 * Says what a run's root filesystem is made from, before it is launched: `root`, and the variables that its image sets. May
 * be repeated until then. Rejects with the file error.
 */
export async function rememberImage(
  runDirectory: string,
  image: { readonly root: string; readonly environment: Readonly<Record<string, string>> },
): Promise<void> {
  const directory = imageDirectoryOf(runDirectory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(path.join(directory, 'environment'), JSON.stringify(image.environment));
  const link = path.join(directory, 'lower');
  await rm(`${link}.new`, { force: true });
  await symlink(image.root, `${link}.new`);
  await rename(`${link}.new`, link);
}

/** Of a run that will never be launched. Rejects with the file error. */
export async function forgetImage(runDirectory: string): Promise<void> {
  await rm(path.join(imageDirectoryOf(runDirectory), 'lower'), { force: true });
}

/** Undefined of a run that has no image. */
export async function rememberedRoot(runDirectory: string): Promise<string | undefined> {
  try {
    return await readlink(path.join(imageDirectoryOf(runDirectory), 'lower'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Rejects with the file error. */
export async function rememberedEnvironment(runDirectory: string): Promise<Record<string, string>> {
  const text = await readFile(path.join(imageDirectoryOf(runDirectory), 'environment'), 'utf8');
  return JSON.parse(text);
}

/**
 * Makes what the mount needs, and a directory at each place where something is to be mounted in it: an image could have
 * links there, which lead `bwrap` to the host while it makes such places itself. `places`: absolute; all of them are real
 * directories of the upper layer afterwards, and on the way to them. Rejects with the file error.
 */
export async function prepareImageRoot(
  runDirectory: string,
  { hasNames }: ImageRoot,
  places: readonly string[],
): Promise<void> {
  const directory = imageDirectoryOf(runDirectory);
  const upper = writtenDirectoryOf(runDirectory);
  for (const each of ['upper', 'work', 'root']) await makeDirectory(path.join(directory, each));
  const fixed = ['/dev', '/proc', '/tmp', '/var/tmp', '/etc', TOOLS];
  for (const place of [...fixed, ...places]) await makePlace(upper, place);
  // A loader loads what is named there into every program, whatever else it is told: here nothing is (ld.so(8)).
  await writeFile(path.join(upper, PRELOAD), '', { mode: 0o644 });
  if (!hasNames) return;
  for (const file of NAME_FILES) {
    // A copy: what the host's is changed to later, a task does not see.
    await copyFile(file, path.join(upper, file)).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}

async function makePlace(upper: string, place: string): Promise<void> {
  const parts = place.split('/').filter((part) => part !== '');
  const isFile = (await stat(place).catch(() => undefined))?.isFile() === true;
  let at = upper;
  for (const [index, part] of parts.entries()) {
    at = path.join(at, part);
    if (isFile && index === parts.length - 1) await writeFile(at, '');
    else await makeDirectory(at);
  }
}

/** Passed by the task's user, whatever this process's umask is. */
async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755);
}

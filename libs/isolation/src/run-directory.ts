// The files of one run of one task in the agent's own directory, outside the sandbox: which there are, what the
// launcher writes before a launch, and how to read what shim.sh wrote. What an outcome means is in exit-status.ts.

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  unlink,
} from 'node:fs/promises';
import path from 'node:path';
import type { Confinement } from './confinement.ts';
import { errorCode } from './file-failure.ts';
import { readBootId } from './process-identity.ts';
import { removeTree } from './remove-tree.ts';
import { countersOf, type ScopeCounters } from './scope-events.ts';

/** The directory beside the run directories in which shim.sh leaves an empty file when a task has ended. */
const ENDED_DIRECTORY = '.ended';
/** Others may be at it at the same time. */
const MAX_LINK_TRIES = 100;

// One block: more than shim.sh ever writes, so overwriting needs no further space.
const RESERVED_BYTES = 4096;

export type ShimProcess = {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names one process of this boot. */
  readonly startTicks: string;
  /** The cgroup directory that limits memory, as the task's namespaces see it; empty without a scope. */
  readonly memoryGroup: string;
  /** The cgroup directory that counts CPU time; empty without a scope. */
  readonly cpuGroup: string;
};

export type ExitRecord = {
  /** As a shell gives it: 128 + n for a task that ended by signal n. */
  readonly status: number;
  /** Why the program was not started, as check-start.sh names it; undefined when it was. */
  readonly couldNotStart: string | undefined;
  readonly counters: ScopeCounters;
  readonly cpuNs: bigint | undefined;
};

/** Of a confined task: its `/tmp` and `/var/tmp`. */
export function temporaryDirectoryOf(runDirectory: string): string {
  return path.join(runDirectory, 'tmp');
}

export function endedDirectoryOf(runRoot: string): string {
  return path.join(runRoot, ENDED_DIRECTORY);
}

/** Creates the root of the run directories and its directory of end markers. Rejects with the file error. */
export async function createRunRoot(runRoot: string): Promise<void> {
  await mkdir(endedDirectoryOf(runRoot), { recursive: true, mode: 0o700 });
}

/**
 * Creates the run directory and everything that a launch needs on the disk, `files` by name and text among it; files of an
 * earlier launch of the same run stay as they are. Each of `files` is whole or not there, also when this process is killed or
 * the disk is full: a shim runs what is in them. Rejects with the file error (ENOSPC when the disk is full).
 */
export async function prepareRunDirectory(
  directory: string,
  files: Readonly<Record<string, string>>,
  isConfined = false,
): Promise<void> {
  await createRunRoot(path.dirname(directory));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(files)) {
    await writeWhole(path.join(directory, name), text);
  }
  await writeNew(path.join(directory, 'process'), ' '.repeat(RESERVED_BYTES));
  // Says in which boot of the host the end is awaited; at its end, since the shim writes from the beginning.
  const boot = `\nboot=${await thisBoot()}\n`;
  await writeNew(path.join(directory, 'exit'), boot.padStart(RESERVED_BYTES));
  if (isConfined) {
    const temporary = temporaryDirectoryOf(directory);
    await mkdir(temporary, { recursive: true });
    await chmod(temporary, 0o1777);
  }
}

/**
 * Creates the files that the task's output goes to, `stdout` and `stderr` in the run directory, which the sandbox
 * has as well: a shell that opens one there, by its name in the agent's own directory, cannot be led elsewhere by
 * a link in the sandbox. Both must be in one file system. Rejects with the file error.
 */
export async function linkOutputs(run: {
  readonly runDirectory: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly confinement?: Confinement;
}): Promise<void> {
  const owner = run.confinement?.owner;
  for (const [name, file] of [
    ['stdout', run.stdoutPath],
    ['stderr', run.stderrPath],
  ] as const) {
    const own = path.join(run.runDirectory, name);
    await writeNew(own, '', 0o644);
    // A program may open what it was given once more, by /dev/stdout. An earlier launch may have been killed before this.
    if (owner !== undefined) await chown(own, owner.userId, owner.groupId);
    await replaceByLink(own, file);
  }
}

/** A copied input may have the name, an earlier launch of this run may have come so far, or one beside this one does. */
async function replaceByLink(own: string, file: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await link(own, file);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || tries === MAX_LINK_TRIES) throw error;
    }
    if (await isSameFile(own, file)) return;
    await rm(file, { force: true });
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((file) => lstat(file).catch(() => undefined)));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Whether somebody, maybe an agent that died since, has come so far as to launch this run: `exit` is written last before. */
export function isPrepared(directory: string): Promise<boolean> {
  return access(path.join(directory, 'exit')).then(
    () => true,
    () => false,
  );
}

/** Takes the right to start away from every shim that comes later. Answers false when one has it already. */
export async function fenceRun(directory: string): Promise<boolean> {
  return writeNew(path.join(directory, 'started'), '');
}

/** Gives that right back, where it was taken by `fenceRun`. */
export async function unfenceRun(directory: string): Promise<void> {
  await rm(path.join(directory, 'started'));
}

export async function hasStarted(directory: string): Promise<boolean> {
  return (await readFileIfThere(path.join(directory, 'started'))) !== undefined;
}

/**
 * The boot in which a run was launched that has not recorded its end; undefined of one that was launched by a release that
 * did not write it down.
 */
export async function readBootOfRun(directory: string): Promise<string | undefined> {
  const own = await readFileIfThere(path.join(directory, 'boot'));
  if (own !== undefined) return own;
  const awaited = await readFileIfThere(path.join(directory, 'exit'));
  return /^boot=([0-9a-f-]+)$/m.exec(awaited ?? '')?.[1];
}

export async function readShimProcess(directory: string): Promise<ShimProcess | undefined> {
  const fields = await readFields(path.join(directory, 'process'));
  if (fields === undefined) return undefined;
  return {
    pid: Number(fields.get('pid')),
    startTicks: fields.get('stat')?.split(' ')[19] ?? '',
    memoryGroup: fields.get('memoryGroup') ?? '',
    cpuGroup: fields.get('cpuGroup') ?? '',
  };
}

export async function readExitRecord(directory: string): Promise<ExitRecord | undefined> {
  const fields = await readFields(path.join(directory, 'exit'));
  if (fields === undefined) return undefined;
  const cpuNs = fields.get('cpuNs') ?? '';
  const couldNotStart = fields.get('couldNotStart') ?? '';
  return {
    status: Number(fields.get('status')),
    couldNotStart: couldNotStart === '' ? undefined : couldNotStart,
    counters: countersOf(fields),
    cpuNs: /^\d+$/.test(cpuNs) ? BigInt(cpuNs) : undefined,
  };
}

/** The units that have a run directory below `runRoot`. */
export async function listRuns(runRoot: string): Promise<string[]> {
  const entries = await readdir(runRoot, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== ENDED_DIRECTORY)
    .map((entry) => entry.name);
}

/**
 * Takes the marker of a task's end away, which goes with its run directory: to delete a file a task makes the next
 * ones dearer on ext4, which looks at every inode that was freed in the last minute before it takes one.
 */
export async function clearEnded(runRoot: string, unit: string): Promise<void> {
  const marker = path.join(endedDirectoryOf(runRoot), unit);
  try {
    await rename(marker, path.join(runRoot, unit, 'ended'));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    // No marker was left, or the run directory is gone.
    await rm(marker, { force: true });
  }
}

export async function removeRun(runRoot: string, unit: string): Promise<void> {
  // A task has filled the directory for temporary files in it.
  await removeTree(path.join(runRoot, unit));
  await rm(path.join(endedDirectoryOf(runRoot), unit), { force: true });
}

let boot: Promise<string> | undefined;

function thisBoot(): Promise<string> {
  boot ??= readBootId();
  return boot;
}

/** `key=value` lines up to the line `end`; undefined while that line is missing. */
async function readFields(file: string): Promise<Map<string, string> | undefined> {
  const text = await readFileIfThere(file);
  if (text === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === 'end') return fields;
    const equals = line.indexOf('=');
    if (equals > 0) fields.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return undefined;
}

async function readFileIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Under its name stands all of it, or what was there before. What is left of one that was killed goes with the directory. */
async function writeWhole(file: string, text: string): Promise<void> {
  const partial = `${file}.${randomUUID()}`;
  await writeNew(partial, text);
  try {
    await link(partial, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  await unlink(partial);
}

async function writeNew(file: string, text: string, mode = 0o600): Promise<boolean> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    const handle = await open(file, flags, mode);
    try {
      if (text !== '') await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

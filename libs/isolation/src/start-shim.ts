// Gets a shim started and waits until it says that the task was started. Shared by all launchers; how a shim comes
// about, and what a unit is, they know.

import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type EarlierLaunch, isFenced, makeWay } from './earlier-launch.ts';
import { type FileFailure, fileFailure } from './file-failure.ts';
import { prepareImageRoot } from './image-root.ts';
import { outputFile } from './kept-output.ts';
import {
  type LaunchFailure,
  type LaunchOutcome,
  type LaunchRequest,
  requestFault,
} from './launcher.ts';
import { SYSTEM_PATH } from './run-command.ts';
import { hasStarted, isPrepared, linkOutputs, prepareRunDirectory } from './run-directory.ts';
import type { Owner } from './sandbox.ts';

export type ShimStart = {
  readonly request: LaunchRequest;
  /** What must be in the run directory before: texts of new files by their names. */
  readonly files: Readonly<Record<string, string>>;
  /** Gets a shim going and says what was heard of it. May reject when none was started. */
  readonly start: () => Promise<ShimAnswer>;
} & Pick<EarlierLaunch, 'isPending' | 'dissolve'>;

export type ShimSpawn = {
  readonly request: LaunchRequest;
  readonly mode: 'scope' | 'process';
  /** The command that becomes the shim; empty when the shim is started as it is. */
  readonly prefix: readonly string[];
  /** For the prefix command only: the task never sees it. */
  readonly prefixEnvironment: Readonly<Record<string, string>>;
  readonly onShimExit: ShimExitHandler | undefined;
};

/**
 * Told when a process that this launcher started has ended, however: a hint for `ExitWatch.check`. Only the
 * process that launched a task gets it, so after a restart the watch alone must do.
 */
export type ShimExitHandler = (unit: string) => void;

/** `abandoned`: this shim has ended without starting the task. */
export type ShimWord = 'started' | 'alreadyStarted' | 'abandoned' | 'silent' | 'timedOut';

/** `detail`: why, where that is known. */
export type ShimAnswer = { readonly word: ShimWord; readonly detail?: string };

const SHIM_PATH = fileURLToPath(new URL('./shim.sh', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const REASON_BYTES = 2_000;
const STARTED_BEFORE: LaunchOutcome = { ok: true, alreadyStarted: true };

/**
 * The task runs in a session of its own, so the terminal's Ctrl-C does not reach it, and outlives this process.
 * Whatever the answer, it is final: after a failure the run is fenced, no late shim can start the task.
 */
export async function startShim(start: ShimStart): Promise<LaunchOutcome> {
  const { request } = start;
  const fault = requestFault(request);
  if (fault !== undefined) return refused({ code: 'invalidRequest', message: fault });
  try {
    if (await hasStarted(request.runDirectory)) return STARTED_BEFORE;
    if (await isPrepared(request.runDirectory)) {
      // What an earlier launch has left in the unit would keep this one from its name.
      const way = await makeWay(earlierOf(start));
      if (way === 'started') return STARTED_BEFORE;
      if (way === 'stays')
        return notLaunched('what an earlier launch left in its unit does not go');
    }
    await prepareRunDirectory(request.runDirectory, start.files, request.confinement !== undefined);
    await prepareRoot(request);
    const answer = await start.start();
    switch (answer.word) {
      case 'started':
        return { ok: true, alreadyStarted: false };
      case 'alreadyStarted':
        return STARTED_BEFORE;
      default:
        return await giveUp(start, answer);
    }
  } catch (error) {
    return await giveUpAfter(start, launchFailureOf(fileFailure(error)));
  }
}

/** This launch came to nothing, but an earlier one of the same run may be on its way. */
async function giveUpAfter(start: ShimStart, failure: LaunchFailure): Promise<LaunchOutcome> {
  return (await isFenced(earlierOf(start))) ? refused(failure) : STARTED_BEFORE;
}

const earlierOf = ({ request, isPending, dissolve }: ShimStart): EarlierLaunch => ({
  ...{ runDirectory: request.runDirectory, isPending },
  ...(dissolve && { dissolve }),
});

/** Of a task that has an image. */
async function prepareRoot({
  runDirectory,
  sandboxDirectory,
  confinement,
}: LaunchRequest): Promise<void> {
  if (confinement?.image === undefined) return;
  const places = confinement.places.map((place) => place.path);
  await prepareImageRoot(runDirectory, confinement.image, [...places, sandboxDirectory]);
}

async function giveUp(start: ShimStart, answer: ShimAnswer): Promise<LaunchOutcome> {
  if (!(await isFenced(earlierOf(start)))) return STARTED_BEFORE;
  const said = answer.detail ?? (await readTail(start.request.stderrPath).catch(() => ''));
  const what =
    answer.word === 'timedOut'
      ? `the task was not started within ${START_TIMEOUT_MS} ms`
      : 'the launch command ended without starting the task';
  return refused({ code: 'launchFailed', message: said === '' ? what : `${what}: ${said}` });
}

/** Starts shim.sh by a child process of this one. Rejects when the program cannot be started. */
export async function spawnShim(how: ShimSpawn): Promise<ShimAnswer> {
  const { request, mode, prefix, prefixEnvironment } = how;
  const shim = ['/bin/sh', SHIM_PATH, mode, request.runDirectory, request.sandboxDirectory, '--'];
  const [program = '', ...rest] = [...prefix, ...shim, ...request.command];
  const owner = request.confinement?.owner;
  await linkOutputs(request);
  const stdout = await openOutput(outputFile(request.runDirectory, 'stdout'), owner);
  try {
    const stderr = await openOutput(outputFile(request.runDirectory, 'stderr'), owner);
    try {
      const child = spawn(program, rest, {
        cwd: '/',
        detached: true,
        env: { PATH: SYSTEM_PATH, ...prefixEnvironment },
        stdio: ['ignore', stdout.fd, stderr.fd, 'pipe'],
      });
      child.unref();
      child.on('exit', () => how.onShimExit?.(request.unit));
      return { word: await wordOf(child) };
    } finally {
      await stderr.close();
    }
  } finally {
    await stdout.close();
  }
}

function wordOf(child: ReturnType<typeof spawn>): Promise<ShimWord> {
  const channel = child.stdio[3];
  return new Promise((resolve, reject) => {
    let heard = '';
    const timer = setTimeout(() => finish('timedOut'), START_TIMEOUT_MS);
    const finish = (word: ShimWord): void => {
      clearTimeout(timer);
      if (channel instanceof Readable) channel.destroy();
      resolve(word);
    };
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    if (!(channel instanceof Readable)) return;
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => {
      heard += text;
      if (heard.startsWith('started\n')) finish('started');
      else if (heard.startsWith('alreadyStarted\n')) finish('alreadyStarted');
    });
    channel.on('error', () => finish('silent'));
    channel.on('end', () => finish('silent'));
  });
}

async function openOutput(file: string, owner: Owner | undefined): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  const handle = await open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o644);
  // A program may open what it was given once more, by /dev/stdout.
  if (owner !== undefined) await handle.chown(owner.userId, owner.groupId);
  return handle;
}

async function readTail(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(REASON_BYTES);
    const position = Math.max(0, size - REASON_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, REASON_BYTES, position);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await handle.close();
  }
}

function launchFailureOf(failure: FileFailure): LaunchFailure {
  const code = failure.code === 'diskFull' ? 'diskFull' : 'launchFailed';
  return { code, message: failure.message };
}

/** An answer for what this host cannot do; it may for another agent. */
export function notLaunched(message: string): LaunchOutcome {
  return refused({ code: 'launchFailed', message });
}

function refused(failure: LaunchFailure): LaunchOutcome {
  return { ok: false, failure };
}

// Runs a systemd of our own where PID 1 is something else: in its own pid, mount, cgroup, uts and ipc namespaces,
// with the host's network. It owns the record of it in a state directory, so that it can be found and ended by
// another process later. Running anything in it is for the launchers.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, open, readFile, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CgroupMounts, parseCgroupMounts } from './cgroup-mounts.ts';
import { createGroups, removeGroup } from './cgroup-tree.ts';
import { errorCode } from './file-failure.ts';
import {
  identifyProcess,
  isProcessAlive,
  type ProcessIdentity,
  parseStat,
} from './process-identity.ts';
import { runCommand, SYSTEM_PATH } from './run-command.ts';
import { isSafeId } from './unit-name.ts';

export type PrivateSystemd = {
  readonly name: string;
  /** As the host sees it. */
  readonly pid: number;
  /**
   * Put before an argument vector, runs it inside. The working directory is then `/`. What was entered ends
   * with the systemd.
   */
  readonly enterCommand: readonly string[];
  /** Where a process outside finds the files, cgroups among them, as they are inside. */
  readonly rootPath: string;
  /** Ends it and everything in it, and removes its cgroups and its record. May be called again. */
  stop(): Promise<void>;
};

export type PrivateSystemdOptions = {
  /** Holds the record and systemd's log; one private systemd a directory; not below /run. */
  readonly stateDirectory: string;
  /** `[A-Za-z0-9_-]{1,64}`: shows in the names of its cgroups. */
  readonly name: string;
};

type SystemdRecord = {
  readonly name: string;
  readonly groups: readonly string[];
  readonly starter: ProcessIdentity;
};

const RECORD_FILE = 'private-systemd.json';
const PID_FILE = 'private-systemd.pid';
const LOG_FILE = 'private-systemd.log';
const OUTER_SCRIPT = fileURLToPath(new URL('./private-systemd-outer.sh', import.meta.url));
const INNER_SCRIPT = fileURLToPath(new URL('./private-systemd-inner.sh', import.meta.url));
const READY_ATTEMPTS = 1_200;
const READY_PAUSE_MS = 25;
const REAP_ATTEMPTS = 200;
const REAP_PAUSE_MS = 10;
const LOG_TAIL_CHARACTERS = 2_000;

/**
 * Resolves when the systemd answers. Needs root. Rejects with an error that says why it does not come up (its
 * log's end included), after removing what was made; also when this directory's systemd is running already.
 */
export async function startPrivateSystemd(options: PrivateSystemdOptions): Promise<PrivateSystemd> {
  const { name } = options;
  if (!isSafeId(name)) throw new Error(`${JSON.stringify(name)} cannot name a private systemd`);
  await mkdir(options.stateDirectory, { recursive: true });
  const stateDirectory = await realpath(options.stateDirectory);
  if (stateDirectory.startsWith('/run/')) {
    throw new Error(`${stateDirectory} is below /run, which a private systemd replaces`);
  }
  if ((await findPrivateSystemd(stateDirectory)) !== undefined) {
    throw new Error(`a private systemd of ${stateDirectory} is running already`);
  }
  const mounts = await readMounts();
  const groupName = groupNameOf(stateDirectory, name);
  const groups = mounts.hierarchies.map((each) => path.join(each.ownGroup, groupName));
  await writeRecord(stateDirectory, { name, groups, starter: await identifySelf() });
  try {
    // Groups of this name are ours alone: they can be left when somebody removed the state directory.
    for (const group of groups) await removeGroup(group);
    await createGroups(mounts, groupName);
    return await bringUp(stateDirectory, { name, groups, mounts });
  } catch (error) {
    const log = await readText(path.join(stateDirectory, LOG_FILE));
    await stopPrivateSystemd(stateDirectory);
    const reason = error instanceof Error ? error.message : String(error);
    const said = log === undefined || log.trim() === '' ? '' : `; it said: ${tailOf(log)}`;
    throw new Error(`no private systemd could be started: ${reason}${said}`, { cause: error });
  }
}

/**
 * The running private systemd that is recorded in the directory, checked by pid and start time. Remains of one
 * that is gone are removed; one that another process is starting at this moment is not found yet.
 */
export async function findPrivateSystemd(
  stateDirectory: string,
): Promise<PrivateSystemd | undefined> {
  const record = await readRecord(stateDirectory);
  if (record === undefined) return undefined;
  const identity = await readIdentity(stateDirectory);
  if (identity !== undefined && (await isProcessAlive(identity))) {
    return handleOf(stateDirectory, record.name, identity.pid);
  }
  if (identity !== undefined || !(await isProcessAlive(record.starter))) {
    await stopPrivateSystemd(stateDirectory);
  }
  return undefined;
}

/** Ends what is recorded in the directory, running or not, also when the process that started it is gone. */
export async function stopPrivateSystemd(stateDirectory: string): Promise<void> {
  const record = await readRecord(stateDirectory);
  if (record === undefined) return;
  const directory = await realpath(stateDirectory);
  const identity = await readIdentity(directory);
  if (identity !== undefined && (await isProcessAlive(identity))) {
    // With its first process the whole pid namespace dies; its parent `unshare` reaps it and ends by itself.
    process.kill(identity.pid, 'SIGKILL');
    await waitUntilReaped(identity);
  }
  const groupName = groupNameOf(directory, record.name);
  for (const group of record.groups) {
    // A record that was tampered with must not make us kill what is not ours.
    if (path.basename(group) === groupName) await removeGroup(group);
  }
  for (const file of [PID_FILE, `${PID_FILE}.new`, LOG_FILE, RECORD_FILE]) {
    await rm(path.join(directory, file), { force: true });
  }
}

// A parent that was killed leaves the reaping to the host's PID 1, which may take its time: hence the bound.
async function waitUntilReaped(identity: ProcessIdentity): Promise<void> {
  for (let attempt = 0; attempt < REAP_ATTEMPTS; attempt += 1) {
    const found = await identifyProcess(identity.pid);
    if (found?.startTicks !== identity.startTicks) return;
    await delay(REAP_PAUSE_MS);
  }
}

type BringUp = {
  readonly name: string;
  readonly groups: readonly string[];
  readonly mounts: CgroupMounts;
};

async function bringUp(stateDirectory: string, how: BringUp): Promise<PrivateSystemd> {
  const logFile = path.join(stateDirectory, LOG_FILE);
  const pidFile = path.join(stateDirectory, PID_FILE);
  const options = how.mounts.hierarchies.map((each) => each.option);
  const v1Options = options.filter((option) => option !== 'unified');
  const inner = [INNER_SCRIPT, pidFile, logFile, how.mounts.layout, ...v1Options];
  const log = openSync(logFile, 'w', 0o600);
  // Only this child moves into the groups; its session is its own, so Ctrl-C does not reach it.
  const child = spawn('/bin/sh', [OUTER_SCRIPT, ...how.groups, '--', ...inner], {
    cwd: '/',
    detached: true,
    env: { PATH: SYSTEM_PATH, LANG: 'C.UTF-8' },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  for (let attempt = 0; attempt < READY_ATTEMPTS; attempt += 1) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`its process ended (${child.exitCode ?? child.signalCode})`);
    }
    const identity = await readIdentity(stateDirectory);
    if (identity !== undefined && (await answers(identity.pid))) {
      return handleOf(stateDirectory, how.name, identity.pid);
    }
    await delay(READY_PAUSE_MS);
  }
  throw new Error(`it did not answer within ${(READY_ATTEMPTS * READY_PAUSE_MS) / 1000} s`);
}

async function answers(pid: number): Promise<boolean> {
  // Before systemd has taken over, nsenter could still reach the script that prepares its namespaces.
  if ((await readText(`/proc/${pid}/comm`))?.trim() !== 'systemd') return false;
  const said = await runCommand([
    ...enterCommandOf(pid),
    'systemctl',
    'show',
    '--property=Version',
  ]);
  return said.code === 0;
}

function handleOf(stateDirectory: string, name: string, pid: number): PrivateSystemd {
  return {
    name,
    pid,
    enterCommand: enterCommandOf(pid),
    rootPath: `/proc/${pid}/root`,
    stop: () => stopPrivateSystemd(stateDirectory),
  };
}

function enterCommandOf(pid: number): readonly string[] {
  return ['nsenter', '-t', String(pid), '-a', '--'];
}

// The hash keeps systemds of the same name in different directories apart.
function groupNameOf(stateDirectory: string, name: string): string {
  const hash = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 12);
  return `parley-${name}-${hash}`;
}

async function readMounts(): Promise<CgroupMounts> {
  const mountInfo = await readFile('/proc/self/mountinfo', 'utf8');
  return parseCgroupMounts(mountInfo, await readFile('/proc/self/cgroup', 'utf8'));
}

async function identifySelf(): Promise<ProcessIdentity> {
  const identity = await identifyProcess(process.pid);
  if (identity === undefined) throw new Error('/proc does not show this process');
  return identity;
}

async function readIdentity(stateDirectory: string): Promise<ProcessIdentity | undefined> {
  const line = await readText(path.join(stateDirectory, PID_FILE));
  return line === undefined ? undefined : parseStat(line)?.identity;
}

// Created, never replaced: of two starters in one directory only one gets further.
async function writeRecord(stateDirectory: string, record: SystemdRecord): Promise<void> {
  const handle = await open(path.join(stateDirectory, RECORD_FILE), 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(record));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readRecord(stateDirectory: string): Promise<SystemdRecord | undefined> {
  const text = await readText(path.join(stateDirectory, RECORD_FILE));
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error(`${RECORD_FILE} in ${stateDirectory} is damaged`);
  return value;
}

function isRecord(value: unknown): value is SystemdRecord {
  if (typeof value !== 'object' || value === null) return false;
  if (!('name' in value && 'groups' in value && 'starter' in value)) return false;
  const { name, groups, starter } = value;
  return (
    typeof name === 'string' &&
    Array.isArray(groups) &&
    groups.every((each) => typeof each === 'string') &&
    typeof starter === 'object' &&
    starter !== null &&
    'pid' in starter &&
    typeof starter.pid === 'number' &&
    'startTicks' in starter &&
    typeof starter.startTicks === 'string'
  );
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}

function tailOf(text: string): string {
  return text.slice(-LOG_TAIL_CHARACTERS).trim();
}

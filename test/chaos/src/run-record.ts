// Owns what a run leaves on the machine and how it is removed: its directory with small disks mounted in it, its hosts
// with all that runs there, its private systemds. Also of a run whose process was killed: the next one removes it.
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stopPrivateSystemd } from '@parley/isolation/private-systemd';
import {
  identifyProcess,
  isProcessAlive,
  type ProcessIdentity,
} from '@parley/isolation/process-identity';
import { runCommand } from '@parley/isolation/run-command';
import * as z from 'zod';
import { removeClockMemory } from './clocks.ts';
import { removeNetwork, runsWithNetwork } from './network.ts';

const DIRECTORY_PREFIX = 'parley-chaos-';
const RECORD = 'run.json';
const Owner = z.object({ pid: z.int().min(1), startTicks: z.string() });
/** What a run that failed keeps. */
const KEPT = ['logs', 'frameworks', 'traces', 'plan.json'];

export type RunRecord = { readonly run: string; readonly directory: string };

export const agentsDirectory = (directory: string): string => path.join(directory, 'agents');
export const natsDirectory = (directory: string): string => path.join(directory, 'nats');

export async function beginRun(): Promise<RunRecord> {
  const run = randomBytes(3).toString('hex');
  const directory = directoryOf(run);
  mkdirSync(directory, { mode: 0o755 });
  const owner = await identifyProcess(process.pid);
  // Whole or not there: one that is half-written would look as if its owner were gone.
  const partial = path.join(directory, `${RECORD}.new`);
  writeFileSync(partial, JSON.stringify(owner));
  renameSync(partial, path.join(directory, RECORD));
  for (const name of ['logs', 'frameworks', 'traces', 'agents', 'nats', 'clocks']) {
    mkdirSync(path.join(directory, name));
  }
  return { run, directory };
}

/** May be called again. With `keep` logs and traces stay where they are. */
export async function endRun({ run, directory }: RunRecord, keep = false): Promise<void> {
  await removeNetwork(run);
  await stopSystemds(directory);
  removeClockMemory();
  for (const mount of mountsBelow(directory)) await unmount(mount);
  if (!keep) {
    await rm(directory, { recursive: true, force: true });
    return;
  }
  const names = readdirSync(directory).filter((name) => !KEPT.includes(name));
  for (const name of names) await rm(path.join(directory, name), { recursive: true, force: true });
}

/** The ids of the runs that were removed. One whose process lives is left alone. */
export async function removeLeftovers(): Promise<readonly string[]> {
  const withDirectory = readdirSync(tmpdir())
    .filter((name) => name.startsWith(DIRECTORY_PREFIX))
    .map((name) => name.slice(DIRECTORY_PREFIX.length));
  const removed: string[] = [];
  for (const run of new Set([...withDirectory, ...(await runsWithNetwork())])) {
    const directory = directoryOf(run);
    // A run that failed has no record any more: its logs are for whoever looks into it.
    const isKept = existsSync(directory) && !existsSync(path.join(directory, RECORD));
    if (isKept || (await isOwned(directory))) continue;
    await endRun({ run, directory });
    removed.push(run);
  }
  return removed;
}

async function isOwned(directory: string): Promise<boolean> {
  const owner = readOwner(directory);
  return owner !== undefined && (await isProcessAlive(owner));
}

function readOwner(directory: string): ProcessIdentity | undefined {
  try {
    const text = readFileSync(path.join(directory, RECORD), 'utf8');
    return Owner.safeParse(JSON.parse(text)).data;
  } catch {
    // There is none, or its process was killed while it wrote it.
    return undefined;
  }
}

/** Each agent starts one of its own, in its work directory. */
async function stopSystemds(directory: string): Promise<void> {
  const agents = agentsDirectory(directory);
  if (!existsSync(agents)) return;
  for (const agent of readdirSync(agents)) {
    const systemd = path.join(agents, agent, 'systemd');
    if (existsSync(systemd)) await stopPrivateSystemd(systemd);
  }
}

/** The innermost first. */
function mountsBelow(directory: string): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${directory}/`))
    .toSorted((one, other) => other.length - one.length);
}

async function unmount(mount: string): Promise<void> {
  const { code, stderr } = await runCommand(['umount', '--lazy', mount]);
  if (code !== 0) throw new Error(`umount ${mount}: ${stderr.trim()}`);
}

const directoryOf = (run: string): string => path.join(tmpdir(), `${DIRECTORY_PREFIX}${run}`);

// Decides which devices and directories of its host a task is given, of those that it asks for, by the agent's policy: as they
// are on the disk at this moment, without links. How the task comes to see them is in host-access.ts.
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { isBelow } from '@parley/isolation/confinement';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { HostVolume } from '@parley/protocol/host-places';
import type { AllowedDirectory } from './host-access-options.ts';

export type GrantedVolume = HostVolume & {
  /** Of the host, without links in it. */
  readonly from: string;
  /** The directory by which it is allowed. */
  readonly allowed: string;
};

/** What no task is to see. */
export type Secrets = { readonly workDirectory: string; readonly hidden: readonly string[] };

/** Whether a directory is, holds or lies in what no task may see; what lies in a hidden place may be allowed by itself. */
export function isSecret({ from, allowed }: GrantedVolume, secrets: Secrets): boolean {
  const { workDirectory, hidden } = secrets;
  return (
    isBelow(from, workDirectory) ||
    [workDirectory, ...hidden].some(
      (place) => isAtOrBelow(place, from) || (isBelow(place, allowed) && isBelow(from, place)),
    )
  );
}

/** Every confined task has them (`DevicePolicy=closed`): asking for one is no wish. */
const EVERYBODYS = new Set(
  ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx'].map((name) => `/dev/${name}`),
);
/** Of a directory: its group or others may write to it. */
const WRITABLE_BY_OTHERS = 0o022;

/** Nodes without links. Fails with `notPermitted`: the message names the device and what to do. */
export async function grantedDevices(
  asked: readonly string[],
  allowed: readonly string[],
): Promise<Outcome<string[]>> {
  const granted = new Set<string>();
  for (const device of asked.filter((each) => !EVERYBODYS.has(each))) {
    const node = await found(device);
    if (node === undefined) return refused(`there is no device ${device} on this agent`);
    if (!(await isAllowed(node, allowed))) {
      return refused(
        `this agent gives the device ${device} to no task: start it with --task-devices ${device}, or ask another agent`,
      );
    }
    const status = await stat(node);
    if (!status.isCharacterDevice() && !status.isBlockDevice()) {
      return refused(`${device} is no device`);
    }
    granted.add(node);
  }
  return succeed([...granted]);
}

/** Fails with `notPermitted`: the message names the directory and what to do. */
export async function grantedVolumes(
  asked: readonly HostVolume[],
  allowed: readonly AllowedDirectory[],
): Promise<Outcome<GrantedVolume[]>> {
  const granted: GrantedVolume[] = [];
  for (const volume of asked) {
    const one = await grantedVolume(volume, allowed);
    if (!one.ok) return one;
    granted.push(one.value);
  }
  return succeed(granted);
}

async function grantedVolume(
  volume: HostVolume,
  allowed: readonly AllowedDirectory[],
): Promise<Outcome<GrantedVolume>> {
  const { hostPath, readOnly } = volume;
  const from = await found(hostPath);
  const places = await Promise.all(
    allowed.map(async (each) => ({ ...each, real: await found(each.path) })),
  );
  const above = places.filter(
    ({ real }) => from !== undefined && real !== undefined && isAtOrBelow(from, real),
  );
  if (from === undefined || above.length === 0) {
    // Whether it is there is not told to whom it is not for.
    return refused(
      `this agent gives its directory ${hostPath} to no task: start it with --host-volumes ${hostPath}, or ask another agent`,
    );
  }
  const place = above.find((each) => readOnly || !each.readOnly);
  if (place?.real === undefined) {
    return refused(`this agent gives ${hostPath} to read only: say "readOnly": true`);
  }
  if (!(await stat(from)).isDirectory()) return refused(`${hostPath} is no directory`);
  const loose = await replaceableIn(place.real, from);
  return loose === undefined
    ? succeed({ ...volume, from, allowed: place.real })
    : refused(
        `what ${hostPath} is could be changed by who writes to ${loose}, which is not root's alone: let the agent give ${hostPath} by itself (--host-volumes), or change the rights of ${loose}`,
      );
}

/**
 * A directory on the way from the one that is allowed whose entries others than root and the agent's user can exchange, so
 * that a link could stand there when it is mounted.
 */
async function replaceableIn(allowed: string, target: string): Promise<string | undefined> {
  const parts = path
    .relative(allowed, target)
    .split('/')
    .filter((part) => part !== '');
  for (let depth = 0; depth < parts.length; depth += 1) {
    const directory = path.join(allowed, ...parts.slice(0, depth));
    const { uid, mode } = await stat(directory);
    const isOurs = uid === 0 || uid === process.geteuid?.();
    if (!isOurs || (mode & WRITABLE_BY_OTHERS) !== 0) return directory;
  }
  return undefined;
}

async function isAllowed(node: string, allowed: readonly string[]): Promise<boolean> {
  const places = await Promise.all(allowed.map(found));
  return (
    node.startsWith('/dev/') &&
    places.some((place) => place !== undefined && isAtOrBelow(node, place))
  );
}

function isAtOrBelow(place: string, other: string): boolean {
  return place === other || isBelow(place, other);
}

/** Without links; undefined where nothing is. */
function found(place: string): Promise<string | undefined> {
  return realpath(place).catch(() => undefined);
}

function refused(message: string): Outcome<never> {
  return fail('notPermitted', message);
}

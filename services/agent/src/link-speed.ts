// Owns how fast the host's network link is, out of what the kernel shows in files: the class folder of its interfaces and
// its table of routes. What is offered of it is in host-resources.ts.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export type LinkFiles = {
  /** `/sys/class/net`: a folder for each interface. */
  readonly interfaces: string;
  /** `/proc/net/route`: the routes of IPv4. */
  readonly routes: string;
};

export const HOST_LINK_FILES: LinkFiles = {
  interfaces: '/sys/class/net',
  routes: '/proc/net/route',
};

/** A link that says more is a driver's nonsense. */
const MAX_MBIT = 10_000_000;
/** Some drivers never say that a link is up. */
const LIVE_STATES: ReadonlySet<string> = new Set(['up', 'unknown']);
const EVERYWHERE = '00000000';

/**
 * In Mbit/s, of the interface of the default route; where that one tells none (a bridge, a bond without members) or
 * there is no such route, of the fastest physical interface that is up. Undefined where nobody tells: virtual machines
 * and containers often do not know.
 */
export function linkSpeedMbit(files: LinkFiles): number | undefined {
  const byDefault = defaultInterface(textOf(files.routes) ?? '');
  if (byDefault !== undefined) {
    const speed = speedOf(files, byDefault);
    if (speed !== undefined) return speed;
  }
  const speeds = namesOf(files.interfaces)
    .filter((name) => isPhysical(files, name))
    .map((name) => speedOf(files, name))
    .filter((speed) => speed !== undefined);
  return speeds.length === 0 ? undefined : Math.max(...speeds);
}

/** Of several default routes the one with the lowest metric, as the kernel chooses. */
function defaultInterface(table: string): string | undefined {
  let found: { readonly name: string; readonly metric: number } | undefined;
  for (const line of table.split('\n').slice(1)) {
    const [name, destination, , , , , metricText, mask] = line.trim().split(/\s+/);
    if (name === undefined || destination !== EVERYWHERE || mask !== EVERYWHERE) continue;
    const metric = Number(metricText);
    if (found === undefined || metric < found.metric) found = { name, metric };
  }
  return found?.name;
}

/** Not of the loopback, and not of a link that is down: the kernel shows -1 or nothing for what it does not know. */
function speedOf(files: LinkFiles, name: string): number | undefined {
  const operstate = textOf(path.join(files.interfaces, name, 'operstate')) ?? '';
  if (name === 'lo' || !LIVE_STATES.has(operstate)) return undefined;
  const speed = Number(textOf(path.join(files.interfaces, name, 'speed')) ?? Number.NaN);
  return Number.isInteger(speed) && speed > 0 && speed <= MAX_MBIT ? speed : undefined;
}

/** Only what sits on hardware has a device. */
function isPhysical(files: LinkFiles, name: string): boolean {
  return statSync(path.join(files.interfaces, name, 'device'), { throwIfNoEntry: false }) != null;
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // A host without this folder has no interfaces that it could tell of.
    return [];
  }
}

/** Reading the speed of a link that is down fails: it is not known then. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

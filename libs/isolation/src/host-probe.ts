// Gathers the facts about this host that host-support.ts decides on. What can only be known by trying (making
// namespaces, asking the user's manager for a scope) is tried, without leaving anything behind.

import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type CgroupMounts, parseCgroupMounts } from './cgroup-mounts.ts';
import type { HostFacts, UserManagerFacts } from './host-support.ts';
import { runCommand } from './run-command.ts';
import { userManagerEnvironment } from './user-manager.ts';

const PRIVATE_SYSTEMD_PROGRAMS = [
  ['/lib/systemd/systemd', '/usr/lib/systemd/systemd'],
  ['/usr/bin/systemctl', '/bin/systemctl'],
  ['/usr/bin/unshare', '/bin/unshare'],
  ['/usr/bin/nsenter', '/bin/nsenter'],
  ['/usr/bin/mount', '/bin/mount'],
];
/** Those that limits are kept by; the first three are needed, the others are where the host has them. */
const CONTROLLERS = ['cpu', 'memory', 'pids', 'io', 'blkio', 'cpuset', 'devices'];

/** Takes some 20 ms; never rejects on a host that lacks something. */
export async function probeHost(): Promise<HostFacts> {
  const userId = process.getuid?.() ?? -1;
  const isRoot = userId === 0;
  const mounts = parseCgroupMounts(
    await readOrEmpty('/proc/self/mountinfo'),
    await readOrEmpty('/proc/self/cgroup'),
  );
  const initName = (await readOrEmpty('/proc/1/comm')).trim();
  const systemdBooted = await isThere('/run/systemd/system');
  return {
    platform: process.platform,
    isRoot,
    initName,
    systemdBooted,
    systemdVersion: await readSystemdVersion(),
    missingPrograms: await missingPrograms(),
    cgroupLayout: mounts.layout,
    controllers: await usableControllers(mounts),
    systemControllers: await systemControllers(mounts),
    hasSystemdHierarchy: mounts.hierarchies.some((each) => each.option === 'name=systemd'),
    cgroupsWritable: await areWritable(mounts),
    canUnshare: isRoot && (await canUnshare()),
    userManager: isRoot || !systemdBooted ? undefined : await probeUserManager(userId),
  };
}

async function readSystemdVersion(): Promise<number | undefined> {
  // "systemd 252 (252.38-1~deb12u1)"
  const said = await runCommand(['systemd-run', '--version']);
  const [, version] = /^systemd (\d+)/.exec(said.stdout) ?? [];
  return said.code === 0 && version !== undefined ? Number(version) : undefined;
}

async function missingPrograms(): Promise<string[]> {
  const missing: string[] = [];
  for (const places of PRIVATE_SYSTEMD_PROGRAMS) {
    const found = await Promise.all(places.map(isThere));
    if (!found.includes(true)) missing.push(path.basename(places[0] ?? ''));
  }
  return missing;
}

async function usableControllers(mounts: CgroupMounts): Promise<string[]> {
  if (mounts.layout !== 'unified') {
    const options = mounts.hierarchies.flatMap((each) => each.option.split(','));
    return CONTROLLERS.filter((each) => options.includes(each));
  }
  const [unified] = mounts.hierarchies;
  if (unified === undefined) return [];
  // Only the root of all groups has no cgroup.type, and only it hands controllers down while holding processes.
  const isTrueRoot = !(await isThere(path.join(unified.ownGroup, 'cgroup.type')));
  const file = isTrueRoot ? 'cgroup.controllers' : 'cgroup.subtree_control';
  const listed = (await readOrEmpty(path.join(unified.ownGroup, file))).trim().split(' ');
  return CONTROLLERS.filter((each) => listed.includes(each));
}

async function systemControllers({ layout, hierarchies }: CgroupMounts): Promise<string[]> {
  const [first] = hierarchies;
  if (layout !== 'unified' || first === undefined) {
    return hierarchies.flatMap((each) => each.option.split(','));
  }
  const listed = await readOrEmpty(path.join(first.mountPoint, 'cgroup.controllers'));
  return listed.trim().split(' ');
}

async function areWritable(mounts: CgroupMounts): Promise<boolean> {
  const answers = await Promise.all(
    mounts.hierarchies.map((each) => isAllowed(each.ownGroup, constants.W_OK)),
  );
  return answers.length > 0 && !answers.includes(false);
}

async function canUnshare(): Promise<boolean> {
  const namespaces = ['--mount', '--pid', '--cgroup', '--uts', '--ipc', '--fork'];
  const mountOne = ['mount', '-t', 'tmpfs', 'tmpfs', '/mnt'];
  return (await runCommand(['unshare', ...namespaces, '--', ...mountOne])).code === 0;
}

async function probeUserManager(userId: number): Promise<UserManagerFacts> {
  const scope = ['systemd-run', '--user', '--scope', '--quiet', '--collect', '--', 'true'];
  const { code } = await runCommand(scope, userManagerEnvironment(userId));
  const group = `/sys/fs/cgroup/user.slice/user-${userId}.slice/user@${userId}.service`;
  const controllers = (await readOrEmpty(`${group}/cgroup.controllers`)).trim().split(' ');
  return { answers: code === 0, controllers: controllers.filter((each) => each !== '') };
}

function isThere(file: string): Promise<boolean> {
  return isAllowed(file, constants.F_OK);
}

async function isAllowed(file: string, mode: number): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}

async function readOrEmpty(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

// Makes and removes the cgroups that a private systemd lives in, one below the caller's own group of every
// hierarchy. The caller itself stays where it is. Which groups those are is the caller's decision.

import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CgroupMounts } from './cgroup-mounts.ts';
import { errorCode } from './file-failure.ts';

const REQUIRED_V2_CONTROLLERS = ['cpu', 'memory', 'pids'];
/** Where the group has them. */
const WANTED_V2_CONTROLLERS = ['io', 'cpuset'];
const REMOVE_ATTEMPTS = 600;
const REMOVE_PAUSE_MS = 25;

/** Creates `groupName` below the caller's own group in each hierarchy. Rejects with the reason when it cannot. */
export async function createGroups(mounts: CgroupMounts, groupName: string): Promise<void> {
  for (const { option, ownGroup } of mounts.hierarchies) {
    const group = path.join(ownGroup, groupName);
    if (mounts.layout === 'unified') await delegateControllers(ownGroup);
    await mkdir(group);
    // A cpuset takes no process before it has CPUs and memory nodes (cpuset(7)).
    if (option.split(',').includes('cpuset')) await copyCpuset(ownGroup, group);
  }
}

/**
 * Kills every process in the group and below it, then removes them all. Does nothing where there is no such
 * group. Rejects when a process of it does not die.
 */
export async function removeGroup(group: string): Promise<void> {
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt += 1) {
    const groups = await listGroups(group);
    if (groups.length === 0) return;
    // Deepest first, as rmdir wants it.
    const left = await Promise.all(groups.reverse().map(tryRemove));
    if (left.every((removed) => removed)) return;
    await delay(REMOVE_PAUSE_MS);
  }
  throw new Error(`the cgroup ${group} still holds processes after they were killed`);
}

async function tryRemove(group: string): Promise<boolean> {
  try {
    const members = await readFile(path.join(group, 'cgroup.procs'), 'utf8');
    for (const member of members.split('\n')) {
      // 0 is a process of another pid namespace: it dies with that namespace's first process.
      if (member !== '' && member !== '0') killIfThere(Number(member));
    }
    await rmdir(group);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** The group and all below it, parents before children; empty when there is none. */
async function listGroups(group: string): Promise<string[]> {
  try {
    const entries = await readdir(group, { withFileTypes: true });
    const children = entries.filter((entry) => entry.isDirectory());
    const below = await Promise.all(
      children.map((child) => listGroups(path.join(group, child.name))),
    );
    return [group, ...below.flat()];
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') return [];
    throw error;
  }
}

async function copyCpuset(from: string, to: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    await writeFile(path.join(to, file), await readFile(path.join(from, file), 'utf8'));
  }
}

// v2 hands a controller down only from a group without processes of its own, or from the real root.
async function delegateControllers(group: string): Promise<void> {
  const control = path.join(group, 'cgroup.subtree_control');
  const enabled = (await readFile(control, 'utf8')).trim().split(' ');
  const there = (await readFile(path.join(group, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  const wanted = WANTED_V2_CONTROLLERS.filter((each) => there.includes(each));
  const missing = [...REQUIRED_V2_CONTROLLERS, ...wanted].filter((each) => !enabled.includes(each));
  if (missing.length > 0) await writeFile(control, missing.map((each) => `+${each}`).join(' '));
}

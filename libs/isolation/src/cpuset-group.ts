// Owns the cgroup v1 groups that keep a task on CPUs of its own, and the others off them: systemd has none for a scope there. On
// v2 the scope's own property does the first. Source: cpuset(7).

import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatCpuList, parseCpuList } from './cpu-list.ts';
import { errorCode } from './file-failure.ts';

/** Of the hierarchy, where tasks run; a link leads there when it is shared with other controllers. */
const CPUSET_HIERARCHY = '/sys/fs/cgroup/cpuset';
const PINNED = 'parley-pinned';
/** Of all tasks that have none of their own; enter-scope.sh knows it too. */
export const OTHERS_GROUP = path.join(CPUSET_HIERARCHY, 'parley-others');
const MEMORY_NODES = 'cpuset.mems';
const CPUS = 'cpuset.cpus';
/** What is moved may fork meanwhile: its children are found by the next look. */
const MAX_MOVES = 10;
const MAX_LOOKS = 10;
const REMOVE_ATTEMPTS = 20;
const REMOVE_PAUSE_MS = 10;

/** As tasks see it; enter-scope.sh knows it too. */
export function cpusetGroupOf(unit: string): string {
  return path.join(CPUSET_HIERARCHY, PINNED, unit);
}

/** `rootPath`: leads to the files as tasks see them. One that is there gets these CPUs. Rejects with the file error. */
export async function makeCpusetGroup(
  rootPath: string,
  unit: string,
  cpus: readonly number[],
): Promise<void> {
  const hierarchy = path.join(rootPath, CPUSET_HIERARCHY);
  const group = path.join(rootPath, cpusetGroupOf(unit));
  await mkdir(group, { recursive: true });
  // A group has none of either at first, and takes no process without.
  for (const file of [CPUS, MEMORY_NODES]) {
    const all = await readFile(path.join(hierarchy, file), 'utf8');
    await writeFile(path.join(hierarchy, PINNED, file), all);
    await writeFile(path.join(group, file), file === CPUS ? formatCpuList(cpus) : all);
  }
}

/**
 * Where others run from now on: on all but these and those of every pinned group, which another agent of this host may have
 * made, or on all where none would be left. Rejects with the file error.
 */
export async function keepOthersOff(rootPath: string, taken: readonly number[]): Promise<void> {
  const hierarchy = path.join(rootPath, CPUSET_HIERARCHY);
  const group = path.join(rootPath, OTHERS_GROUP);
  const all = await readFile(path.join(hierarchy, CPUS), 'utf8');
  await mkdir(group, { recursive: true });
  const nodes = await readFile(path.join(hierarchy, MEMORY_NODES), 'utf8');
  await writeFile(path.join(group, MEMORY_NODES), nodes);
  let written: string | undefined;
  // Another agent may make a group, and write as well, between the look and the write: looked at again until it is the same.
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const off = new Set([...taken, ...(await pinnedCpus(hierarchy))]);
    const left = (parseCpuList(all) ?? []).filter((cpu) => !off.has(cpu));
    const wanted = left.length === 0 ? all : formatCpuList(left);
    if (wanted === written) return;
    await writeFile(path.join(group, CPUS), wanted);
    written = wanted;
  }
}

/** Of all pinned groups of the host. */
async function pinnedCpus(hierarchy: string): Promise<number[]> {
  const pinned = path.join(hierarchy, PINNED);
  const entries = await readdir(pinned, { withFileTypes: true }).catch(() => []);
  const groups = entries.filter((entry) => entry.isDirectory());
  const lists = groups.map(({ name }) =>
    readFile(path.join(pinned, name, CPUS), 'utf8').catch(() => ''),
  );
  return (await Promise.all(lists)).flatMap((list) => parseCpuList(list.trim()) ?? []);
}

/** All processes of another group, such as a scope's. `procs`: its file. One that ends meanwhile is no failure. */
export async function moveToOthers(rootPath: string, procs: string): Promise<void> {
  const others = path.join(rootPath, OTHERS_GROUP, 'cgroup.procs');
  const moved = new Set<string>();
  for (let move = 0; move < MAX_MOVES; move += 1) {
    const text = await readFile(path.join(rootPath, procs), 'utf8').catch(() => '');
    const left = text.split('\n').filter((pid) => pid !== '' && !moved.has(pid));
    if (left.length === 0) return;
    for (const pid of left) {
      moved.add(pid);
      await writeFile(others, pid).catch((error: unknown) => {
        if (errorCode(error) !== 'ESRCH') throw error;
      });
    }
  }
}

/** Answers false while a process is in it. Rejects with the file error. */
export async function removeCpusetGroup(rootPath: string, unit: string): Promise<boolean> {
  for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt += 1) {
    try {
      await rmdir(path.join(rootPath, cpusetGroupOf(unit)));
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return true;
      if (errorCode(error) !== 'EBUSY') throw error;
    }
    // Killed processes are in it for a moment yet.
    await delay(REMOVE_PAUSE_MS);
  }
  return false;
}

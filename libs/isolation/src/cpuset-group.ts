// Owns the cgroup v1 group that keeps a task on CPUs of its own: systemd has none for a scope there. On v2 the scope's own
// property does it. Source: cpuset(7).

import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatCpuList } from './cpu-list.ts';
import { errorCode } from './file-failure.ts';

/** Of the hierarchy, where tasks run; a link leads there when it is shared with other controllers. */
const CPUSET_HIERARCHY = '/sys/fs/cgroup/cpuset';
const PINNED = 'parley-pinned';
const MEMORY_NODES = 'cpuset.mems';
const CPUS = 'cpuset.cpus';
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

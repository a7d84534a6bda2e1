// Owns the end of what tasks are still running when a local cluster stops: a private systemd goes with all that
// is in it, scopes of the host's systemd and plain processes are ended one by one. Only this cluster's.

import type { TaskLauncher } from '@parley/isolation/launcher';
import { stopPrivateSystemd } from '@parley/isolation/private-systemd';
import { createProcessLauncher } from '@parley/isolation/process-launcher';
import { listRuns } from '@parley/isolation/run-directory';
import { runRootOf } from '@parley/isolation/sandbox';
import { stopScope } from '@parley/isolation/stop-scope';
import { createSystemdRunLauncher } from '@parley/isolation/systemd-run-launcher';
import { systemCode } from '../command-failure.ts';
import type { ClusterPaths } from './cluster-paths.ts';
import type { Isolation } from './isolation-choice.ts';

const GRACE_MS = 2000;

/** Resolves when no task of these agents runs any more. */
export async function endTasks(
  paths: ClusterPaths,
  agentIds: readonly string[],
  isolation: Isolation,
): Promise<void> {
  if (isolation.kind === 'private-systemd') {
    await stopPrivateSystemd(paths.systemd);
    return;
  }
  for (const agentId of agentIds) {
    const runRoot = runRootOf(paths.agentWork(agentId));
    await endRuns(launcherOf(isolation, runRoot), runRoot);
  }
}

function launcherOf(
  isolation: Exclude<Isolation, { kind: 'private-systemd' }>,
  runRoot: string,
): TaskLauncher {
  if (isolation.kind === 'process') return createProcessLauncher({ runRoot });
  const manager = isolation.kind === 'user-systemd' ? 'user' : 'system';
  return createSystemdRunLauncher({ manager, systemdVersion: isolation.systemdVersion });
}

async function endRuns(launcher: TaskLauncher, runRoot: string): Promise<void> {
  const runs = new Set(await runsOf(runRoot));
  if (runs.size === 0) return;
  const live = [...(await launcher.list())].filter((unit) => runs.has(unit));
  await Promise.all(live.map((unit) => stopScope(launcher, unit, { graceMs: GRACE_MS })));
}

async function runsOf(runRoot: string): Promise<string[]> {
  try {
    return await listRuns(runRoot);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

// Runs tasks as plain processes, each in a session of its own, without limits: only for a host that has nothing
// better and an operator who said so (`--isolation process`). A process that starts a session of its own escapes
// it, unless the task is confined: then the processes of its namespaces end together.

import path from 'node:path';
import { errorCode } from './file-failure.ts';
import {
  type LaunchOutcome,
  limitsFault,
  processFragment,
  type StopSignal,
  type TaskLauncher,
  type TaskLimits,
  type UnitInspection,
} from './launcher.ts';
import { isProcessAlive, readBootId } from './process-identity.ts';
import { listRuns, readBootOfRun, readShimProcess, type ShimProcess } from './run-directory.ts';
import { notLaunched, type ShimExitHandler, spawnShim, startShim } from './start-shim.ts';

export type ProcessLauncherOptions = {
  /** Holds a directory a run, named after its unit: the only record of what was started. */
  readonly runRoot: string;
  readonly onShimExit?: ShimExitHandler;
  /** Of this host, by default. */
  readonly readBootId?: () => Promise<string>;
};

const NO_NETWORKS: LaunchOutcome = {
  ok: false,
  failure: {
    code: 'invalidRequest',
    message:
      'plain processes have the network of their host: a task with another one needs an agent that runs its tasks in scopes',
  },
};
const NO_LIMITS =
  'plain processes have no limits: a task with one on input and output, or with CPUs of its own, needs an agent that runs its tasks in scopes';

export function createProcessLauncher(options: ProcessLauncherOptions): TaskLauncher {
  const { runRoot, readBootId: readBoot = readBootId } = options;
  let boot: Promise<string> | undefined;

  function thisBoot(): Promise<string> {
    boot ??= readBoot();
    return boot;
  }

  /** Nothing of an earlier boot lives: its pid and start time may by now be another process's. */
  async function findLive(unit: string): Promise<ShimProcess | undefined> {
    const directory = path.join(runRoot, unit);
    const launchedIn = await readBootOfRun(directory);
    if (launchedIn !== undefined && launchedIn !== (await thisBoot())) return undefined;
    const shim = await readShimProcess(directory);
    return shim !== undefined && (await isProcessAlive(shim)) ? shim : undefined;
  }

  return {
    async launch(request): Promise<LaunchOutcome> {
      if (request.network !== undefined) return NO_NETWORKS;
      if ((request.limits.io ?? request.pinned) !== undefined) return notLaunched(NO_LIMITS);
      return startShim({
        request,
        files: { environment: processFragment(request), boot: await thisBoot() },
        start: () =>
          spawnShim({
            request,
            mode: 'process',
            prefix: [],
            prefixEnvironment: {},
            onShimExit: options.onShimExit,
          }),
        isPending: async () => (await findLive(request.unit)) !== undefined,
      });
    },

    async stop(unit: string, signal: StopSignal): Promise<boolean> {
      const shim = await findLive(unit);
      return shim !== undefined && signalGroup(shim.pid, signal);
    },

    async setLimits(unit: string, limits: TaskLimits): Promise<boolean> {
      const fault = limitsFault(limits);
      if (fault !== undefined) throw new RangeError(fault);
      return (await findLive(unit)) !== undefined;
    },

    async list(): Promise<ReadonlySet<string>> {
      const live = new Set<string>();
      for (const unit of await listRuns(runRoot)) {
        if ((await findLive(unit)) !== undefined) live.add(unit);
      }
      return live;
    },

    async inspect(unit: string): Promise<UnitInspection> {
      return { alive: (await findLive(unit)) !== undefined, result: undefined };
    },
  };
}

// The shim leads the group, since it was started in a session of its own.
function signalGroup(leader: number, signal: StopSignal): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
    throw error;
  }
}

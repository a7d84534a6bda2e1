// Chooses and prepares the way in which this agent runs tasks: the host's systemd, the user's, a private one, or plain
// processes when an operator asked for them by name. It refuses before anything was started (design 6).
import path from 'node:path';
import { probeHost } from '@parley/isolation/host-probe';
import {
  detectIsolation,
  type IsolationSupport,
  scopeControllers,
} from '@parley/isolation/host-support';
import { countInputOutput } from '@parley/isolation/io-counting';
import { findIoHost } from '@parley/isolation/io-host';
import type { IoHost } from '@parley/isolation/io-limits';
import type { TaskLauncher } from '@parley/isolation/launcher';
import type { NetworkRange } from '@parley/isolation/network-range';
import {
  findPrivateSystemd,
  type PrivateSystemd,
  startPrivateSystemd,
} from '@parley/isolation/private-systemd';
import { createProcessLauncher } from '@parley/isolation/process-launcher';
import { runRootOf } from '@parley/isolation/sandbox';
import { createScopeLauncher, supportsScopeLauncher } from '@parley/isolation/scope-launcher';
import { type ScopeTaskLauncher, weighSlices } from '@parley/isolation/slice-weights';
import type { ShimExitHandler } from '@parley/isolation/start-shim';
import { createSystemdRunLauncher } from '@parley/isolation/systemd-run-launcher';
import { TaskNetworks } from '@parley/isolation/task-networks';
import { type CgroupMode, cgroupModeOf } from '@parley/isolation/unit-properties';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AgentId } from '@parley/protocol/ids';
import type { PinHost } from './cpu-pins.ts';

export const ISOLATION_MODES = ['auto', 'systemd', 'user', 'process'] as const;
export type IsolationMode = (typeof ISOLATION_MODES)[number];

/** Into scopes: `systemd-run` is a program a launch, `direct` asks systemd itself and is the faster by far. */
export const LAUNCHERS = ['auto', 'direct', 'systemd-run'] as const;
export type LauncherChoice = (typeof LAUNCHERS)[number];

export type IsolationRequest = {
  readonly mode: IsolationMode;
  readonly launcher: LauncherChoice;
  readonly agentId: AgentId;
  readonly workDirectory: string;
  /** State directory of a private systemd that somebody else started and will end. */
  readonly privateSystemd: string | undefined;
  /** Addresses for tasks that ask for a private network; without them none can have one. */
  readonly taskNetwork?: NetworkRange | undefined;
};

export type PreparedIsolation = {
  readonly kind: Exclude<IsolationSupport['kind'], 'unsupported'> | 'process';
  /** Where the files of cgroups are found. */
  readonly rootPath: string;
  /** Leads into the namespaces that tasks run in; empty when they are this process's own. */
  readonly enterCommand: readonly string[];
  readonly launcher: 'direct' | 'systemd-run' | 'none';
  /** Of the systemd that makes the scopes. */
  readonly systemdVersion?: number;
  /** How tasks are kept on CPUs of their own. */
  readonly pinning: PinHost;
  /** Where tasks can have private ones. */
  readonly networks?: TaskNetworks;
  createLauncher(onShimExit: ShimExitHandler): TaskLauncher;
  /** Ends what this agent started beside tasks; for when no task is left. */
  release(): Promise<void>;
};

const REMEDY =
  'or run tasks as plain processes, without limits, with --isolation process --confine default';

/** Fails with `notPermitted`: this host cannot do what was asked; the message says why and what to do. */
export async function prepareIsolation(
  request: IsolationRequest,
): Promise<Outcome<PreparedIsolation>> {
  const prepared = await prepareScopes(request);
  const { taskNetwork: range } = request;
  if (!prepared.ok || range === undefined) return prepared;
  const { kind, enterCommand } = prepared.value;
  if (kind === 'process' || kind === 'user-systemd') {
    return refused('--task-network needs root, and tasks in scopes: leave it out');
  }
  try {
    const networks = await TaskNetworks.open({ range, enterCommand });
    return succeed({ ...prepared.value, networks });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refused(
      `--task-network: ${why}; it needs iproute2, nftables and IP forwarding: install them, or leave it out`,
    );
  }
}

async function prepareScopes(request: IsolationRequest): Promise<Outcome<PreparedIsolation>> {
  const { mode, privateSystemd, workDirectory } = request;
  const runRoot = runRootOf(workDirectory);
  if (mode === 'process') {
    return succeed({
      kind: 'process',
      rootPath: '/',
      enterCommand: [],
      launcher: 'none',
      pinning: { lacks: 'plain processes have no limits' },
      createLauncher: (onShimExit) => createProcessLauncher({ runRoot, onShimExit }),
      release: async () => undefined,
    });
  }
  const facts = await probeHost();
  const support = detectIsolation(facts);
  if (support.kind === 'unsupported') {
    return refused(`${support.reason}. ${support.remedy}`);
  }
  if (mode === 'user' && support.kind !== 'user-systemd') {
    return refused(
      `--isolation user needs a systemd that runs for this user, and this host has ${support.kind}: use --isolation auto; ${REMEDY}`,
    );
  }
  if (mode === 'systemd' && support.kind === 'user-systemd') {
    return refused(`--isolation systemd needs root: use --isolation user; ${REMEDY}`);
  }
  const isDirect = await chooseLauncher(request.launcher, support.kind);
  if (!isDirect.ok) return isDirect;
  const kind = privateSystemd === undefined ? support.kind : 'private-systemd';
  const controllers = scopeControllers(kind, facts);
  const how = {
    systemdVersion: support.systemdVersion,
    cgroupMode: cgroupModeOf(facts.cgroupLayout),
    isDirect: isDirect.value,
    io: await ioHostOf(workDirectory, controllers),
    hasCpusets: controllers.includes('cpuset'),
  };
  if (privateSystemd !== undefined) {
    const found = await findPrivateSystemd(privateSystemd);
    return found === undefined
      ? refused(`no private systemd runs that is recorded in ${privateSystemd}: start it first`)
      : succeed(inPrivateSystemd(found, how, async () => undefined));
  }
  if (support.kind === 'private-systemd') return ownPrivateSystemd(request, how);
  const manager = support.kind === 'user-systemd' ? 'user' : 'system';
  return succeed({
    kind: support.kind,
    rootPath: '/',
    enterCommand: [],
    launcher: how.isDirect ? 'direct' : 'systemd-run',
    systemdVersion: how.systemdVersion,
    pinning: pinHostOf(how, '/'),
    createLauncher: scopeLaunchers({ ...how, manager, enterCommand: [] }),
    release: async () => undefined,
  });
}

async function ioHostOf(directory: string, controllers: readonly string[]): Promise<IoHost> {
  const io = await findIoHost({ directory, controllers });
  if ('device' in io && controllers.includes('blkio')) await countInputOutput(io.device);
  return io;
}

/** Whether scopes are asked for directly. Fails when that was asked for and cannot be. */
async function chooseLauncher(
  launcher: LauncherChoice,
  kind: IsolationSupport['kind'],
): Promise<Outcome<boolean>> {
  if (launcher === 'systemd-run') return succeed(false);
  const isPossible = kind !== 'user-systemd' && (await supportsScopeLauncher());
  if (isPossible || launcher === 'auto') return succeed(isPossible);
  return fail(
    'notPermitted',
    "--launcher direct needs the system's systemd with systemd-stdio-bridge, setsid, and env --default-signal (coreutils 8.31): use --launcher auto",
  );
}

type LaunchHow = {
  readonly systemdVersion: number;
  readonly cgroupMode: CgroupMode;
  readonly isDirect: boolean;
  readonly io: IoHost;
  readonly hasCpusets: boolean;
};

function pinHostOf({ cgroupMode, hasCpusets }: LaunchHow, rootPath: string): PinHost {
  if (!hasCpusets) return { lacks: 'the cgroup controller cpuset is not there for its agent' };
  return cgroupMode === 'v1' ? { kind: 'group', rootPath } : { kind: 'scope' };
}

function scopeLaunchers(
  how: LaunchHow & {
    readonly manager: 'system' | 'user';
    readonly enterCommand: readonly string[];
  },
): PreparedIsolation['createLauncher'] {
  const { isDirect, hasCpusets: _, ...options } = how;
  const create = (onShimExit: ShimExitHandler): ScopeTaskLauncher =>
    isDirect
      ? createScopeLauncher({ ...options, onShimExit })
      : createSystemdRunLauncher({ ...options, onShimExit });
  return (onShimExit) => weighSlices(create, { onShimExit });
}

/** One that goes on when the agent ends, since its tasks do, and that the next start of the agent finds. */
async function ownPrivateSystemd(
  { agentId, workDirectory }: IsolationRequest,
  how: LaunchHow,
): Promise<Outcome<PreparedIsolation>> {
  const stateDirectory = path.join(workDirectory, 'systemd');
  try {
    const systemd =
      (await findPrivateSystemd(stateDirectory)) ??
      (await startPrivateSystemd({ stateDirectory, name: agentId }));
    return succeed(inPrivateSystemd(systemd, how, () => systemd.stop()));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refused(`${why}; ${REMEDY}`);
  }
}

function inPrivateSystemd(
  systemd: PrivateSystemd,
  how: LaunchHow,
  release: () => Promise<void>,
): PreparedIsolation {
  const { enterCommand, rootPath } = systemd;
  return {
    kind: 'private-systemd',
    rootPath,
    enterCommand,
    launcher: how.isDirect ? 'direct' : 'systemd-run',
    systemdVersion: how.systemdVersion,
    pinning: pinHostOf(how, rootPath),
    createLauncher: scopeLaunchers({ ...how, manager: 'system', enterCommand }),
    release,
  };
}

function refused(message: string): Outcome<PreparedIsolation> {
  return fail('notPermitted', message);
}

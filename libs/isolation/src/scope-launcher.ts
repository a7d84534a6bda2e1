// Runs tasks in transient systemd scopes without a further program a launch: the shim is forked by spawner.sh and
// put into its scope over systemd's own socket, which is what systemd-run does too. The fast one of the two; what
// is seldom asked (which units live) it leaves to the plain one, systemd-run-launcher.ts.

import { constants } from 'node:os';
import type { DBusProperty } from './dbus-wire.ts';
import type { IoHost } from './io-limits.ts';
import {
  type LaunchOutcome,
  type LaunchRequest,
  launchFragment,
  limitsFault,
  type StopSignal,
  type TaskLimits,
} from './launcher.ts';
import { runCommand } from './run-command.ts';
import { linkOutputs } from './run-directory.ts';
import type { ScopeTaskLauncher } from './slice-weights.ts';
import { Spawner } from './spawner.ts';
import { notLaunched, type ShimExitHandler, startShim } from './start-shim.ts';
import { SystemdConnection, SystemdError } from './systemd-connection.ts';
import {
  createSystemdRunLauncher,
  OOM_POLICY_VERSION,
  type ScopeHow,
} from './systemd-run-launcher.ts';
import { sliceOf, TASKS_SLICE } from './unit-name.ts';
import {
  type CgroupMode,
  changedProperties,
  type LimitsHost,
  launchProperties,
  sliceProperties,
  toWire,
  unkeptLimits,
} from './unit-properties.ts';

export type ScopeLauncherOptions = {
  /** Of the host; the system's systemd only, since a user's may not move processes by itself. */
  readonly systemdVersion: number;
  /** How to get into a private systemd's namespaces; empty on a host whose PID 1 is systemd. */
  readonly enterCommand?: readonly string[];
  readonly slice?: string;
  readonly cgroupMode: CgroupMode;
  readonly io: IoHost;
  /** Told when a unit of a task is gone, in whatever process it was launched. */
  readonly onShimExit?: ShimExitHandler;
};

const NO_SUCH_UNIT = 'org.freedesktop.systemd1.NoSuchUnit';

/** Whether this host has the programs that launching this way takes; `env` resets signals since coreutils 8.31. */
export async function supportsScopeLauncher(): Promise<boolean> {
  const said = await Promise.all([
    runCommand(['setsid', '/usr/bin/env', '-i', '--default-signal=INT', '/bin/true']),
    runCommand(['systemd-stdio-bridge', '--version']),
  ]);
  return said.every(({ code }) => code === 0);
}

export function createScopeLauncher(options: ScopeLauncherOptions): ScopeTaskLauncher {
  const { systemdVersion, enterCommand = [], slice = TASKS_SLICE, cgroupMode } = options;
  const { onShimExit, io } = options;
  const plain = createSystemdRunLauncher({
    ...{ manager: 'system', systemdVersion, enterCommand, slice, cgroupMode, io },
    ...(onShimExit && { onShimExit }),
  });
  const spawner = new Spawner({ enterCommand });
  const systemd = new SystemdConnection({
    enterCommand,
    onUnitRemoved: (unit) => {
      if (unit.endsWith('.scope')) onShimExit?.(unit.slice(0, -'.scope'.length));
    },
  });

  async function start(request: LaunchRequest): Promise<LaunchOutcome> {
    const { unit, runDirectory } = request;
    const scope = `${unit}.scope`;
    let isScopeOurs = false;
    const outcome = await startShim({
      request,
      files: { launch: launchFragment(request) },
      start: async () => {
        await linkOutputs(request);
        return spawner.spawn({
          unit,
          runDirectory,
          attach: async (pid) => {
            await systemd.startScope(scope, scopeProperties(request, pid, { ...options, slice }));
            isScopeOurs = true;
          },
        });
      },
      // A systemd that does not answer starts nothing either.
      isPending: () =>
        plain.inspect(unit).then(
          ({ alive }) => alive,
          () => false,
        ),
      dissolve: () => dissolve(systemd, scope),
    });
    // A process that dies while it is put into its scope can leave a scope that systemd never sees become empty.
    if (!outcome.ok && isScopeOurs) await systemd.stopUnit(scope).catch(() => undefined);
    return outcome;
  }

  // Launches of one unit take turns: the later one finds the task started.
  const launching = new Map<string, Promise<LaunchOutcome>>();

  return {
    async launch(request) {
      const { unit } = request;
      const fault = unkeptLimits(request.limits, options);
      if (fault !== undefined) return notLaunched(fault);
      const before = launching.get(unit) ?? Promise.resolve();
      const outcome = before.then(() => start(request));
      launching.set(unit, outcome);
      try {
        return await outcome;
      } finally {
        if (launching.get(unit) === outcome) launching.delete(unit);
      }
    },

    async stop(unit: string, signal: StopSignal): Promise<boolean> {
      try {
        await systemd.kill(`${unit}.scope`, constants.signals[signal]);
        return true;
      } catch (error) {
        if (error instanceof SystemdError && error.code === NO_SUCH_UNIT) return false;
        return plain.stop(unit, signal);
      }
    },

    setLimits: async (unit, limits) =>
      (await setLimits(systemd, unit, limits, options)) ?? plain.setLimits(unit, limits),

    async setSliceShare(name, share): Promise<void> {
      const properties = sliceProperties(share, cgroupMode).map(toWire);
      if (properties.length > 0) await systemd.setProperties(name, properties);
    },
    listShares: () => plain.listShares(),

    list: () => plain.list(),
    inspect: (unit) => plain.inspect(unit),
  };
}

/** A scope without processes goes when it is stopped, those of others when they are dead. */
async function dissolve(systemd: SystemdConnection, scope: string): Promise<void> {
  await systemd.kill(scope, constants.signals.SIGKILL).catch(() => undefined);
  await systemd.stopUnit(scope).catch(() => undefined);
}

/** Undefined when systemd did not do it, and the plain way may say why. */
async function setLimits(
  systemd: SystemdConnection,
  unit: string,
  limits: TaskLimits,
  host: LimitsHost,
): Promise<boolean | undefined> {
  const fault = limitsFault(limits) ?? unkeptLimits(limits, host);
  if (fault !== undefined) throw new RangeError(fault);
  try {
    await systemd.setProperties(`${unit}.scope`, changedProperties(limits, host).map(toWire));
    return true;
  } catch (error) {
    return error instanceof SystemdError && error.code === NO_SUCH_UNIT ? false : undefined;
  }
}

/** What `scopeArguments` tells systemd-run, as systemd itself takes it. */
export function scopeProperties(
  request: LaunchRequest,
  pid: number,
  how: ScopeHow,
): DBusProperty[] {
  const { slice, systemdVersion } = how;
  const yes = { type: 'b', value: true } as const;
  const properties: DBusProperty[] = [
    ['Description', { type: 's', value: request.unit }],
    ['CollectMode', { type: 's', value: 'inactive-or-failed' }],
    ['Slice', { type: 's', value: sliceOf(request.unit, slice) }],
    ...launchProperties(request, how).map(toWire),
    ['CPUAccounting', yes],
    ['MemoryAccounting', yes],
    ['TasksAccounting', yes],
    ['PIDs', { type: 'au', value: [pid] }],
  ];
  if (systemdVersion >= OOM_POLICY_VERSION) {
    properties.push(['OOMPolicy', { type: 's', value: 'continue' }]);
  }
  return properties;
}

// Runs tasks in transient systemd scopes by calling systemd-run and systemctl, of the system manager or the
// user's. It keeps nothing: what runs, systemd knows. Limits are systemd properties, enforced by the kernel.

import type { IoHost } from './io-limits.ts';
import {
  environmentFragment,
  type LaunchRequest,
  limitsFault,
  type StopSignal,
  type TaskLimits,
  type UnitInspection,
} from './launcher.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import type { ScopeTaskLauncher } from './slice-weights.ts';
import { notLaunched, type ShimExitHandler, spawnShim, startShim } from './start-shim.ts';
import { sliceOf, TASKS_SLICE } from './unit-name.ts';
import {
  type CgroupMode,
  changedProperties,
  launchProperties,
  millisOfShare,
  type SliceShare,
  sliceProperties,
  toArgument,
  unkeptLimits,
} from './unit-properties.ts';
import { userManagerEnvironment } from './user-manager.ts';

export type SystemdRunOptions = {
  readonly manager: 'system' | 'user';
  /** `systemctl --version` of the host; properties that an older one refuses are then left out. */
  readonly systemdVersion: number;
  /** Put before every command: how to get into a private systemd's namespaces; empty when already inside. */
  readonly enterCommand?: readonly string[];
  /** Name of the slice, without suffix, under which the child slices are made. */
  readonly slice?: string;
  /** Of the host; who only lists and stops need not know. On v1, systemd takes the names of v2 as well. */
  readonly cgroupMode?: CgroupMode;
  readonly io?: IoHost;
  readonly onShimExit?: ShimExitHandler;
};

const MIB = 1024 * 1024;
// More requests at a time only wait inside systemd (measured: the best rate is reached at eight).
const MAX_IN_FLIGHT = 8;
// Scopes have this property since 252; there they would otherwise lose all processes when one is killed.
export const OOM_POLICY_VERSION = 252;

/** UNIT LOAD ACTIVE SUB DESCRIPTION; what has failed has a dot before it. */
const LISTED_SCOPE = /^\W*(\S+)\.scope\s+\S+\s+(\S+)/gm;

/** Whoever only lists and stops starts nothing. */
type Systemctl = (...words: string[]) => Promise<CommandResult>;

const NO_IO: IoHost = { lacks: 'it was not looked for' };

export function createSystemdRunLauncher(options: SystemdRunOptions): ScopeTaskLauncher {
  const { manager, enterCommand = [], slice = TASKS_SLICE, cgroupMode = 'v2' } = options;
  const { systemdVersion, onShimExit, io = NO_IO } = options;
  const managerFlags = manager === 'user' ? ['--user'] : [];
  const environment = manager === 'user' ? userManagerEnvironment(process.getuid?.() ?? 0) : {};
  const inTurn = createTurns(MAX_IN_FLIGHT);
  const systemctl = (...words: string[]): Promise<CommandResult> =>
    runCommand(
      [...enterCommand, 'systemctl', ...managerFlags, '--no-pager', ...words],
      environment,
    );

  async function inspect(unit: string): Promise<UnitInspection> {
    const said = await systemctl('show', '--property=ActiveState,Result', `${unit}.scope`);
    if (said.code !== 0) throw new Error(`systemctl cannot show ${unit}: ${said.stderr}`);
    const [found] = parseUnits(said.stdout);
    const alive = isLive(found?.get('ActiveState'));
    return { alive, result: alive ? undefined : found?.get('Result') };
  }

  return {
    launch: (request) => {
      const fault = unkeptLimits(request.limits, { cgroupMode, io });
      if (fault !== undefined) return Promise.resolve(notLaunched(fault));
      return inTurn(() =>
        startShim({
          request,
          files: { environment: environmentFragment(request) },
          start: async () => {
            const scope = scopeArguments(request, { slice, systemdVersion, cgroupMode, io });
            return spawnShim({
              request,
              mode: 'scope',
              prefix: [...enterCommand, 'systemd-run', ...managerFlags, ...scope, '--'],
              prefixEnvironment: environment,
              onShimExit,
            });
          },
          // A systemd that does not answer starts nothing either.
          isPending: () =>
            inspect(request.unit).then(
              ({ alive }) => alive,
              () => false,
            ),
          dissolve: () => dissolve(systemctl, `${request.unit}.scope`),
        }),
      );
    },

    async stop(unit: string, signal: StopSignal): Promise<boolean> {
      const { code } = await systemctl('kill', `--signal=${signal}`, `${unit}.scope`);
      return code === 0;
    },

    async setLimits(unit: string, limits: TaskLimits): Promise<boolean> {
      const fault = limitsFault(limits) ?? unkeptLimits(limits, { cgroupMode, io });
      if (fault !== undefined) throw new RangeError(fault);
      // systemctl would keep the settings of a unit that does not run for the next one of its name.
      if (!(await inspect(unit)).alive) return false;
      const words = changedProperties(limits, { cgroupMode, io }).map(toArgument);
      const said = await systemctl('set-property', '--runtime', `${unit}.scope`, ...words);
      if (said.code === 0) return true;
      if (!(await inspect(unit)).alive) return false;
      throw new Error(`systemctl cannot set the limits of ${unit}: ${said.stderr}`);
    },

    list: () => listScopes(systemctl),
    listShares: () => listShares(systemctl, slice, cgroupMode),

    async setSliceShare(name: string, share: SliceShare): Promise<void> {
      const properties = sliceProperties(share, cgroupMode).map(toArgument);
      if (properties.length === 0) return;
      const said = await systemctl('set-property', '--runtime', name, ...properties);
      if (said.code !== 0) throw new Error(`systemctl cannot weigh ${name}: ${said.stderr}`);
    },

    inspect,
  };
}

async function dissolve(systemctl: Systemctl, scope: string): Promise<void> {
  await systemctl('kill', '--signal=SIGKILL', scope);
  await systemctl('stop', '--no-block', scope);
}

/** All scopes of the host, whoever's: to ask for the slice of each would cost systemd all that it knows of each. */
async function listScopes(systemctl: Systemctl): Promise<ReadonlySet<string>> {
  const columns = ['--plain', '--no-legend', '--full'];
  const said = await systemctl('list-units', '--type=scope', ...columns);
  if (said.code !== 0) throw new Error(`systemctl cannot list the scopes: ${said.stderr}`);
  const units = said.stdout.matchAll(LISTED_SCOPE);
  return new Set([...units].filter(([, , state]) => isLive(state)).map(([, unit = '']) => unit));
}

async function listShares(
  systemctl: Systemctl,
  slice: string,
  mode: CgroupMode,
): Promise<ReadonlyMap<string, SliceShare>> {
  const properties = 'Id,Slice,ActiveState,CPUWeight,CPUShares,MemoryLow';
  const said = await systemctl('show', `--property=${properties}`, '*.scope');
  if (said.code !== 0) throw new Error(`systemctl cannot list the scopes: ${said.stderr}`);
  const live = parseUnits(said.stdout)
    .filter((unit) => isLive(unit.get('ActiveState')))
    .filter((unit) => unit.get('Slice')?.startsWith(`${slice}-`) === true);
  return new Map(live.map((unit) => [nameOf(unit), shareOf(unit, mode)]));
}

export type ScopeHow = Required<
  Pick<SystemdRunOptions, 'slice' | 'systemdVersion' | 'cgroupMode' | 'io'>
>;

/** What systemd-run is told of a task's scope. Throws a RangeError when a limit is too large. */
export function scopeArguments(request: LaunchRequest, how: ScopeHow): string[] {
  const { slice, systemdVersion } = how;
  const properties = [
    ...launchProperties(request, how).map(toArgument),
    'CPUAccounting=yes',
    'MemoryAccounting=yes',
    'TasksAccounting=yes',
  ];
  if (systemdVersion >= OOM_POLICY_VERSION) properties.push('OOMPolicy=continue');
  return [
    '--scope',
    '--quiet',
    '--collect',
    `--slice=${sliceOf(request.unit, slice)}`,
    `--unit=${request.unit}.scope`,
    // Else it is the whole command, which would stand in every list of units.
    `--description=${request.unit}`,
    ...properties.flatMap((property) => ['-p', property]),
  ];
}

function nameOf(unit: ReadonlyMap<string, string>): string {
  return unit.get('Id')?.replace(/\.scope$/, '') ?? '';
}

/** What a scope was given, as far as its properties tell. */
function shareOf(unit: ReadonlyMap<string, string>, mode: CgroupMode): SliceShare {
  const share = Number(unit.get(mode === 'v1' ? 'CPUShares' : 'CPUWeight'));
  const memory = Number(unit.get('MemoryLow'));
  return {
    cpuMillis: millisOfShare(Number.isSafeInteger(share) ? share : 0, mode),
    memoryMib: Number.isSafeInteger(memory) ? Math.ceil(memory / MIB) : 0,
  };
}

/** Lets at most `limit` actions run at a time; the others wait in order of asking. */
function createTurns(limit: number): <T>(action: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (action) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await action();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

// systemctl separates units by an empty line.
function parseUnits(text: string): Map<string, string>[] {
  return text
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const pairs = block.split('\n').map((line): [string, string] => {
        const equals = line.indexOf('=');
        return [line.slice(0, equals), line.slice(equals + 1)];
      });
      return new Map(pairs);
    });
}

function isLive(activeState: string | undefined): boolean {
  return activeState !== undefined && activeState !== 'inactive' && activeState !== 'failed';
}

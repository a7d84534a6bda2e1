// Runs tasks in transient systemd scopes by calling systemd-run and systemctl, of the system manager or the
// user's. It keeps nothing: what runs, systemd knows. Limits are systemd properties, enforced by the kernel.

import {
  environmentFragment,
  type LaunchRequest,
  limitsFault,
  type StopSignal,
  type TaskLauncher,
  type TaskLimits,
  type UnitInspection,
} from './launcher.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import { type ShimExitHandler, spawnShim, startShim } from './start-shim.ts';
import { sliceOf, TASKS_SLICE } from './unit-name.ts';
import { userManagerEnvironment } from './user-manager.ts';

export type SystemdRunOptions = {
  readonly manager: 'system' | 'user';
  /** `systemctl --version` of the host; properties that an older one refuses are then left out. */
  readonly systemdVersion: number;
  /** Put before every command: how to get into a private systemd's namespaces; empty when already inside. */
  readonly enterCommand?: readonly string[];
  /** Name of the slice, without suffix, under which the child slices are made. */
  readonly slice?: string;
  readonly onShimExit?: ShimExitHandler;
};

// More requests at a time only wait inside systemd (measured: the best rate is reached at eight).
const MAX_IN_FLIGHT = 8;
// Scopes have this property since 252; there they would otherwise lose all processes when one is killed.
export const OOM_POLICY_VERSION = 252;

export function createSystemdRunLauncher(options: SystemdRunOptions): TaskLauncher {
  const { manager, enterCommand = [], slice = TASKS_SLICE } = options;
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
    launch: (request) =>
      inTurn(() => {
        const scope = scopeArguments(request, slice, options.systemdVersion);
        return startShim({
          request,
          files: { environment: environmentFragment(request) },
          start: () =>
            spawnShim({
              request,
              mode: 'scope',
              prefix: [...enterCommand, 'systemd-run', ...managerFlags, ...scope, '--'],
              prefixEnvironment: environment,
              onShimExit: options.onShimExit,
            }),
          // A systemd that does not answer starts nothing either.
          isPending: () =>
            inspect(request.unit).then(
              ({ alive }) => alive,
              () => false,
            ),
        });
      }),

    async stop(unit: string, signal: StopSignal): Promise<boolean> {
      const { code } = await systemctl('kill', `--signal=${signal}`, `${unit}.scope`);
      return code === 0;
    },

    async setLimits(unit: string, limits: TaskLimits): Promise<boolean> {
      const fault = limitsFault(limits);
      if (fault !== undefined) throw new RangeError(fault);
      // systemctl would keep the settings of a unit that does not run for the next one of its name.
      if (!(await inspect(unit)).alive) return false;
      const said = await systemctl(
        'set-property',
        '--runtime',
        `${unit}.scope`,
        ...limitProperties(limits),
      );
      if (said.code === 0) return true;
      if (!(await inspect(unit)).alive) return false;
      throw new Error(`systemctl cannot set the limits of ${unit}: ${said.stderr}`);
    },

    async list(): Promise<ReadonlySet<string>> {
      const said = await systemctl('show', '--property=Id,Slice,ActiveState', '*.scope');
      if (said.code !== 0) throw new Error(`systemctl cannot list the scopes: ${said.stderr}`);
      const live = parseUnits(said.stdout)
        .filter((unit) => isLive(unit.get('ActiveState')))
        .filter((unit) => unit.get('Slice')?.startsWith(`${slice}-`) === true)
        .map((unit) => unit.get('Id')?.replace(/\.scope$/, '') ?? '');
      return new Set(live);
    },

    inspect,
  };
}

/** The properties of a task's scope; CPU time a task may use each period is `cpuMillis` / 1000 of a CPU. */
export function scopeArguments(
  request: LaunchRequest,
  slice: string,
  systemdVersion: number,
): string[] {
  const properties = [
    ...limitProperties(request.limits),
    // v1 has no such limit and systemd then ignores it.
    'MemorySwapMax=0',
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
    ...properties.flatMap((property) => ['-p', property]),
  ];
}

function limitProperties(limits: TaskLimits): string[] {
  const { cpuMillis, memoryMib, pidsMax } = limits;
  return [
    `CPUWeight=${cpuWeightOf(limits)}`,
    `CPUQuota=${cpuMillis / 10}%`,
    `MemoryMax=${memoryMib}M`,
    ...(pidsMax === undefined ? [] : [`TasksMax=${pidsMax}`]),
  ];
}

/** systemd's default weight is 100, here that of one whole CPU; the kernel takes 1 to 10,000. */
export function cpuWeightOf({
  cpuMillis,
  isBestEffort,
}: Pick<TaskLimits, 'cpuMillis' | 'isBestEffort'>): number {
  return isBestEffort ? 1 : Math.min(10_000, Math.max(1, Math.round(cpuMillis / 10)));
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

// The port by which an agent runs tasks, and what its implementations share: checking a request and writing the
// environment of a task. How a process is started is in systemd-run-launcher.ts and process-launcher.ts.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Confinement,
  confiningWords,
  DEFAULT_SIGNALS,
  hiddenVariables,
  SYSCALL_FILTER_DESCRIPTOR,
} from './confinement.ts';
import { imageDirectoryOf, programWords } from './image-root.ts';
import type { IoLimits } from './io-limits.ts';
import { SYSTEM_PATH } from './run-command.ts';
import { temporaryDirectoryOf } from './run-directory.ts';
import { isUnitName } from './unit-name.ts';

export type TaskLimits = {
  /** Requested, in thousandths of a CPU: its weight where CPU time is short. */
  readonly cpuMillis: number;
  /** Requested: kept for it as far as the kernel can. */
  readonly memoryMib: number;
  /** The lowest weight: it gets the CPU time that nobody else wants. */
  readonly isBestEffort?: boolean;
  /** Thousandths of a CPU that it never has more of, not even idle ones; none when left out. */
  readonly cpuLimitMillis?: number;
  /** Above it the kernel kills; what was requested when left out. */
  readonly memoryLimitMib?: number | 'infinity';
  /** Processes and threads at a time. */
  readonly pidsMax?: number;
  /** Of the disk that holds the agent's work directory. */
  readonly io?: IoLimits;
};

export type LaunchRequest = {
  /** Unique on this host; see `unitNameFor`. */
  readonly unit: string;
  /** The agent's own directory for this run, outside the sandbox; its last component is the unit. */
  readonly runDirectory: string;
  readonly sandboxDirectory: string;
  /** Argument vector; no shell is put before it. */
  readonly command: readonly string[];
  /** All that the task gets besides PATH, HOME (the sandbox) and LANG, which it may replace. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: TaskLimits;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  /** The host's when left out. `none`: a loopback of its own and nothing else. In scopes only. */
  readonly network?:
    | { readonly kind: 'none' }
    | { readonly kind: 'namespace'; readonly path: string };
  /** CPUs that it stays on, in scopes only. `group`: of the v1 hierarchy, made already; else its scope keeps it there. */
  readonly pinned?: { readonly cpus: readonly number[]; readonly group?: string };
  /** Name of the user that the task runs as; the agent's own when left out. Only root may name another. */
  readonly user?: string;
  /** What it may see and be, `user` then counts for nothing; all that the agent may when left out. */
  readonly confinement?: Confinement;
};

export type LaunchFailure = {
  /** `invalidRequest` stays wrong when repeated; the others may pass. After any of them the task will not start. */
  readonly code: 'invalidRequest' | 'diskFull' | 'launchFailed' | 'notConfined';
  readonly message: string;
};

export type LaunchOutcome =
  | { readonly ok: true; readonly alreadyStarted: boolean }
  | { readonly ok: false; readonly failure: LaunchFailure };

export type StopSignal = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';

export type UnitInspection = {
  readonly alive: boolean;
  /** systemd's word for how a unit ended (`success`, `oom-kill` ...), while it still knows. */
  readonly result: string | undefined;
};

export interface TaskLauncher {
  /** Resolves once the task has been started, or cannot be. Repeating a request never starts the task twice. */
  launch(request: LaunchRequest): Promise<LaunchOutcome>;
  /** Sends the signal to every process of the unit. Answers false when there is no such unit (any more). */
  stop(unit: string, signal: StopSignal): Promise<boolean>;
  /**
   * Changes the CPU and memory limits of a unit that runs; a launcher without limits has nothing to do. Answers false
   * when there is no such unit (any more). Rejects when they cannot be set, or are no limits.
   */
  setLimits(unit: string, limits: TaskLimits): Promise<boolean>;
  /** The units that have a process. Rejects when that cannot be known. */
  list(): Promise<ReadonlySet<string>>;
  inspect(unit: string): Promise<UnitInspection>;
}

// What the kernel passes on in one piece (MAX_ARG_STRLEN, execve(2): 32 pages), less what `hiddenVariables` puts before.
const MAX_WORD_BYTES = 131_000;
const TOO_LARGE = `is larger than the ${MAX_WORD_BYTES} bytes that a program can be given in one piece: put it into a file`;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Why a request cannot be launched, or undefined when it can. */
export function requestFault(request: LaunchRequest): string | undefined {
  const { unit, runDirectory, sandboxDirectory, command, environment, limits } = request;
  const [program = ''] = command;
  const paths = [runDirectory, sandboxDirectory, request.stdoutPath, request.stderrPath];
  if (!isUnitName(unit)) return `unit name ${JSON.stringify(unit)} is not of [A-Za-z0-9_.-]{1,200}`;
  const { places = [], syscallFilter } = request.confinement ?? {};
  const others = [...places.map((place) => place.path), syscallFilter ?? '/'];
  if (![...paths, ...others].every((each) => path.isAbsolute(each))) {
    return 'every path must be absolute';
  }
  // It is told to spawner.sh on a line.
  if (/\n/.test(runDirectory)) return 'the run directory has a line break in its name';
  if (path.basename(runDirectory) !== unit) return 'the run directory must be named after the unit';
  if (program === '') return 'the command is empty';
  // `env` would take these for an option or an assignment.
  if (program.startsWith('-') || program.includes('=')) return `no program is named ${program}`;
  if (command.some((word) => word.includes('\0'))) return 'the command contains a null character';
  const tooLarge = command.findIndex((word) => Buffer.byteLength(word) > MAX_WORD_BYTES);
  if (tooLarge >= 0) return `word ${tooLarge} of the command ${TOO_LARGE}`;
  return limitsFault(limits) ?? environmentFault(environment);
}

/** Why these are no limits, or undefined when they are. */
export function limitsFault(limits: TaskLimits): string | undefined {
  if (!isPositive(limits.cpuMillis)) return 'cpuMillis must be a positive integer';
  if (!isPositive(limits.memoryMib)) return 'memoryMib must be a positive integer';
  for (const name of ['cpuLimitMillis', 'memoryLimitMib', 'pidsMax'] as const) {
    const limit = limits[name];
    if (limit === undefined || limit === 'infinity' || isPositive(limit)) continue;
    return `${name} must be a positive integer`;
  }
  const wrong = Object.entries(limits.io ?? {}).find(([, amount]) => !isPositive(amount));
  return wrong && `io.${wrong[0]} must be a positive integer`;
}

/**
 * The fragment that shim.sh sources just before the task: it puts `env -i` with the task's variables, and the
 * change of user, before the command. So neither systemd-run nor the shim ever runs under variables that the
 * task chose (LD_PRELOAD as root), and the task sees none of the agent's.
 */
export function environmentFragment(request: LaunchRequest): string {
  return `${fragment(request, ON_COMMAND_LINE)}${WHOLE}`;
}

/** The same for a shim without a scope. */
export function processFragment(request: LaunchRequest): string {
  return `${fragment(request, { ...ON_COMMAND_LINE, endsWithShim: true })}${WHOLE}`;
}

/**
 * The same for a shim that spawner.sh forked: with the whole command, since no command line leads there, with a
 * session of the task's own, and with the signals that a shell makes its background ignore at their defaults.
 */
export function launchFragment(request: LaunchRequest): string {
  const how = {
    options: ['--default-signal=INT,QUIT'],
    session: ['setsid'],
    command: request.command.map(quoted).join(' '),
  };
  return `${fragment(request, how)}sandbox=${quoted(request.sandboxDirectory)}\n${WHOLE}`;
}

/** The last line: run-task.sh takes no fragment that does not come so far. */
const WHOLE = 'whole=1\n';

type FragmentParts = {
  /** Of `env`, and what stands first, for a task that is not confined. */
  readonly options: readonly string[];
  readonly session: readonly string[];
  readonly command: string;
  readonly endsWithShim?: boolean;
};

const ON_COMMAND_LINE: FragmentParts = { options: [], session: [], command: '"$@"' };

/** Whoever runs the program looks for it: only the task's user knows what that one may execute (check-start.sh). */
function fragment(request: LaunchRequest, parts: FragmentParts): string {
  if (request.confinement !== undefined) return confined(request, request.confinement, parts);
  const { options, session, command } = parts;
  const { user } = request;
  const clean = ['/usr/bin/env', '-i', ...options, ...assignmentsOf(request).map(quoted)];
  const words = [...clean, command].join(' ');
  const first = [...session, ...networkWords(request)];
  const { program, search } = lookedFor(request);
  const pin = pinLine(request);
  if (user === undefined) {
    return `${pin}program=${program} search=${search}\nset -- ${[...first, words].join(' ')}\n`;
  }
  const name = quoted(user);
  const asUser = ['setpriv', `--reuid=${name}`, '--regid="$group"', '--init-groups', '--'];
  const looked = ['/bin/sh', '-c', quoted(LOOK_FOR_PROGRAM), 'sh', program, search];
  const all = [...first, ...asUser, ...looked, words];
  return `${pin}group=$(id -g ${name}) || refuse userNotFound ${name}\nset -- ${all.join(' ')}\n`;
}

/** What looks for the program is in the environment too, where nobody who lists processes has to read it. */
function confined(
  request: LaunchRequest,
  confinement: Confinement,
  { command, endsWithShim = false }: FragmentParts,
): string {
  const { sandboxDirectory, runDirectory } = request;
  const temporaryDirectory = temporaryDirectoryOf(runDirectory);
  const variables = hiddenVariables(assignmentsOf(request));
  const { image } = confinement;
  const exports = Object.entries({
    ...variables.environment,
    PARLEY_LOOK: image === undefined ? LOOK_IN_NAMESPACE : LOOK_IN_IMAGE,
  }).map(([name, value]) => `${name}=${quoted(value)}`);
  const { program, search } = lookedFor(request);
  const { network } = request;
  const own = {
    ...{ sandboxDirectory, temporaryDirectory, imageDirectory: imageDirectoryOf(runDirectory) },
    hasNoNetwork: network?.kind === 'none',
    endsWithShim,
  };
  const words = [
    ...(network?.kind === 'namespace' ? networkWords(request) : []),
    ...confiningWords(confinement, own).map(quoted),
    ...programWords('/bin/sh', image),
    ...['-c', quoted('eval "$PARLEY_LOOK"'), 'sh', program, search],
    ...programWords('/usr/bin/env', image),
    ...['-i', DEFAULT_SIGNALS, ...variables.words].map(quoted),
  ];
  const { syscallFilter: filter } = confinement;
  const opened = filter && `exec ${SYSCALL_FILTER_DESCRIPTOR}< ${quoted(filter)}\n`;
  const exported = `export ${exports.join(' ')}\n`;
  return `# confined\n${pinLine(request)}${opened ?? ''}${exported}set -- ${words.join(' ')} ${command}\n`;
}

/** By the shim, which may; `0` is whoever writes it (cgroups(7)). */
function pinLine({ pinned }: LaunchRequest): string {
  if (pinned?.group === undefined) return '';
  const file = quoted(`${pinned.group}/cgroup.procs`);
  return `echo 0 > ${file} || { echo 'parley: it does not get onto its CPUs' >&2; refuse notConfined; }\n`;
}

/** Into the network of a task that does not have the host's. */
function networkWords({ network }: LaunchRequest): string[] {
  if (network === undefined) return [];
  if (network.kind === 'namespace') return ['nsenter', quoted(`--net=${network.path}`), '--'];
  const loopback = quoted('ip link set lo up; exec "$@"');
  return ['unshare', '--net', '--', '/bin/sh', '-c', loopback, 'sh'];
}

function lookedFor({ command, environment }: LaunchRequest): { program: string; search: string } {
  return {
    program: quoted(command[0] ?? ''),
    search: quoted(environment['PATH'] ?? SYSTEM_PATH),
  };
}

const scriptText = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

const lookWith = (found: string): string => `${scriptText('./check-start.sh')}
${scriptText('./pending-signals.sh')}
if [ -n "$PARLEY_LOOK_AGAIN" ]; then
  check_interpreter "$PARLEY_LOOK_AGAIN"
  [ -n "$fault" ] && refuse "$fault" "$1"
  exit
fi
check_start "$1" "$2"
[ -n "$fault" ] && refuse "$fault" "$1"
${found}
shift 2
exec 5>&-
exec "$@"
`;
const LOOK_FOR_PROGRAM = lookWith('say_program >&5');
const LOOK_IN_NAMESPACE = lookWith('say_program >&5\ntake_pending');
// The shim, which asks why what was found did not start, sees other files: it is asked before.
const LOOK_IN_IMAGE = lookWith(`[ ! -r "$file" ] || check_interpreter "$file"
[ -n "$fault" ] && refuse "$fault" "$1"
echo program= >&5
take_pending`);

function assignmentsOf(request: LaunchRequest): string[] {
  const variables = {
    PATH: SYSTEM_PATH,
    HOME: request.sandboxDirectory,
    LANG: 'C.UTF-8',
    ...request.environment,
  };
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

function environmentFault(environment: Readonly<Record<string, string>>): string | undefined {
  for (const [name, value] of Object.entries(environment)) {
    if (!ENVIRONMENT_NAME.test(name)) return `${JSON.stringify(name)} is no environment name`;
    if (value.includes('\0')) return `the value of ${name} contains a null character`;
    if (Buffer.byteLength(`${name}=${value}`) > MAX_WORD_BYTES)
      return `variable ${name} ${TOO_LARGE}`;
  }
  return undefined;
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

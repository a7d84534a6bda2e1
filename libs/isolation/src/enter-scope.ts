// Runs a command beside a task: in the task's scope, so under its limits and ended with it, with its sandbox as the
// working directory. The command ends by itself or is killed with its process group. Starting tasks is for launchers.

import { type ChildProcess, spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Confinement, FILTER_WORDS, hiddenVariables, privilegeWords } from './confinement.ts';
import { programWords } from './image-root.ts';
import { SYSTEM_PATH } from './run-command.ts';
import { readShimProcess, temporaryDirectoryOf } from './run-directory.ts';

export type EnterRequest = {
  readonly unit: string;
  readonly runDirectory: string;
  readonly sandboxDirectory: string;
  /** Argument vector; no shell is put before it. */
  readonly command: readonly string[];
  /** All that the command gets besides PATH, HOME (the sandbox) and LANG, which it may replace. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds; then it is killed. */
  readonly timeoutMs: number;
  /** How to get into a private systemd's namespaces; empty on a host whose PID 1 is systemd. */
  readonly enterCommand: readonly string[];
  /** The task's: the command sees the same files and processes, as the same user. */
  readonly confinement?: Confinement;
};

export type EnterOutcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: string }
  | { readonly kind: 'timedOut' }
  | { readonly kind: 'notStarted'; readonly message: string };

const SCRIPT = fileURLToPath(new URL('./enter-scope.sh', import.meta.url));
/** A process that is killed ends at once, unless it hangs in the kernel or may not be killed: then it is not waited for. */
const KILL_WAIT_MS = 1000;
/** What is typed is for the command alone: what enters namespaces stays beside it, and would end by it. */
const TYPED_SIGNALS = 'INT,QUIT';

/** Never rejects. What the command writes goes nowhere. */
export async function runInScope(request: EnterRequest): Promise<EnterOutcome> {
  try {
    const child = await spawnInScope(request, { stdio: 'ignore' });
    return await outcomeOf(child, request.timeoutMs);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'notStarted', message };
  }
}

/** A task of before its agent confined any has no namespaces to enter. */
async function confinementOf({
  confinement,
  runDirectory,
}: Omit<EnterRequest, 'timeoutMs'>): Promise<Confinement | undefined> {
  const isConfined = await access(temporaryDirectoryOf(runDirectory)).then(
    () => true,
    () => false,
  );
  return isConfined ? confinement : undefined;
}

function kindOf(confinement: Confinement | undefined): 'plain' | 'root' | 'user' {
  if (confinement === undefined) return 'plain';
  return confinement.owner === undefined ? 'user' : 'root';
}

/** To enter a mount namespace leads to its root: the sandbox is gone to from there. */
function preparation(
  confinement: Confinement | undefined,
  sandboxDirectory: string,
  assignments: readonly string[],
): ReturnType<typeof hiddenVariables> {
  const clean = [...programWords('/usr/bin/env', confinement?.image), '-i'];
  if (confinement === undefined) return { environment: {}, words: [...clean, ...assignments] };
  const signals = `--default-signal=${TYPED_SIGNALS}`;
  const { environment, words } = hiddenVariables(assignments);
  const user = privilegeWords(confinement);
  return {
    environment,
    words: [
      ...filterWords(confinement),
      ...[...user, ...clean, signals, `--chdir=${sandboxDirectory}`, ...words],
    ],
  };
}

/** nsenter has no filter to give, and bwrap gives one only in a mount namespace of its own, a copy of the task's. */
function filterWords({ syscallFilter, image }: Confinement): string[] {
  if (syscallFilter === undefined) return [];
  const copied = ['--die-with-parent', '--dev-bind', '/', '/'];
  return [...programWords('bwrap', image), ...copied, ...FILTER_WORDS, '--'];
}

export type SpawnHow = {
  /** Of the first three descriptors. The fourth is a pipe, which says `entered` once the command is in the scope. */
  readonly stdio: 'ignore' | 'pipe';
  /** Makes of the words that enter the scope others that run them, such as under a terminal. */
  readonly wrap?: (words: readonly string[]) => readonly string[];
};

/** Starts it, in a process group of its own, and leaves its end to the caller. Rejects with why it cannot be begun. */
export async function spawnInScope(
  request: Omit<EnterRequest, 'timeoutMs'>,
  { stdio, wrap }: SpawnHow,
): Promise<ChildProcess> {
  const { command, environment, sandboxDirectory } = request;
  const [program = ''] = command;
  // `env` would take these for an option or an assignment.
  if (program === '' || program.startsWith('-') || program.includes('=')) {
    throw new RangeError(`no program is named ${JSON.stringify(program)}`);
  }
  const shim = await readShimProcess(request.runDirectory);
  if (shim === undefined) throw new Error('the task does not run');
  const mode = shim.memoryGroup === '' ? 'process' : 'scope';
  const confinement = await confinementOf(request);
  const how = [kindOf(confinement), confinement?.syscallFilter ?? '-'];
  const place = [SCRIPT, request.unit, mode, String(shim.pid), sandboxDirectory, ...how, '--'];
  const base = { PATH: SYSTEM_PATH, HOME: sandboxDirectory, LANG: 'C.UTF-8', ...environment };
  const assignments = Object.entries(base).map(([name, value]) => `${name}=${value}`);
  const prepared = preparation(confinement, sandboxDirectory, assignments);
  const words = ['/bin/sh', ...place, ...prepared.words, ...command];
  const entering = [...request.enterCommand, ...words];
  const deaf = confinement ? ['/usr/bin/env', `--ignore-signal=${TYPED_SIGNALS}`] : [];
  const [first = '', ...rest] = wrap?.([...deaf, ...entering]) ?? entering;
  return spawn(first, rest, {
    cwd: '/',
    // A process group of its own, to be killed as a whole.
    detached: true,
    // Without a locale, whose files would be those of an image.
    env: { PATH: SYSTEM_PATH, ...prepared.environment },
    stdio: [stdio, stdio, stdio, 'pipe'],
  });
}

function outcomeOf(child: ChildProcess, timeoutMs: number): Promise<EnterOutcome> {
  const channel = child.stdio[3];
  return new Promise((resolve) => {
    let hasEntered = false;
    let timer = setTimeout(() => {
      killGroup(child);
      timer = setTimeout(() => finish({ kind: 'timedOut' }), KILL_WAIT_MS);
      isLate = true;
    }, timeoutMs);
    let isLate = false;
    const finish = (outcome: EnterOutcome): void => {
      clearTimeout(timer);
      if (channel instanceof Readable) channel.destroy();
      child.unref();
      resolve(outcome);
    };
    if (channel instanceof Readable) {
      channel.on('data', () => {
        hasEntered = true;
      });
      channel.on('error', () => undefined);
    }
    child.on('error', (error) => finish({ kind: 'notStarted', message: error.message }));
    child.on('close', (code, signal) => {
      if (isLate) finish({ kind: 'timedOut' });
      else if (!hasEntered)
        finish({ kind: 'notStarted', message: 'the task has no scope to enter' });
      else if (signal !== null) finish({ kind: 'signaled', signal });
      else finish({ kind: 'exited', code: code ?? 0 });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended already (ESRCH), or it is a setuid program that this user may not signal (EPERM): then it is not
    // waited for. Nobody could catch what is thrown in a timer.
  }
}

// Owns running the programs that handle what comes from elsewhere: as nobody where the agent is root, without a way back to
// more rights, with a limit on the files that it writes, and for no longer than it may take. It ends with the agent.
import { spawn } from 'node:child_process';
import { SYSTEM_PATH } from '@parley/isolation/run-command';

/** `nobody`, by the number that it has everywhere. */
export const NOBODY = 65534;

export type ConfinedCommand = {
  readonly argv: readonly string[];
  /** File descriptors of this process. */
  readonly stdin?: number;
  readonly stdout?: number;
  readonly cwd?: string;
  /** Of each file that it writes. */
  readonly maxFileBytes: number;
  readonly timeoutMs: number;
  /** Ends it as its timeout does; the end tells no difference. */
  readonly signal?: AbortSignal | undefined;
  /** The end of what it says is given; 8 KiB where nothing is said. */
  readonly maxStderrBytes?: number;
};

export type ConfinedEnd = {
  /** Undefined when a signal ended it, or it could not be started. */
  readonly code: number | undefined;
  readonly isTooLarge: boolean;
  readonly isTimedOut: boolean;
  readonly stderr: string;
};

const MAX_STDERR_BYTES = 8192;
/** An archive can ask its unpacker for more. */
const MAX_MEMORY_BYTES = 2 * 1024 ** 3;

export const isRoot = (): boolean => process.geteuid?.() === 0;

export function runConfined(command: ConfinedCommand): Promise<ConfinedEnd> {
  const {
    argv,
    stdin,
    stdout,
    cwd = '/',
    maxFileBytes,
    timeoutMs,
    signal,
    maxStderrBytes = MAX_STDERR_BYTES,
  } = command;
  const [program = '', ...rest] = [...confinement(maxFileBytes), ...argv];
  return new Promise((resolve) => {
    const child = spawn(program, rest, {
      cwd,
      env: { PATH: SYSTEM_PATH, LANG: 'C.UTF-8' },
      stdio: [stdin ?? 'ignore', stdout ?? 'ignore', 'pipe'],
    });
    let isTimedOut = false;
    let stderr = '';
    const stop = (): void => {
      isTimedOut = true;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(stop, timeoutMs);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop);
    const release = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    };
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      stderr = (stderr + text).slice(-maxStderrBytes);
    });
    child.on('error', (error) => {
      release();
      resolve({ code: undefined, isTooLarge: false, isTimedOut, stderr: error.message });
    });
    child.on('close', (code, signal) => {
      release();
      const isTooLarge = signal === 'SIGXFSZ';
      resolve({ code: code ?? undefined, isTooLarge, isTimedOut, stderr: stderr.trim() });
    });
  });
}

function confinement(maxFileBytes: number): string[] {
  const limits = ['prlimit', `--fsize=${maxFileBytes}`, '--core=0', '--nofile=256'];
  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const without = ['--bounding-set=-all', '--inh-caps=-all'];
  const rights = isRoot() ? [...asNobody, ...without] : [];
  const memory = [`--as=${MAX_MEMORY_BYTES}`, '--'];
  return [...limits, ...memory, 'setpriv', ...rights, '--no-new-privs', '--pdeathsig=KILL', '--'];
}

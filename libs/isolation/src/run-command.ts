// Runs one short command to its end and gives back what it said. No shell, no inherited environment: a
// command sees a plain PATH and what its caller names, never this process's own variables.

import { execFile } from 'node:child_process';

export type CommandResult = {
  /** Exit code; 127 when the program could not be started, 128 + n when signal n ended it is not told apart. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Never rejects: a program that is missing, killed or too slow is a result with a code that is not 0. `input` is all that it
 * reads; without one it has none. `timeoutMs`: a minute where nothing is said.
 */
export function runCommand(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = '',
  timeoutMs = TIMEOUT_MS,
): Promise<CommandResult> {
  const [program = '', ...rest] = argv;
  const options = {
    env: { PATH: SYSTEM_PATH, LANG: 'C.UTF-8', ...environment },
    cwd: '/',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
  } as const;
  return new Promise((resolve) => {
    const child = execFile(program, rest, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      const reason = error !== null && stderr === '' ? error.message : stderr;
      resolve({ code, stdout, stderr: reason });
    });
    // One that ends without reading says so by its code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

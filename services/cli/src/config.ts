// Owns what the command line reads from its surroundings: environment variables, the clone that it lies in and
// the terminal. Everything else gets these as arguments.
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export type Surroundings = {
  /** Root of the clone: services and their dependencies are found from here. */
  readonly clone: string;
  /** Where clusters keep their state: `.parley` of the clone, or PARLEY_DIRECTORY. */
  readonly directory: string;
  /** PARLEY_CONTEXT: the context to use when no `--context` is given. */
  readonly context: string | undefined;
  readonly isTerminal: boolean;
  readonly columns: number;
};

export function readSurroundings(): Surroundings {
  const clone = realpathSync(fileURLToPath(new URL('../../..', import.meta.url)));
  const { env } = process;
  const named = env['PARLEY_DIRECTORY'];
  const context = env['PARLEY_CONTEXT'];
  return {
    clone,
    directory: named ? path.resolve(named) : path.join(clone, '.parley'),
    context: context ? context : undefined,
    isTerminal: process.stdout.isTTY === true && process.stdin.isTTY === true,
    columns: process.stdout.columns ?? 100,
  };
}

/** TERM: what this terminal understands, for a command that is to have it. */
export function terminalType(): string {
  const type = process.env['TERM'] ?? '';
  return /^[A-Za-z0-9._+-]{1,64}$/.test(type) ? type : 'xterm';
}

/** For child processes: the same variables; services read their credentials from files that arguments name. */
export function childEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}

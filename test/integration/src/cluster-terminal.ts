// Owns the command line as an operator of a test's cluster types it: real processes of `parley`, with a context as
// `parley init` leaves it behind for a cluster that was there before. It tests nothing itself.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProcessIdentity, parseStat } from '@parley/isolation/process-identity';
import { underTerminal } from '@parley/isolation/pseudo-terminal';
import { type ClusterFixture, cluster, WatchedProcess } from './cluster-fixture.ts';

const PARLEY = fileURLToPath(new URL('../../../services/cli/src/main.ts', import.meta.url));

export type Typed = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

type Place = {
  readonly fixture: ClusterFixture;
  /** Where it keeps what it knows. */
  readonly directory: string;
  readonly knowsContext: boolean;
  /** Whether the server is one of this host's: its directory is then where a start would have put it. */
  readonly keepsServer?: boolean;
};

export class ClusterTerminal {
  readonly #env: NodeJS.ProcessEnv;

  /** The server directory of a fixture whose server is to be kept by what lies in this directory. */
  static serverDirectory(directory: string): string {
    return path.join(directory, cluster, 'nats');
  }

  /** The server must have been started: the context names its address. */
  constructor(place: ClusterFixture | Place) {
    const {
      fixture,
      directory,
      knowsContext,
      keepsServer = false,
    } = 'fixture' in place
      ? place
      : { fixture: place, directory: place.directory, knowsContext: true };
    this.#env = { ...process.env, PARLEY_DIRECTORY: directory, PARLEY_CONTEXT: cluster };
    if (!knowsContext) return;
    const contexts = path.join(directory, 'contexts');
    mkdirSync(contexts, { recursive: true });
    const context = {
      version: 1,
      name: cluster,
      cluster,
      servers: [fixture.server.url],
      operatorCredential: fixture.credential('operator', 'olga'),
      ...(keepsServer && { local: { directory: path.join(directory, cluster), keeper: self() } }),
    };
    writeFileSync(path.join(contexts, `${cluster}.json`), JSON.stringify(context));
  }

  type(...words: string[]): Promise<Typed> {
    return this.#execute([process.execPath, PARLEY, ...words]);
  }

  /** Likewise, with another command to read what it prints; done when both are. */
  typeInto(reader: string, ...words: string[]): Promise<Typed> {
    const line = [process.execPath, PARLEY, ...words];
    return this.#execute(['sh', '-c', `"$@" | ${reader}`, 'sh', ...line]);
  }

  #execute([program = '', ...rest]: readonly string[]): Promise<Typed> {
    const env = this.#env;
    const maxBuffer = 64 * 1024 * 1024;
    return new Promise((resolve) => {
      execFile(program, rest, { env, maxBuffer }, (error, stdout, stderr) => {
        resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  }

  /** Likewise at a terminal of its own, with keys that are pressed once it has said something. */
  async typeAtTerminal(
    { after, keys }: { readonly after: string; readonly keys: string },
    ...words: string[]
  ): Promise<Typed> {
    const line = [process.execPath, PARLEY, ...words];
    const [program = '', ...rest] = underTerminal({ rows: 40, columns: 120 }, line);
    const child = spawn(program, rest, { env: this.#env, stdio: ['pipe', 'pipe', 'inherit'] });
    let stdout = '';
    let isTyped = false;
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      if (isTyped || !stdout.includes(after)) return;
      isTyped = true;
      child.stdin.write(keys);
    });
    const [exitCode] = await once(child, 'close');
    return { exitCode: Number(exitCode), stdout, stderr: '' };
  }

  /** A command that goes on until it is closed. */
  watch(...words: string[]): WatchedProcess {
    return new WatchedProcess(`parley ${words.join(' ')}`, [PARLEY, ...words], this.#env).start();
  }

  /** What the command prints with `--json`. Throws when it fails. */
  async read(...words: string[]): Promise<unknown> {
    const { exitCode, stdout, stderr } = await this.type(...words, '--json');
    if (exitCode !== 0)
      throw new Error(`parley ${words.join(' ')} left with ${exitCode}: ${stderr}`);
    return JSON.parse(stdout);
  }
}

/** The process that runs the tests plays the keeper. */
function self(): ProcessIdentity | undefined {
  return parseStat(readFileSync('/proc/self/stat', 'utf8'))?.identity;
}

// Owns the command line as an operator of a test's cluster types it: real processes of `parley`, with a context as
// `parley init` leaves it behind for a cluster that was there before. It tests nothing itself.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClusterFixture, cluster } from './cluster-fixture.ts';

const PARLEY = fileURLToPath(new URL('../../../services/cli/src/main.ts', import.meta.url));

export type Typed = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export class ClusterTerminal {
  readonly #directory: string;

  /** The server must have been started: the context names its address. */
  constructor(fixture: ClusterFixture) {
    this.#directory = fixture.directory;
    const contexts = path.join(fixture.directory, 'contexts');
    mkdirSync(contexts, { recursive: true });
    const context = {
      version: 1,
      name: cluster,
      cluster,
      servers: [fixture.server.url],
      operatorCredential: fixture.credential('operator', 'olga'),
    };
    writeFileSync(path.join(contexts, `${cluster}.json`), JSON.stringify(context));
  }

  type(...words: string[]): Promise<Typed> {
    const env = { ...process.env, PARLEY_DIRECTORY: this.#directory, PARLEY_CONTEXT: cluster };
    return new Promise((resolve) => {
      execFile(process.execPath, [PARLEY, ...words], { env }, (error, stdout, stderr) => {
        resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  }

  /** What the command prints with `--json`. Throws when it fails. */
  async read(...words: string[]): Promise<unknown> {
    const { exitCode, stdout, stderr } = await this.type(...words, '--json');
    if (exitCode !== 0)
      throw new Error(`parley ${words.join(' ')} left with ${exitCode}: ${stderr}`);
    return JSON.parse(stdout);
  }
}

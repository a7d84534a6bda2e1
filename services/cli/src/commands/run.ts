// Owns `parley run`: the batch framework with a command of the user's. This process waits and passes on its exit code.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { PrincipalName } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from '../command-failure.ts';
import { childEnvironment, type Surroundings } from '../config.ts';
import { randomToken } from '../effects.ts';
import { DEMO_PRINCIPALS } from '../local-cluster/demo-principals.ts';
import { busArguments, entryArgv } from '../local-cluster/service-catalog.ts';
import { credentialOf } from '../local-credentials.ts';
import { currentContext } from './context.ts';

export type RunOptions = {
  readonly instances: number;
  readonly cpus: string;
  readonly mem: string;
  readonly principal?: PrincipalName;
  readonly creds?: string;
  readonly role?: string;
  readonly argv: readonly string[];
};

export async function runCommand(
  surroundings: Surroundings,
  named: string | undefined,
  options: RunOptions,
): Promise<number> {
  const context = await currentContext(surroundings, named);
  const principal = options.principal ?? PrincipalName.parse(DEMO_PRINCIPALS.batch);
  const credentialFile = options.creds ?? credentialOf(surroundings, context, principal);
  if (!existsSync(credentialFile)) {
    throw new CommandFailure(EXIT.notFound, {
      what: `there is no credential ${path.resolve(credentialFile)}`,
      remedy: `make one: parley principal add ${principal} --roles ${principal}`,
    });
  }
  const url = context.servers.join(',');
  const argv = [
    ...entryArgv(surroundings.clone, 'framework-batch'),
    ...busArguments({ url, cluster: context.cluster, credentialFile }),
    ...['--framework-id', `run-${randomToken()}`],
    ...['--role', options.role ?? principal],
    ...['--instances', String(options.instances)],
    ...['--cpus', options.cpus],
    ...['--mem', options.mem],
    ...['--', ...options.argv],
  ];
  return passThrough(argv);
}

/** Ctrl-C reaches the framework too, which then ends its tasks; this process waits for it. */
function passThrough([program = '', ...rest]: readonly string[]): Promise<number> {
  const child = spawn(program, rest, { env: childEnvironment(), stdio: 'inherit' });
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGINT' ? 130 : EXIT.failed)),
    );
  });
}

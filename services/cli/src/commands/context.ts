// Owns `parley context list`, and how every command finds the context it works on.
import { isProcessAlive } from '@parley/isolation/process-identity';
import type { Surroundings } from '../config.ts';
import { type Context, chooseContext, type KnownContext, listContexts } from '../context-store.ts';
import { printJson, printTable } from '../print.ts';

export function knownContexts({ directory }: Surroundings): Promise<KnownContext[]> {
  return listContexts(directory, isProcessAlive);
}

/** `named`: from `--context`; PARLEY_CONTEXT counts when it is not given. */
export async function currentContext(
  surroundings: Surroundings,
  named: string | undefined,
): Promise<Context> {
  return chooseContext(await knownContexts(surroundings), named ?? surroundings.context);
}

export async function contextListCommand(surroundings: Surroundings, json: boolean): Promise<void> {
  const known = await knownContexts(surroundings);
  const rows = known.map(({ context, isRunning }) => ({
    name: context.name,
    cluster: context.cluster,
    state: context.local === undefined ? 'remote' : isRunning ? 'running' : 'stopped',
    servers: context.servers.join(','),
    operatorCredential: context.operatorCredential,
  }));
  if (json) printJson(rows);
  else printTable(['name', 'cluster', 'state', 'servers'], rows);
}

// Owns the contexts: one file for each cluster that this clone knows how to reach, and the choice among them.
// It connects to nothing; a context holds paths of credential files, never keys.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ClusterName } from '@parley/protocol/ids';
import * as z from 'zod';
import { CommandFailure, EXIT, systemCode } from './command-failure.ts';

export const Context = z.object({
  version: z.literal(1),
  /** The name that `--context` takes. */
  name: ClusterName,
  cluster: ClusterName,
  servers: z.array(z.string().min(1)).min(1),
  /** Credential file of an operator. */
  operatorCredential: z.string().min(1),
  /** For a cluster of this host: the process that keeps it, and where its state is. */
  local: z
    .object({
      directory: z.string().min(1),
      keeper: z.object({ pid: z.int().min(1), startTicks: z.string() }),
    })
    .optional(),
});
export type Context = z.infer<typeof Context>;

export type KnownContext = { readonly context: Context; readonly isRunning: boolean };

const contextsDirectory = (directory: string): string => path.join(directory, 'contexts');
const contextFile = (directory: string, name: string): string =>
  path.join(contextsDirectory(directory), `${name}.json`);

/** Appears whole or not at all. */
export async function saveContext(directory: string, context: Context): Promise<void> {
  await mkdir(contextsDirectory(directory), { recursive: true });
  const file = contextFile(directory, context.name);
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, `${JSON.stringify(context, undefined, 2)}\n`, { mode: 0o600 });
  await rename(partial, file);
}

export async function removeContext(directory: string, name: ClusterName): Promise<void> {
  await rm(contextFile(directory, name), { force: true });
}

/** All contexts by name; a damaged file is passed over, it will be written anew. */
export async function listContexts(
  directory: string,
  isAlive: (keeper: { pid: number; startTicks: string }) => Promise<boolean>,
): Promise<KnownContext[]> {
  const names = await readNames(contextsDirectory(directory));
  const known: KnownContext[] = [];
  for (const name of names.toSorted()) {
    const context = await readContext(path.join(contextsDirectory(directory), name));
    if (context === undefined) continue;
    const isRunning = context.local === undefined || (await isAlive(context.local.keeper));
    known.push({ context, isRunning });
  }
  return known;
}

/**
 * The context that is named; else the only one that runs; else, of several, the one named `local`.
 * Throws a failure that names the choices.
 */
export function chooseContext(known: readonly KnownContext[], named: string | undefined): Context {
  if (named !== undefined) return chooseNamed(known, named);
  const running = known.filter((each) => each.isRunning).map((each) => each.context);
  const [first] = running;
  if (first === undefined) {
    throw new CommandFailure(EXIT.unreachable, {
      what: 'no cluster is running',
      why: known.length === 0 ? 'no context is known' : `stopped: ${namesOf(known)}`,
      remedy: 'start one with "npm start -- --keep", or name a remote one with "parley init"',
    });
  }
  if (running.length === 1) return first;
  const local = running.find((context) => context.name === 'local');
  if (local !== undefined) return local;
  throw new CommandFailure(EXIT.usage, {
    what: 'several clusters are running',
    why: namesOf(known.filter((each) => each.isRunning)),
    remedy: 'name one with --context NAME',
  });
}

function chooseNamed(known: readonly KnownContext[], named: string): Context {
  const found = known.find((each) => each.context.name === named);
  if (found === undefined) {
    throw new CommandFailure(EXIT.notFound, {
      what: `there is no context ${named}`,
      why: known.length === 0 ? 'no context is known' : `known: ${namesOf(known)}`,
    });
  }
  if (!found.isRunning) {
    throw new CommandFailure(EXIT.unreachable, {
      what: `the cluster ${named} is not running`,
      remedy: `start it with "npm start -- --keep --name ${named}"`,
    });
  }
  return found.context;
}

function namesOf(known: readonly KnownContext[]): string {
  return known.map((each) => each.context.name).join(', ');
}

async function readNames(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readContext(file: string): Promise<Context | undefined> {
  try {
    const parsed = Context.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

// Owns bringing the accounts of a cluster to servers that others run: a command of the operator's that copies the file, a
// reload by the system account where there is a credential for it, and waiting until every server has taken them.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { readCredentialFile as readIdentity } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { untilAll } from '@parley/nats-server/acceptance';
import { accountsPath } from '@parley/nats-server/foreign-accounts';
import { reloadServers } from '@parley/nats-server/system-reload';
import type { Credential } from '@parley/protocol/credential';
import * as z from 'zod';
import { CommandFailure, EXIT, reasonOf } from './command-failure.ts';
import { childEnvironment } from './config.ts';

/** How the servers get the accounts; told once, it is kept beside them. */
export const Distribution = z.object({
  /** A NATS .creds or .nk file of a user in the system account. */
  systemCreds: z.string().min(1).optional(),
  /** A shell command that copies the file named by PARLEY_ACCOUNTS beside the configuration of every server. */
  distribute: z.string().min(1).optional(),
});
export type Distribution = z.infer<typeof Distribution>;

export type DeskOptions = {
  readonly distribution: Distribution;
  /** How long to wait until the servers have taken a change. */
  readonly waitMs: number;
  readonly say: (line: string) => void;
};

const fileOf = (folder: string): string => path.join(folder, 'distribution.json');

/** What is told wins over what was kept; the whole is kept for the next time. */
export function keepDistribution(folder: string, told: Distribution): Distribution {
  const kept = existsSync(fileOf(folder))
    ? Distribution.parse(JSON.parse(readFileSync(fileOf(folder), 'utf8')))
    : {};
  const systemCreds = told.systemCreds && path.resolve(told.systemCreds);
  const { distribute } = told;
  const all = {
    ...kept,
    ...(systemCreds !== undefined && { systemCreds }),
    ...(distribute !== undefined && { distribute }),
  };
  writeFileSync(fileOf(folder), `${JSON.stringify(all, undefined, 2)}\n`, { mode: 0o600 });
  return all;
}

/** Makes the servers take what stands in the accounts file, or waits until somebody has; throws when one has not in time. */
export async function takeAccounts(
  folder: string,
  credentials: readonly Credential[],
  wanted: 'accepted' | 'refused',
  { distribution, waitMs, say }: DeskOptions,
): Promise<void> {
  const [any] = credentials;
  if (any === undefined) return;
  const file = accountsPath(folder, any.cluster);
  const remedy = `give every server this ${file}, beside its configuration that includes it, then have it reloaded (nats-server --signal reload)`;
  const told = keepDistribution(folder, distribution);
  await bringAccounts(file, told, any, say);
  if (told.systemCreds === undefined) say(`To take effect: ${remedy}.`);
  for (const credential of credentials) {
    const { kind, id } = credential.actor;
    const late = await untilAll(credential, wanted, {
      timeoutMs: waitMs,
      onWaiting: (servers) => say(`waiting for ${servers.join(', ')}`),
    });
    if (late.length === 0) continue;
    const not = wanted === 'accepted' ? 'do not know' : 'still know';
    throw new CommandFailure(EXIT.timedOut, {
      what: `after ${Math.round(waitMs / 1000)} s there are servers that ${not} ${kind} ${id}: ${late.join(', ')}`,
      why: 'they have not read the new accounts',
      remedy: `${remedy}; then run this again`,
    });
  }
}

/** Copies and reloads as far as it was told how. */
export async function bringAccounts(
  file: string,
  { distribute, systemCreds }: Distribution,
  known: Credential,
  say: (line: string) => void,
): Promise<void> {
  if (distribute !== undefined) await copyAccounts(file, distribute);
  if (systemCreds === undefined) return;
  say(`read their configuration again: ${(await reloadAll(systemCreds, known)).join(', ')}`);
}

async function copyAccounts(file: string, command: string): Promise<void> {
  const env = { ...childEnvironment(), PARLEY_ACCOUNTS: file };
  try {
    await promisify(execFile)('sh', ['-c', command], { env });
  } catch (error) {
    const words = {
      what: `the accounts could not be brought to the servers: ${command}`,
      why: reasonOf(error),
      remedy: 'see what it says; --distribute COMMAND tells another',
    };
    throw new CommandFailure(EXIT.failed, words, error);
  }
}

/** Names of the servers. `known`: a credential that says where they are. */
async function reloadAll(systemCreds: string, known: Credential): Promise<readonly string[]> {
  const what = 'the servers cannot be told to read their configuration again';
  const identity = readIdentity(systemCreds, {
    cluster: known.cluster,
    servers: known.servers,
    actor: { kind: 'operator', id: 'system' },
    ...(known.tls && { tls: known.tls }),
  });
  if (!identity.ok) throw new CommandFailure(EXIT.usage, { what, why: identity.failure.message });
  const opened = await openConnection(identity.value);
  if (!opened.ok) throw new CommandFailure(EXIT.unreachable, { what, why: opened.failure.message });
  try {
    const reloaded = await reloadServers(opened.value);
    if (reloaded.ok) return reloaded.value;
    throw new CommandFailure(EXIT.failed, { what, why: reloaded.failure.message });
  } finally {
    await opened.value.close();
  }
}

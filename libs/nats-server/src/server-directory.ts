// Owns where an embedded server keeps what within the cluster's directory, and writing its configuration there.
import { existsSync, mkdirSync, renameSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterName } from '@parley/protocol/ids';
import { usersOf } from '@parley/protocol/permissions';
import { SetupFailure } from '@parley/setup/setup-failure';
import { renderConfig } from './config.ts';
import { ensureCredential } from './credentials.ts';
import { holdersOf, type Members } from './members.ts';
import type { ServerTuning } from './server-state.ts';

/**
 * Streams reserve their limits, which together exceed small disks (8 GiB for the journal alone) and are no promise. So the
 * server's own limit stands above every sum of them; a disk that fills up is met where it happens.
 */
const RESERVABLE_BYTES = 4 * 1024 ** 4;
/** Below this a start would only fail later, in the middle of something. */
export const LEAST_FREE_BYTES = 64 * 1024 ** 2;

export const credentialsDirectory = (directory: string): string => join(directory, 'credentials');
export const configPath = (directory: string): string => join(directory, 'nats-server.conf');
export const logPath = (directory: string): string => join(directory, 'logs', 'nats-server.log');
/** What the server says before it opens its log. */
export const outputPath = (directory: string): string =>
  join(directory, 'logs', 'nats-server.output.log');

/** So that the log of a start speaks of that start alone; the one before is kept. */
export function setOldLogAside(directory: string): void {
  const log = logPath(directory);
  if (existsSync(log)) renameSync(log, join(directory, 'logs', 'nats-server.previous.log'));
}

/** @throws SetupFailure when the directory cannot be made or its disk is full */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(join(directory, 'logs'), { recursive: true, mode: 0o755 });
    mkdirSync(credentialsDirectory(directory), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new SetupFailure({
      what: `the cluster's directory ${directory} cannot be made`,
      why: cause instanceof Error ? cause.message : String(cause),
      remedy: 'free some space, check the rights, or choose another directory',
      cause,
    });
  }
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= LEAST_FREE_BYTES) return;
  throw new SetupFailure({
    what: `the disk of ${directory} is full`,
    why: `${Math.floor((bavail * bsize) / 1024 ** 2)} MiB are free; at least 64 MiB are needed to start`,
    remedy: 'free some space there, or choose another directory',
  });
}

export type ConfigTarget = {
  readonly directory: string;
  readonly serverName: string;
  readonly port: number;
  readonly tuning: ServerTuning | undefined;
};

export const serverUrl = (port: number): string => `nats://127.0.0.1:${port}`;

/** Makes the credentials that are missing and writes the configuration for exactly these members. */
export function writeConfig(target: ConfigTarget, members: Members): void {
  const { directory, serverName, port } = target;
  const principals = members.principals.map(({ name }) => name);
  const place = {
    directory: credentialsDirectory(directory),
    cluster: members.cluster,
    servers: [serverUrl(port)],
  };
  const users = holdersOf(members).flatMap((holder) =>
    ensureCredential(place, holder, usersOf(holder, members.cluster, principals)),
  );
  const text = renderConfig({
    cluster: members.cluster,
    serverName,
    port,
    storeDirectory: join(directory, 'nats'),
    logFile: logPath(directory),
    pidFile: join(directory, 'nats-server.pid'),
    maxFileBytes: RESERVABLE_BYTES,
    ...target.tuning,
    principals,
    users,
  });
  const partial = `${configPath(directory)}.${process.pid}`;
  writeFileSync(partial, text);
  renameSync(partial, configPath(directory));
}

export const noMembers = (cluster: ClusterName): Members => ({
  version: 1,
  cluster,
  actors: [],
  principals: [],
});

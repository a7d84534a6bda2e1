// Owns `parley backup` and `parley restore`: a copy outside of NATS of what operators have set, and the way back after NATS
// has lost everything. Agents and frameworks tell the rest themselves.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identityOfCredential } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { readCredentialFile } from '@parley/nats-server/account-connection';
import type { ClusterName } from '@parley/protocol/ids';
import { journalStreamName, snapshotStreamName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import {
  CommandFailure,
  EXIT,
  failureFromCluster,
  reasonOf,
  writeFailure,
} from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import type { Context } from '../context-store.ts';
import { wallTimeMs } from '../effects.ts';
import { openMemberDesk } from '../member-desk.ts';
import { printJson, printLine, printNotice } from '../print.ts';
import { areBooksBegun, readSettings, SettingsBackup, writeSettings } from '../settings-backup.ts';
import { currentContext } from './context.ts';

const MEND =
  'look at the disks of the NATS servers; whoever leads writes it again within ten minutes: then run this again. A copy of before is as it was';

export async function backupCommand(
  surroundings: Surroundings,
  named: string | undefined,
  { file, json }: { readonly file: string; readonly json: boolean },
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { cluster } = context;
  const read = await withBooks(surroundings, context, (books) => readSettings(books, cluster));
  if (!read.ok) {
    const what = `what is set cannot be read whole: ${file} was not written`;
    const remedy = read.failure.code === 'malformed' ? MEND : undefined;
    throw failureFromCluster(what, read.failure, { remedy });
  }
  const parts = read.value;
  const takenAt = new Date(wallTimeMs()).toISOString();
  writeWhole(
    file,
    JSON.stringify({ version: 1, cluster, takenAt, parts } satisfies SettingsBackup),
  );
  const count = Object.keys(parts).length;
  if (json) printJson({ file, cluster, takenAt, parts: count });
  else printLine(`${file}: what is set in cluster ${cluster}, ${count} parts`);
}

export async function restoreCommand(
  surroundings: Surroundings,
  named: string | undefined,
  { file, json }: { readonly file: string; readonly json: boolean },
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const backup = readBackup(file);
  if (backup.cluster !== context.cluster) {
    throw new CommandFailure(EXIT.usage, {
      what: `${file} is of cluster ${backup.cluster}, not of ${context.cluster}`,
      remedy: 'name the cluster with --context NAME, or take another file',
    });
  }
  await withBooks(surroundings, context, async (books) => {
    await refuseBegun(books, context.cluster);
    const written = await writeSettings(books, backup);
    if (written.ok) return;
    throw failureFromCluster('what was set is not all put back', written.failure, {
      remedy: 'run this again before masters are started',
    });
  });
  const parts = Object.keys(backup.parts).length;
  if (json) printJson({ file, cluster: backup.cluster, takenAt: backup.takenAt, parts });
  else {
    printLine(`put back what was set in cluster ${backup.cluster} at ${backup.takenAt}`);
    printLine('masters that are started now make the books anew from it, agents and frameworks');
  }
}

/** Books that were begun say what is set: a copy beside them would be overwritten, and be wrong until then. */
async function refuseBegun(books: NatsConnection, cluster: ClusterName): Promise<void> {
  const what = 'nothing was put back';
  const begun = await areBooksBegun(books, cluster);
  if (!begun.ok) {
    throw failureFromCluster(what, begun.failure, { remedy: 'run "parley init" first' });
  }
  if (!begun.value) return;
  throw new CommandFailure(EXIT.failed, {
    what,
    why: `the books of cluster ${cluster} are there, and masters go by them`,
    remedy: `if they are to be given up: stop all masters, delete the streams ${journalStreamName(cluster)} and ${snapshotStreamName(cluster)}, run "parley init", then this again`,
  });
}

/** With a master's key: masters alone may write what is set. */
async function withBooks<Value>(
  surroundings: Surroundings,
  context: Context,
  work: (books: NatsConnection) => Promise<Value>,
): Promise<Value> {
  const distribution = { distribution: {}, waitMs: 0, say: printNotice };
  const desk = await openMemberDesk(surroundings, context, distribution);
  const master = desk.members().actors.find(({ kind }) => kind === 'master');
  if (master === undefined) {
    throw new CommandFailure(EXIT.notFound, {
      what: `cluster ${context.name} has no master whose credential could be used`,
      remedy: 'make one: parley credential create master master-1',
    });
  }
  const file = desk.credentialFile(master);
  const opened = await openConnection(identityOfCredential(readCredentialFile(file)), 'books');
  if (!opened.ok) {
    throw failureFromCluster(`cluster ${context.name} cannot be reached`, opened.failure);
  }
  try {
    return await work(opened.value);
  } finally {
    await opened.value.close();
  }
}

function readBackup(file: string): SettingsBackup {
  try {
    return SettingsBackup.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const words = {
      what: `${file} is no copy that "parley backup" wrote`,
      why: reasonOf(error),
    };
    throw new CommandFailure(EXIT.usage, words, error);
  }
}

/** It appears whole or not at all; a copy of before stays until then. */
function writeWhole(file: string, text: string): void {
  const partial = `${file}.${process.pid}`;
  try {
    writeFileSync(partial, `${text}\n`, { mode: 0o600 });
    renameSync(partial, file);
  } catch (error) {
    throw writeFailure(`${file} was not written`, path.dirname(path.resolve(file)), error);
  }
}

// Owns `parley uninstall`: takes away what `parley init` made on a NATS that others run, by name, and nothing else: streams
// and buckets, then accounts and credentials. What anybody else keeps on the servers is not touched.
import { rm } from 'node:fs/promises';
import { ask, STREAM_NOT_FOUND } from '@parley/actor/nats/jetstream-requests';
import { wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { readCredentialFile, withConnection } from '@parley/nats-server/account-connection';
import { credentialPath } from '@parley/nats-server/credentials';
import { accountsPath, writeNoAccounts } from '@parley/nats-server/foreign-accounts';
import { type Members, PROVISIONER, readMembers } from '@parley/nats-server/members';
import { credentialsDirectory } from '@parley/nats-server/server-directory';
import {
  BOOKS_ACCOUNT,
  CONTROL_ACCOUNT,
  principalAccount,
  WORK_ACCOUNT,
} from '@parley/protocol/accounts';
import type { Credential } from '@parley/protocol/credential';
import { workBucketName } from '@parley/protocol/streams';
import { type Distribution, takeAccounts } from '../account-distribution.ts';
import { CommandFailure, EXIT, reasonOf } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { confirm } from '../confirmation.ts';
import { removeContext } from '../context-store.ts';
import { askAtTerminal } from '../effects.ts';
import { initFolder } from '../member-desk.ts';
import { printJson, printLine, printNotice } from '../print.ts';
import { currentContext } from './context.ts';

export type UninstallOptions = {
  readonly distribution: Distribution;
  readonly waitMs: number;
  readonly yes: boolean;
  readonly json: boolean;
};

/** Streams of one account, and the key to it. */
type Share = {
  readonly account: string;
  readonly seed: string;
  readonly streams: readonly string[];
};

export async function uninstallCommand(
  surroundings: Surroundings,
  named: string | undefined,
  options: UninstallOptions,
): Promise<void> {
  const { directory } = surroundings;
  const { cluster, local, name } = await currentContext(surroundings, named);
  const folder = initFolder(directory, cluster);
  const members = readMembers(folder);
  if (local !== undefined || members === undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: `cluster ${name} was not set up here by "parley init"`,
      remedy: local === undefined ? 'run this where it was' : 'end it with "parley stop"',
    });
  }
  const provisioner = readCredentialFile(credentialPath(credentialsDirectory(folder), PROVISIONER));
  const shares = sharesOf(members, provisioner);
  const accounts = [CONTROL_ACCOUNT, WORK_ACCOUNT, ...shares.map(({ account }) => account)];
  const list = shares.flatMap(({ account, streams }) =>
    streams.map((stream) => `${stream} (account ${account})`),
  );
  await confirm(
    {
      warning: [
        `this removes cluster ${cluster} with all that it knows from ${provisioner.servers.join(', ')}; its services should be stopped`,
        ...list.map((stream) => `  stream ${stream}`),
        `  accounts ${accounts.join(', ')}`,
        `  credentials ${credentialsDirectory(folder)}`,
      ].join('\n'),
      word: cluster,
      command: `parley uninstall --context ${name}`,
    },
    { yes: options.yes, isTerminal: surroundings.isTerminal, ask: askAtTerminal },
  );
  const removed: string[] = [];
  for (const share of shares) removed.push(...(await removeShare(provisioner, share)));
  writeNoAccounts(folder, cluster);
  await takeAccounts(folder, [provisioner], 'refused', { ...options, say: printNotice });
  await rm(credentialsDirectory(folder), { recursive: true, force: true });
  for (const file of ['members.json', 'distribution.json']) {
    await rm(`${folder}/${file}`, { force: true });
  }
  await removeContext(directory, name);
  if (options.json) printJson({ removed, accounts });
  else {
    printLine(`removed: ${removed.join(', ') || 'nothing'}; the accounts are gone too`);
    printLine(
      `${accountsPath(folder, cluster)} is empty now: take its include out of the servers' configuration, then delete it`,
    );
  }
}

function sharesOf({ cluster, principals }: Members, { seeds }: Credential): readonly Share[] {
  const place = { cluster, replicas: 1 } as const;
  const books = wantedStreams({ ...place, principals: [] }).map(({ name }) => name);
  const own = principals.map(({ name }): Share => {
    const streams = [wantedUpdates(name, place).name, `OBJ_${workBucketName(cluster, name)}`];
    return { account: principalAccount(name), seed: seeds.principals?.[name] ?? '', streams };
  });
  return [...own, { account: BOOKS_ACCOUNT, seed: seeds.books ?? '', streams: books }];
}

/** The streams that were there; those that were gone already are none. */
async function removeShare(
  provisioner: Credential,
  { account, seed, streams }: Share,
): Promise<readonly string[]> {
  try {
    return await withConnection(provisioner, seed, async (connection) => {
      const removed: string[] = [];
      for (const stream of streams) {
        const answer = await ask(connection, `$JS.API.STREAM.DELETE.${stream}`, '');
        if (answer.kind === 'answered') removed.push(stream);
        else if (answer.kind === 'unknown' || answer.code !== STREAM_NOT_FOUND) {
          throw new Error(`stream ${stream}: ${answer.message}`);
        }
      }
      return removed;
    });
  } catch (error) {
    const words = {
      what: `not all of account ${account} could be removed`,
      why: reasonOf(error),
      remedy: 'run this again: what is gone already is passed over',
    };
    throw new CommandFailure(EXIT.failed, words, error);
  }
}

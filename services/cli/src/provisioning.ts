// Owns making what a cluster needs on its NATS: streams and buckets of the books, and each principal's stream, bucket
// and record. Repeatable. What these are is in @parley/protocol; this is for the embedded server and `parley init`.

import { ask } from '@parley/actor/nats/jetstream-requests';
import {
  type Choice,
  checkServer,
  type ProvisionOptions,
  provision,
  wantedStreams,
  wantedUpdates,
} from '@parley/actor/nats/provision';
import { readCredentialFile, withConnection } from '@parley/nats-server/account-connection';
import type { PrincipalMember } from '@parley/nats-server/members';
import type { NatsServer } from '@parley/nats-server/nats-server';
import {
  addPrincipal,
  type EnsureUpdatesStream,
  provisionPrincipal,
} from '@parley/nats-server/principals';
import { PRINCIPALS_API } from '@parley/protocol/accounts';
import type { Credential } from '@parley/protocol/credential';
import type { Outcome } from '@parley/protocol/errors';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { journalStreamName, updatesStreamName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import { CommandFailure, EXIT, reasonOf } from './command-failure.ts';
import { streamLimit } from './local-cluster/stream-limit.ts';

export type Provisioning = {
  /** As many as there are nodes, up to three, without it. */
  readonly replicas?: ProvisionOptions['replicas'];
  readonly principals: readonly PrincipalMember[];
  /** JetStream sets a stream's limit aside when it is made: a smaller one for hosts with little disk. */
  readonly maxStreamBytes?: number;
  /** Which of these the person asked for: streams that are there must have them too. */
  readonly stated?: readonly Choice[];
};

export type ProvisionResult = {
  readonly made: readonly string[];
  readonly present: readonly string[];
  readonly warning: string | undefined;
};

/** With the provisioner's credential. Throws a failure that names the stream and what to do. */
export async function provisionCluster(
  credential: Credential,
  { replicas, principals, maxStreamBytes, stated = [] }: Provisioning,
): Promise<ProvisionResult> {
  const { cluster, seeds } = credential;
  if (seeds.books === undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: `the credential of ${credential.actor.kind} ${credential.actor.id} cannot make streams`,
      why: 'it has no key to the account "books"',
      remedy: 'use the credential of a provisioner',
    });
  }
  const books = await connected(credential, () =>
    withConnection(credential, seeds.books ?? '', async (connection) => {
      const server = orThrow(checkServer(connection), 'the NATS server cannot be used');
      const placement = {
        replicas: replicas ?? copiesFor(connection),
        ...(maxStreamBytes !== undefined && { maxStreamBytes }),
      };
      const streams = wantedStreams({ cluster, principals: [], ...placement });
      const done = orThrow(
        await provision(connection, streams, stated),
        'the streams cannot be made',
      );
      return { ...done, warning: server, placement };
    }),
  );
  for (const principal of principals) {
    await connected(credential, () =>
      provisionPrincipal(credential, principal, {
        ensureUpdatesStream: ensureUpdates(books.placement, stated),
        replicas: books.placement.replicas,
      }),
    );
  }
  return books;
}

/** A server that is a node of a cluster is taken to be one of three: were there fewer, it says so when a stream is made. */
const copiesFor = ({ info }: NatsConnection): 1 | 3 => (info?.cluster === undefined ? 1 : 3);

/** Gives a principal its stream, bucket and record on a NATS of others, with as many copies as the journal has. */
export async function provisionMember(
  credential: Credential,
  principal: PrincipalMember,
): Promise<void> {
  await connected(credential, async () => {
    const replicas = await withConnection(credential, credential.seeds.books ?? '', (connection) =>
      copiesOfJournal(connection, credential.cluster),
    );
    await provisionPrincipal(credential, principal, {
      ensureUpdatesStream: ensureUpdates({ replicas }),
      replicas,
    });
  });
}

/**
 * Servers on which masters cannot reach the principals' streams. Right after a reload that made all accounts at once, what is
 * to pass between them is not let through yet; another reload helps.
 * @param master the credential of any
 */
export async function closedPassages(
  master: Credential,
  principals: readonly PrincipalName[],
): Promise<readonly string[]> {
  const closed: string[] = [];
  for (const server of master.servers) {
    const there = { ...master, servers: [server] };
    const isOpen = await withConnection(there, master.seeds.books ?? '', async (connection) => {
      const asked = principals.map((name) => {
        const stream = updatesStreamName(master.cluster, name);
        return ask(connection, `${PRINCIPALS_API}.STREAM.INFO.${stream}`, '');
      });
      return (await Promise.all(asked)).every(({ kind }) => kind === 'answered');
      // A server that is down reads its configuration anew when it comes back.
    }).catch(() => true);
    if (!isOpen) closed.push(server);
  }
  return closed;
}

const JournalAnswer = z.object({
  config: z.object({ num_replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]) }),
});

async function copiesOfJournal(
  connection: NatsConnection,
  cluster: ClusterName,
): Promise<ProvisionOptions['replicas']> {
  const stream = journalStreamName(cluster);
  const answer = await ask(connection, `$JS.API.STREAM.INFO.${stream}`, '');
  const journal = answer.kind === 'answered' ? JournalAnswer.safeParse(answer.value) : undefined;
  if (journal?.success === true) return journal.data.config.num_replicas;
  throw new CommandFailure(EXIT.unreachable, {
    what: `stream ${stream} cannot be read`,
    why: answer.kind === 'answered' ? 'it has an odd number of copies' : answer.message,
    remedy: 'run "parley init" again',
  });
}

/** Gives a principal a credential and all that it needs on a running embedded server; nobody is dropped. */
export async function admitPrincipal(nats: NatsServer, member: PrincipalMember): Promise<void> {
  const streams = nats.members().principals.length + 1;
  const maxStreamBytes = streamLimit(nats.directory, streams);
  await addPrincipal(nats, member, ensureUpdates({ replicas: 1, maxStreamBytes }));
}

export const provisionerOf = (nats: NatsServer): Credential =>
  readCredentialFile(nats.credentialFile('provisioner', 'provisioner'));

type Placement = Pick<ProvisionOptions, 'replicas' | 'maxStreamBytes'>;

function ensureUpdates(placement: Placement, stated: readonly Choice[] = []): EnsureUpdatesStream {
  return async (connection, cluster, principal) => {
    const wanted = wantedUpdates(principal, { cluster, ...placement });
    orThrow(await provision(connection, [wanted], stated), `the stream of principal ${principal}`);
  };
}

function orThrow<Value>(outcome: Outcome<Value>, what: string): Value {
  if (outcome.ok) return outcome.value;
  throw new CommandFailure(EXIT.failed, { what, why: outcome.failure.message });
}

async function connected<Value>(
  { servers }: Credential,
  run: () => Promise<Value>,
): Promise<Value> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const words = { what: `NATS at ${servers.join(', ')} cannot be set up`, why: reasonOf(error) };
    throw new CommandFailure(EXIT.unreachable, words, error);
  }
}

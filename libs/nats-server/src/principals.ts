// Owns admitting a principal to a cluster and dismissing it: credential, account, stream, bucket and its record of roles.
// What a role is worth is decided by the master, which reads the records.
import { Kvm } from '@nats-io/kv';
import type { Credential } from '@parley/protocol/credential';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { PrincipalRecord } from '@parley/protocol/operators';
import { principalsBucketName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import { readCredentialFile, withConnection } from './account-connection.ts';
import { PROVISIONER, type PrincipalMember } from './members.ts';
import type { NatsServer } from './nats-server.ts';
import { ensureWorkBucket } from './provision-work.ts';

/** Makes a principal's update stream; the connection is the provisioner's in the principal's account. */
export type EnsureUpdatesStream = (
  connection: NatsConnection,
  cluster: ClusterName,
  principal: PrincipalName,
) => Promise<void>;

export type PrincipalStreams = {
  readonly ensureUpdatesStream: EnsureUpdatesStream;
  /** Copies of its object bucket, on as many servers. */
  readonly replicas: number;
};

/**
 * Makes a principal known on a running embedded server, without dropping anybody. Repeatable; changes its roles. The
 * register, a bucket of the books, must be there.
 */
export async function addPrincipal(
  server: NatsServer,
  principal: PrincipalMember,
  ensureUpdatesStream: EnsureUpdatesStream,
): Promise<void> {
  await server.addMembers([], [principal]);
  const file = server.credentialFile(PROVISIONER.kind, PROVISIONER.id);
  await provisionPrincipal(readCredentialFile(file), principal, {
    ensureUpdatesStream,
    replicas: 1,
  });
}

/**
 * What a principal needs beside its credential: stream, bucket, record. Repeatable.
 * @param credential the provisioner's
 * @throws when the credential has no key to the principal's account
 */
export async function provisionPrincipal(
  credential: Credential,
  { name, roles }: PrincipalMember,
  { ensureUpdatesStream, replicas }: PrincipalStreams,
): Promise<void> {
  const { cluster } = credential;
  const seed = credential.seeds.principals?.[name];
  if (seed === undefined) {
    throw new Error(`the provisioner's credential has no key to the account of principal ${name}`);
  }
  await withConnection(credential, seed, async (connection) => {
    await ensureUpdatesStream(connection, cluster, name);
    await ensureWorkBucket(connection, cluster, { principal: name, replicas });
  });
  // The record comes last: a master that reads it finds everything else there.
  const record = PrincipalRecord.parse({ roles });
  await inRegister(credential, (register) => register.put(name, JSON.stringify(record)));
}

/** Takes its rights away and closes its connections. Stream and bucket stay, for who reads them later. */
export async function removePrincipal(server: NatsServer, name: PrincipalName): Promise<void> {
  const file = server.credentialFile(PROVISIONER.kind, PROVISIONER.id);
  await forgetPrincipal(readCredentialFile(file), name);
  await server.removeMember({ kind: 'principal', id: name });
}

/** Masters refuse its calls from now on. */
export async function forgetPrincipal(credential: Credential, name: PrincipalName): Promise<void> {
  await inRegister(credential, (register) => register.delete(name));
}

type Register = Awaited<ReturnType<Kvm['open']>>;

async function inRegister(
  credential: Credential,
  change: (register: Register) => Promise<unknown>,
): Promise<void> {
  const { books } = credential.seeds;
  if (books === undefined) throw new Error('only a provisioner changes the register of principals');
  await withConnection(credential, books, async (connection) => {
    const register = await new Kvm(connection).open(principalsBucketName(credential.cluster));
    await change(register);
  });
}

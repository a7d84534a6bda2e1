// Owns the credential files of an embedded server: makes keys, writes each file for its owner alone, keeps what is there.
// What a holder may do with its keys is in @parley/protocol/permissions.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { Credential, type Holder, type TlsMaterial } from '@parley/protocol/credential';
import { type ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { HolderUsers, User } from '@parley/protocol/permissions';
import { SetupFailure } from '@parley/setup/setup-failure';
import type { ServerUser } from './config.ts';

type Seeds = Credential['seeds'];

export type CredentialPlace = {
  readonly directory: string;
  readonly cluster: ClusterName;
  readonly servers: readonly string[];
  /** Each part wins over the file's own. */
  readonly tls?: TlsMaterial;
};

export const credentialPath = (directory: string, { kind, id }: Holder): string =>
  join(directory, `${kind}-${id}.json`);

/**
 * Makes the holder's credential file, mode 0600 in a directory of mode 0700. Keys that are there are kept; missing ones
 * and the servers' addresses are brought up to date.
 * @returns the holder's users with their public keys
 * @throws SetupFailure when the file is there and is no credential of this holder
 */
export function ensureCredential(
  place: CredentialPlace,
  holder: Holder,
  users: HolderUsers,
): readonly ServerUser[] {
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  chmodSync(place.directory, 0o700);
  const path = credentialPath(place.directory, holder);
  const kept = existsSync(path) ? readCredential(path, holder, place.cluster) : undefined;
  const seeds = seedsFor(users, kept?.seeds);
  const { cluster, servers } = place;
  const tls = { ...kept?.tls, ...place.tls };
  const credential: Credential = {
    version: 1,
    cluster,
    servers: [...servers],
    actor: holder,
    ...(Object.keys(tls).length > 0 && { tls }),
    seeds,
  };
  if (JSON.stringify(kept) === JSON.stringify(credential)) chmodSync(path, 0o600);
  else writePrivately(path, credential);
  return keyedUsers(users, seeds);
}

export function removeCredential(directory: string, holder: Holder): void {
  rmSync(credentialPath(directory, holder), { force: true });
}

function seedsFor(users: HolderUsers, kept: Seeds | undefined): Seeds {
  const principals = Object.keys(users.principals ?? {}).map((name) => [
    name,
    kept?.principals?.[PrincipalName.parse(name)] ?? newSeed(),
  ]);
  return {
    control: kept?.control ?? newSeed(),
    ...(users.books && { books: kept?.books ?? newSeed() }),
    ...(users.work && { work: kept?.work ?? newSeed() }),
    ...(users.principals && { principals: Object.fromEntries(principals) }),
  };
}

function keyedUsers(users: HolderUsers, seeds: Seeds): readonly ServerUser[] {
  const pairs: [User | undefined, string | undefined][] = [
    [users.control, seeds.control],
    [users.books, seeds.books],
    [users.work, seeds.work],
  ];
  for (const [name, seed] of Object.entries(seeds.principals ?? {})) {
    pairs.push([users.principals?.[PrincipalName.parse(name)], seed]);
  }
  return pairs.flatMap(([user, seed]) =>
    user === undefined || seed === undefined ? [] : [{ ...user, publicKey: publicKeyOf(seed) }],
  );
}

function readCredential(path: string, holder: Holder, cluster: ClusterName): Credential {
  const parsed = Credential.safeParse(parseJson(path));
  const ours =
    parsed.success &&
    parsed.data.cluster === cluster &&
    parsed.data.actor.kind === holder.kind &&
    parsed.data.actor.id === holder.id;
  if (parsed.success && ours) return parsed.data;
  throw new SetupFailure({
    what: `the credential file ${path} cannot be used`,
    why: `it is not a credential of ${holder.kind} ${holder.id} in cluster ${cluster}`,
    remedy: 'remove the file to have a new one made',
  });
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** The rename makes the new content appear whole or not at all. */
function writePrivately(path: string, credential: Credential): void {
  const partial = `${path}.${process.pid}`;
  rmSync(partial, { force: true });
  writeFileSync(partial, `${JSON.stringify(credential, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(partial, path);
}

const newSeed = (): string => new TextDecoder().decode(createUser().getSeed());

const publicKeyOf = (seed: string): string =>
  fromSeed(new TextEncoder().encode(seed)).getPublicKey();

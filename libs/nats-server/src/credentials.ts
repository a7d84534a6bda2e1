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
import { Credential, type Holder } from '@parley/protocol/credential';
import type { ClusterName } from '@parley/protocol/ids';
import { hasWorkUser } from '@parley/protocol/permissions';
import { SetupFailure } from '@parley/setup/setup-failure';

export type KeptCredential = {
  readonly holder: Holder;
  readonly controlKey: string;
  readonly workKey: string | undefined;
};

export type CredentialPlace = {
  readonly directory: string;
  readonly cluster: ClusterName;
  readonly servers: readonly string[];
};

export const credentialPath = (directory: string, { kind, id }: Holder): string =>
  join(directory, `${kind}-${id}.json`);

/**
 * The holder's credential file, mode 0600 in a directory of mode 0700. Keys that are there are kept; the servers'
 * addresses are brought up to date.
 * @throws SetupFailure when the file is there and is no credential of this holder
 */
export function ensureCredential(place: CredentialPlace, holder: Holder): KeptCredential {
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  chmodSync(place.directory, 0o700);
  const path = credentialPath(place.directory, holder);
  const kept = existsSync(path) ? readCredential(path, holder, place.cluster) : undefined;
  const credential = kept ?? newCredential(place, holder);
  if (kept === undefined || kept.servers.join() !== place.servers.join()) {
    writePrivately(path, { ...credential, servers: [...place.servers] });
  } else chmodSync(path, 0o600);
  const { control, work } = credential.seeds;
  return {
    holder,
    controlKey: publicKeyOf(control),
    workKey: work === undefined ? undefined : publicKeyOf(work),
  };
}

export function removeCredential(directory: string, holder: Holder): void {
  rmSync(credentialPath(directory, holder), { force: true });
}

function newCredential({ cluster, servers }: CredentialPlace, holder: Holder): Credential {
  const control = newSeed();
  const seeds = hasWorkUser(holder.kind) ? { control, work: newSeed() } : { control };
  return { version: 1, cluster, servers: [...servers], actor: holder, seeds };
}

function readCredential(path: string, holder: Holder, cluster: ClusterName): Credential {
  const found = parseJson(path);
  const parsed = Credential.safeParse(found);
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
  writeFileSync(partial, `${JSON.stringify(credential, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(partial, path);
}

const newSeed = (): string => new TextDecoder().decode(createUser().getSeed());

const publicKeyOf = (seed: string): string =>
  fromSeed(new TextEncoder().encode(seed)).getPublicKey();

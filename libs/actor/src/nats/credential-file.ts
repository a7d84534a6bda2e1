// Owns reading the file that lets an actor onto the bus: the project's own credential (JSON), or a NATS .creds or .nk
// file with the rest told beside it. What it may do is the server's business.
import { readFileSync } from 'node:fs';
import { Credential, type Holder, type TlsMaterial } from '@parley/protocol/credential';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { describeIssues } from '@parley/protocol/message';
import { type Authenticator, credsAuthenticator } from 'nats';
import { seedAuthenticator } from './seed-authenticator.ts';

/** Who connects, whereto and as what. */
export type Identity = {
  readonly cluster: ClusterName;
  readonly servers: readonly string[];
  readonly actor: Holder;
  readonly tls?: TlsMaterial;
  readonly control: Authenticator;
  /** Only for who reads or writes journal, snapshots, leases or the principals' register. */
  readonly books?: Authenticator;
  /** Only for who moves data between tasks, and for principals: their own account, with their updates. */
  readonly work?: Authenticator;
};

/** What a NATS file does not say; each wins over what a credential file says. */
export type IdentityHints = {
  readonly cluster?: ClusterName;
  readonly servers?: readonly string[];
  readonly actor?: Holder;
  /** Each part wins by itself. */
  readonly tls?: TlsMaterial;
};

const NATS_SEED = /^\s*(SU[A-Z2-7]{56})\s*$/;

/** Fails with `malformed` or `unavailable` (not readable); the message names the file and what to do, never what is in it. */
export function readCredentialFile(path: string, hints: IdentityHints = {}): Outcome<Identity> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail('unavailable', `the credential ${path} cannot be read: ${why}`);
  }
  if (text.trimStart().startsWith('{')) return fromCredential(path, text, hints);
  const seed = NATS_SEED.exec(text)?.[1];
  if (seed !== undefined) return fromNatsFile(path, seedAuthenticator(seed), hints);
  if (text.includes('BEGIN NATS USER JWT')) {
    return fromNatsFile(path, credsAuthenticator(Buffer.from(text)), hints);
  }
  return fail('malformed', `${path} is no credential: neither JSON nor a NATS .creds or .nk file`);
}

function fromCredential(path: string, text: string, hints: IdentityHints): Outcome<Identity> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes what it read, which is secret.
    return fail('malformed', `the credential ${path} is not JSON: make it anew`);
  }
  const parsed = Credential.safeParse(value);
  if (!parsed.success) return fail('malformed', describeIssues(`credential ${path}`, parsed.error));
  return succeed(identityOfCredential(parsed.data, hints));
}

/** With keys for each account in which the holder has a user. */
export function identityOfCredential(credential: Credential, hints: IdentityHints = {}): Identity {
  const { cluster, servers, actor, seeds } = credential;
  const tls = { ...credential.tls, ...hints.tls };
  return {
    cluster: hints.cluster ?? cluster,
    servers: hints.servers ?? servers,
    actor: hints.actor ?? actor,
    ...(Object.keys(tls).length > 0 && { tls }),
    control: seedAuthenticator(seeds.control),
    ...(seeds.books !== undefined && { books: seedAuthenticator(seeds.books) }),
    ...(seeds.work !== undefined && { work: seedAuthenticator(seeds.work) }),
  };
}

function fromNatsFile(
  path: string,
  control: Authenticator,
  { cluster, servers, actor, tls }: IdentityHints,
): Outcome<Identity> {
  if (cluster === undefined || servers === undefined || actor === undefined) {
    return fail(
      'malformed',
      `${path} is a NATS credential: say also --nats URL, --cluster NAME and --id ID`,
    );
  }
  // One user can stand in one account only; data of tasks needs a file of the project's own kind.
  return succeed({ cluster, servers, actor, ...(tls && { tls }), control });
}

// Owns what a framework says about who it is: a credential file, and what a plain NATS file leaves open.
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { readTlsFiles, type TlsFiles } from '@parley/actor/nats/tls-files';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ClusterName, PrincipalName } from '@parley/protocol/ids';

export type SchedulerCredential = {
  /** Path of the project's own credential file, or of a NATS .creds or .nk file. */
  readonly file: string;
  /** Each wins over what the file says; a NATS file says none of them. */
  readonly servers?: readonly string[];
  readonly cluster?: string;
  readonly principal?: string;
  /** PEM files: whose certificates of servers are trusted, and what is shown to servers that want one. */
  readonly tls?: TlsFiles;
};

/** From the values of `--tls-ca`, `--tls-cert` and `--tls-key`. */
export function tlsFilesOf(values: {
  readonly 'tls-ca'?: string;
  readonly 'tls-cert'?: string;
  readonly 'tls-key'?: string;
}): TlsFiles {
  const { 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key } = values;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** Fails with `malformed`, `unavailable` (not readable) or `notPermitted` (not the credential of a principal). */
export function identityOf(credential: string | SchedulerCredential | Identity): Outcome<Identity> {
  if (typeof credential === 'object' && 'actor' in credential) {
    return ofPrincipal(credential, 'what was given');
  }
  const { file, servers, cluster, principal, tls } =
    typeof credential === 'string' ? { file: credential } : credential;
  const material = readTlsFiles(tls ?? {});
  if (!material.ok) return material;
  const identity = readCredentialFile(file, {
    ...(servers && { servers }),
    ...(material.value && { tls: material.value }),
    ...(cluster !== undefined && { cluster: ClusterName.parse(cluster) }),
    ...(principal !== undefined && {
      actor: { kind: 'principal', id: PrincipalName.parse(principal) },
    }),
  });
  return identity.ok ? ofPrincipal(identity.value, file) : identity;
}

function ofPrincipal(identity: Identity, source: string): Outcome<Identity> {
  const { kind, id } = identity.actor;
  if (kind === 'principal') return succeed(identity);
  return fail(
    'notPermitted',
    `${source} is the credential of ${kind} ${id}; a framework needs a principal's (npx parley principal add NAME --roles ROLE)`,
  );
}

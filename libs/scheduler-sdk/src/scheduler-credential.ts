// Owns what a framework says about who it is: a credential file, and what a plain NATS file leaves open.
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { fail, type Outcome } from '@parley/protocol/errors';
import { ClusterName, PrincipalName } from '@parley/protocol/ids';

export type SchedulerCredential = {
  /** Path of the project's own credential file, or of a NATS .creds or .nk file. */
  readonly file: string;
  /** Each wins over what the file says; a NATS file says none of them. */
  readonly servers?: readonly string[];
  readonly cluster?: string;
  readonly principal?: string;
};

/** Fails with `malformed`, `unavailable` (not readable) or `notPermitted` (not the credential of a principal). */
export function identityOf(credential: string | SchedulerCredential): Outcome<Identity> {
  const { file, servers, cluster, principal } =
    typeof credential === 'string' ? { file: credential } : credential;
  const identity = readCredentialFile(file, {
    ...(servers && { servers }),
    ...(cluster !== undefined && { cluster: ClusterName.parse(cluster) }),
    ...(principal !== undefined && {
      actor: { kind: 'principal', id: PrincipalName.parse(principal) },
    }),
  });
  if (!identity.ok || identity.value.actor.kind === 'principal') return identity;
  const { kind, id } = identity.value.actor;
  return fail(
    'notPermitted',
    `${file} is the credential of ${kind} ${id}; a framework needs a principal's (npx parley principal add NAME --roles ROLE)`,
  );
}

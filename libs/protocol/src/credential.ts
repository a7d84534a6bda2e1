// Owns the credential file: who its holder is, where the servers are and the keys that prove it; and whose inbox is whose.
// Making keys and writing the files is in @parley/nats-server; connecting with one is in @parley/actor.
import * as z from 'zod';
import { ClusterName, PrincipalName, Token } from './ids.ts';
import { ACTOR_KINDS } from './subject-entry.ts';

/**
 * A `provisioner` makes streams, buckets and principals; it takes no part in the cluster's messages. An `emulator` speaks
 * as any number of agents: for measurements, made only where somebody asks for it by name.
 */
export const HOLDER_KINDS = [...ACTOR_KINDS, 'provisioner', 'emulator'] as const;
export type HolderKind = (typeof HOLDER_KINDS)[number];

/** Who holds a credential. `id` is an agent's id, a principal's name, or the name of a service or operator. */
export const Holder = z
  .object({ kind: z.enum(HOLDER_KINDS), id: Token })
  .refine(
    ({ kind, id }) => kind !== 'agent' || id !== 'master',
    '"master" is no agent id: the leader writes its own status updates under it',
  );
export type Holder = z.infer<typeof Holder>;

/** The seed of a NATS user key: base32 of prefix, 32 random bytes and a checksum. NATS docs, "NKeys". */
const UserSeed = z
  .string()
  .regex(/^SU[A-Z2-7]{56}$/, 'must be the seed of a NATS user key (SU...)');

/** What a TLS connection needs beside the server's address, as PEM texts. Without `ca` those are trusted that the system trusts. */
export const TlsMaterial = z.object({
  ca: z.string().min(1).optional(),
  cert: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
});
export type TlsMaterial = z.infer<typeof TlsMaterial>;

/** For the client library. Asked for by material or a `tls://` address, else undefined: then the server decides. */
export function tlsOptionsFor(
  servers: readonly string[],
  material: TlsMaterial | undefined,
): { ca?: string; cert?: string; key?: string } | undefined {
  const isWanted = material !== undefined || servers.some((server) => server.startsWith('tls://'));
  if (!isWanted) return undefined;
  const { ca, cert, key } = material ?? {};
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/**
 * What a credential file holds: a key for each account in which the holder has a user (accounts.ts).
 * `work` is the account `work` for an agent and its own account for a principal.
 */
export const Credential = z.object({
  version: z.literal(1),
  cluster: ClusterName,
  servers: z.array(z.string().min(1)).min(1),
  actor: Holder,
  tls: TlsMaterial.optional(),
  seeds: z.object({
    control: UserSeed,
    books: UserSeed.optional(),
    work: UserSeed.optional(),
    /** The provisioner's keys to the principals' accounts, by principal. */
    principals: z.record(PrincipalName, UserSeed).optional(),
  }),
});
export type Credential = z.infer<typeof Credential>;

/** Answers to this holder arrive below this subject, and nobody else may subscribe there. */
export const inboxPrefix = (holder: Holder): string => `_INBOX.${holder.kind}.${holder.id}`;

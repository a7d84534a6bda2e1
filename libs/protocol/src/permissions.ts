// Owns what each holder of a credential may publish and subscribe to, derived from the subject table and the stream shapes.
// Pure. Writing them into a server's configuration is in @parley/nats-server. Accounts are in accounts.ts.
import {
  BOOKS_ACCOUNT,
  CONTROL_ACCOUNT,
  consumerCalls,
  objectCalls,
  PRINCIPALS_API,
  principalAccount,
  WORK_ACCOUNT,
} from './accounts.ts';
import { type Holder, inboxPrefix } from './credential.ts';
import { type ClusterName, PrincipalName } from './ids.ts';
import { isOwn, ownSubjects } from './own-subjects.ts';
import {
  journalRepublishSubject,
  journalStreamName,
  journalSubject,
  leaseBucketName,
  leaseTestSubject,
  principalsBucketName,
  settingsBucketName,
  settingsPartSubject,
  snapshotShape,
  snapshotStreamName,
  updatesStreamName,
  workBucketName,
} from './streams.ts';
import {
  type ActorKind,
  type ParameterName,
  type SubjectEntry,
  subjectPrefix,
  wildcardOf,
} from './subject-entry.ts';
import { SUBJECTS } from './subjects.ts';
import { unreachable } from './unreachable.ts';

/** Subjects that are allowed; everything else is refused. Sorted, so that equal rights render equally. */
export type Permissions = {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Of what `publish` allows. */
  readonly neverPublish?: readonly string[];
};

export type User = { readonly account: string; readonly permissions: Permissions };

/** The holder's users by the field of the credential's seeds that holds the key of each. */
export type HolderUsers = {
  readonly control: User;
  readonly books?: User;
  readonly work?: User;
  readonly principals?: Readonly<Record<PrincipalName, User>>;
};

const ENTRIES: readonly SubjectEntry[] = Object.values(SUBJECTS);

/** The users of one holder of a credential and what each may do. `principals` are all of the cluster's. */
export function usersOf(
  holder: Holder,
  cluster: ClusterName,
  principals: readonly PrincipalName[],
): HolderUsers {
  const control = user(CONTROL_ACCOUNT, holder, messagesOf(holder, cluster));
  const books = (publish: readonly string[], subscribe: readonly string[] = []) =>
    user(BOOKS_ACCOUNT, holder, { publish, subscribe });
  switch (holder.kind) {
    case 'master':
      return {
        control,
        books: books(masterBooks(cluster, holder.id), [journalRepublishSubject(cluster)]),
      };
    case 'allocator':
      return { control, books: books(leaseCalls(cluster, 'allocator')) };
    case 'operator':
      return { control, books: books(bookReads(cluster), [journalRepublishSubject(cluster)]) };
    case 'agent':
      return { control, work: user(WORK_ACCOUNT, holder, { publish: IMPORTED_OBJECT_CALLS }) };
    // What its agents run has no data to move.
    case 'emulator':
      return { control };
    case 'principal': {
      const principal = PrincipalName.parse(holder.id);
      const own = { publish: ownCalls(cluster, principal) };
      return { control, work: user(principalAccount(principal), holder, own) };
    }
    case 'provisioner': {
      const everything = { publish: ['$JS.API.>'] };
      const registry = `$KV.${principalsBucketName(cluster)}.>`;
      return {
        control,
        books: books([...everything.publish, registry]),
        principals: Object.fromEntries(
          principals.map((name) => [name, user(principalAccount(name), holder, everything)]),
        ),
      };
    }
    default:
      return unreachable(holder.kind);
  }
}

/** With the holder's own inbox, which nobody else may read. */
function user(account: string, holder: Holder, allowed: Partial<Permissions>): User {
  const { publish = [], subscribe = [], neverPublish } = allowed;
  const withInbox = [...subscribe, `${inboxPrefix(holder)}.>`];
  return {
    account,
    permissions: {
      publish: sortedOnce(publish),
      subscribe: sortedOnce(withInbox),
      ...(neverPublish && { neverPublish: sortedOnce(neverPublish) }),
    },
  };
}

function messagesOf(holder: Holder, cluster: ClusterName): Permissions {
  if (holder.kind === 'provisioner') return { publish: [], subscribe: [] };
  if (holder.kind === 'emulator') return messagesOfAllAgents(cluster);
  const calls = callsOf(holder, cluster);
  const isCaller = holder.kind !== 'master';
  return {
    publish: [
      ...sent(holder, holder.kind, cluster),
      ...answered(holder.kind),
      ...(isCaller ? calls : []),
    ],
    subscribe: [...received(holder, holder.kind, cluster), ...(isCaller ? [] : calls)],
  };
}

/** What an agent may, with any id: answers to each come into that agent's inbox, as a real one's do. */
function messagesOfAllAgents(cluster: ClusterName): Permissions {
  const { publish, subscribe } = messagesOf({ kind: 'agent', id: '*' }, cluster);
  // An agent cannot be called "master", but `*` can.
  const { update } = SUBJECTS;
  const neverPublish = [wildcardOf(update, cluster, { source: 'master' })];
  return { publish, subscribe: [...subscribe, '_INBOX.agent.>'], neverPublish };
}

/**
 * A caller may send any verb below its own name, and the leader hears any: so a verb that this release does not
 * know is answered with `unknownVerb`, and not with silence.
 */
function callsOf({ kind, id }: Holder, cluster: ClusterName): string[] {
  const prefix = subjectPrefix(cluster);
  switch (kind) {
    case 'master':
      return [`${prefix}.master.call.>`, `${prefix}.offers.>`];
    case 'principal':
      return [`${prefix}.master.call.framework.${id}.>`, `${prefix}.offers.${id}.>`];
    case 'agent':
    case 'operator':
      return [`${prefix}.master.call.${kind}.${id}.>`];
    case 'allocator':
    case 'provisioner':
    case 'emulator':
      return [];
    default:
      return unreachable(kind);
  }
}

/** The tokens of a subject that name the holder itself, as a sender or as the addressee. */
function identityOf({ kind, id }: Holder): Partial<Record<ParameterName, string>> {
  switch (kind) {
    case 'agent':
      return { agentId: id, source: id };
    case 'master':
      return { source: 'master' };
    case 'principal':
      return { principal: id };
    case 'operator':
      return { operator: id };
    case 'allocator':
    case 'provisioner':
    case 'emulator':
      return {};
    default:
      return unreachable(kind);
  }
}

function sent(holder: Holder, kind: ActorKind, cluster: ClusterName): string[] {
  // Of a sender only: operators hear the gateways of all operators.
  const sender = { ...identityOf(holder), ...(kind === 'operator' && { gateway: holder.id }) };
  return ENTRIES.filter((entry) => entry.from.includes(kind)).map((entry) =>
    wildcardOf(entry, cluster, sender),
  );
}

function received(holder: Holder, kind: ActorKind, cluster: ClusterName): string[] {
  // What a stream keeps is read through consumers, which deliver into the reader's inbox.
  const addressed = { ...identityOf(holder), actorKind: kind, actorId: holder.id };
  return ENTRIES.filter((entry) => entry.to.includes(kind) && entry.delivery !== 'stream').map(
    (entry) =>
      isOwn(entry) ? ownSubjects(cluster, holder.id) : wildcardOf(entry, cluster, addressed),
  );
}

/** Who answers a kind of caller may publish to the inboxes of that kind, and to no others. */
function answered(kind: ActorKind): string[] {
  return ENTRIES.filter((entry) => entry.delivery === 'request' && entry.to.includes(kind))
    .flatMap((entry) => entry.from)
    .map((caller) => `_INBOX.${caller}.>`);
}

/** Single messages through the stream's leader. */
const readsOf = (stream: string): string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
];

/** Reading and renewing the lease of one kind of actor. */
function leaseCalls(cluster: ClusterName, key: 'master' | 'allocator'): string[] {
  const bucket = leaseBucketName(cluster);
  return [`$KV.${bucket}.${key}`, ...readsOf(`KV_${bucket}`)];
}

function bookReads(cluster: ClusterName): string[] {
  return [
    journalStreamName(cluster),
    snapshotStreamName(cluster),
    `KV_${leaseBucketName(cluster)}`,
    `KV_${principalsBucketName(cluster)}`,
    `KV_${settingsBucketName(cluster)}`,
  ].flatMap(readsOf);
}

function masterBooks(cluster: ClusterName, master: string): string[] {
  return [
    ...bookReads(cluster),
    ...leaseCalls(cluster, 'master'),
    journalSubject(cluster),
    ...snapshotShape(cluster).subjects,
    leaseTestSubject(cluster, master),
    settingsPartSubject(cluster, '>'),
    `$JS.API.STREAM.PURGE.${journalStreamName(cluster)}`,
    `$JS.API.STREAM.PURGE.${snapshotStreamName(cluster)}`,
    // The update streams of the principals: what accounts.ts lets through is all there is below the prefix.
    `${PRINCIPALS_API}.>`,
  ];
}

/** As wide as `*` allows: the account holds only what accounts.ts lets through, the buckets of this cluster's principals. */
const IMPORTED_OBJECT_CALLS = [`${PRINCIPALS_API}.>`, '$JS.FC.>', '$O.*.C.*', '$O.*.M.*'];

/** A principal's own stream and bucket, in its own account. */
function ownCalls(cluster: ClusterName, principal: PrincipalName): string[] {
  const updates = updatesStreamName(cluster, principal);
  const bucket = workBucketName(cluster, principal);
  return [
    ...consumerCalls(updates),
    // Both forms of acknowledgement: with account and domain since server 2.14 where it is switched on.
    `$JS.ACK.${updates}.>`,
    `$JS.ACK.*.*.${updates}.>`,
    ...objectCalls(bucket),
    ...consumerCalls(`OBJ_${bucket}`),
  ];
}

const sortedOnce = (subjects: readonly string[]): string[] => [...new Set(subjects)].sort();

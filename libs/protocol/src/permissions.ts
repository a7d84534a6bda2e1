// Owns what each holder of a credential may publish and subscribe to, derived from the subject table and the stream shapes.
// Pure. Writing them into a server's configuration is in @parley/nats-server. The reasons stand in infra/docs/decisions/permissions.md.
import { type Holder, type HolderKind, inboxPrefix } from './credential.ts';
import type { ClusterName, PrincipalName } from './ids.ts';
import {
  journalRepublishSubject,
  journalStreamName,
  journalSubject,
  leaseBucketName,
  principalsBucketName,
  snapshotShape,
  snapshotStreamName,
  updatesStreamName,
  workBucketName,
} from './streams.ts';
import {
  type ActorKind,
  type ParameterName,
  type SubjectEntry,
  wildcardOf,
} from './subject-entry.ts';
import { SUBJECTS } from './subjects.ts';
import { unreachable } from './unreachable.ts';

/** Subjects that are allowed; everything else is refused. Sorted, so that equal rights render equally. */
export type Permissions = {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
};

export type PermissionScope = {
  readonly cluster: ClusterName;
  /** Every principal of the cluster: NATS wildcards match whole tokens, so streams are listed one by one. */
  readonly principals: readonly PrincipalName[];
};

const ENTRIES: readonly SubjectEntry[] = Object.values(SUBJECTS);

/** What the holder may do in the `control` account, where the actors meet. */
export function controlPermissions(holder: Holder, scope: PermissionScope): Permissions {
  const publish = [...jetStreamPublishes(holder, scope)];
  const subscribe = [`${inboxPrefix(holder)}.>`];
  if (holder.kind !== 'provisioner') {
    publish.push(...sent(holder, holder.kind, scope), ...answered(holder.kind));
    subscribe.push(...received(holder, holder.kind, scope));
  }
  if (holder.kind === 'master' || holder.kind === 'operator') {
    subscribe.push(journalRepublishSubject(scope.cluster));
  }
  return { publish: sortedOnce(publish), subscribe: sortedOnce(subscribe) };
}

/** What the holder may do in the `work` account, where data of tasks is kept; undefined for who has no user there. */
export function workPermissions(holder: Holder, scope: PermissionScope): Permissions | undefined {
  const subscribe = [`${inboxPrefix(holder)}.>`];
  switch (holder.kind) {
    case 'provisioner':
      return { publish: ['$JS.API.>'], subscribe };
    case 'agent':
      return { publish: bucketPublishes(scope.cluster, scope.principals), subscribe };
    case 'principal': {
      const own = scope.principals.filter((principal) => principal === holder.id);
      return { publish: bucketPublishes(scope.cluster, own), subscribe };
    }
    case 'master':
    case 'allocator':
    case 'operator':
      return undefined;
    default:
      return unreachable(holder.kind);
  }
}

export const hasWorkUser = (kind: HolderKind): boolean =>
  kind === 'agent' || kind === 'principal' || kind === 'provisioner';

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
      return {};
    default:
      return unreachable(kind);
  }
}

function sent(holder: Holder, kind: ActorKind, { cluster }: PermissionScope): string[] {
  return ENTRIES.filter((entry) => entry.from.includes(kind)).map((entry) =>
    wildcardOf(entry, cluster, identityOf(holder)),
  );
}

function received(holder: Holder, kind: ActorKind, { cluster }: PermissionScope): string[] {
  // What a stream keeps is read through consumers, which deliver into the reader's inbox.
  const addressed = { ...identityOf(holder), actorKind: kind, actorId: holder.id };
  return ENTRIES.filter((entry) => entry.to.includes(kind) && entry.delivery !== 'stream').map(
    (entry) => wildcardOf(entry, cluster, addressed),
  );
}

/** Who answers a kind of caller may publish to the inboxes of that kind, and to no others. */
function answered(kind: ActorKind): string[] {
  return ENTRIES.filter((entry) => entry.delivery === 'request' && entry.to.includes(kind))
    .flatMap((entry) => entry.from)
    .map((caller) => `_INBOX.${caller}.>`);
}

/** The subjects of JetStream that the holder needs beside its messages. */
function jetStreamPublishes(holder: Holder, { cluster, principals }: PermissionScope): string[] {
  const journal = journalStreamName(cluster);
  const snapshots = snapshotStreamName(cluster);
  const leases = `KV_${leaseBucketName(cluster)}`;
  const registry = `KV_${principalsBucketName(cluster)}`;
  switch (holder.kind) {
    case 'master':
      return [
        journalSubject(cluster),
        ...snapshotShape(cluster).subjects,
        `$KV.${leaseBucketName(cluster)}.master`,
        ...[journal, snapshots, leases, registry].flatMap(readsOf),
        `$JS.API.STREAM.PURGE.${journal}`,
        `$JS.API.STREAM.PURGE.${snapshots}`,
        ...principals.flatMap((principal) => consumesOf(updatesStreamName(cluster, principal))),
      ];
    case 'allocator':
      return [`$KV.${leaseBucketName(cluster)}.allocator`, ...readsOf(leases)];
    case 'agent':
      return [];
    case 'principal':
      return ownUpdates(holder, { cluster, principals });
    case 'operator':
      return [journal, snapshots, leases, registry].flatMap(readsOf);
    case 'provisioner':
      return ['$JS.API.>', `$KV.${principalsBucketName(cluster)}.>`];
    default:
      return unreachable(holder.kind);
  }
}

function ownUpdates(holder: Holder, { cluster, principals }: PermissionScope): string[] {
  return principals
    .filter((principal) => principal === holder.id)
    .map((principal) => updatesStreamName(cluster, principal))
    .flatMap((stream) => [
      ...consumesOf(stream),
      // Both forms of acknowledgement: with account hash and domain since server 2.14 where it is switched on.
      `$JS.ACK.${stream}.>`,
      `$JS.ACK.*.*.${stream}.>`,
    ]);
}

/** Single messages through the stream's leader. */
const readsOf = (stream: string): string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
];

/** Pull consumers that the holder makes itself. */
const consumesOf = (stream: string): string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
];

/** What the object store of the client library calls to put, get, list and delete objects. */
function bucketPublishes(cluster: ClusterName, principals: readonly PrincipalName[]): string[] {
  const subjects = principals.flatMap((principal) => {
    const bucket = workBucketName(cluster, principal);
    const stream = `OBJ_${bucket}`;
    return [
      `$O.${bucket}.C.*`,
      `$O.${bucket}.M.*`,
      ...readsOf(stream),
      ...consumesOf(stream),
      `$JS.API.STREAM.PURGE.${stream}`,
      `$JS.FC.${stream}.>`,
    ];
  });
  // Limits and use of the account: the client library asks for them when a bucket is opened.
  return sortedOnce(['$JS.API.INFO', ...subjects]);
}

const sortedOnce = (subjects: readonly string[]): string[] => [...new Set(subjects)].sort();

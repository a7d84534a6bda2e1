// Owns the names and shapes of the JetStream streams and buckets of a cluster: which subjects each keeps and its limits.
// Who may do what with them is in permissions.ts; making them on a server is in @parley/actor.
import type { ClusterName, PrincipalName } from './ids.ts';
import { subjectPrefix } from './subject-entry.ts';

export type StreamShape = {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly maxMessageBytes: number;
  readonly maxConsumers: number;
  /** What to do when full: writers of what must not be lost are refused. */
  readonly discard: 'new' | 'old';
  readonly maxMessagesPerSubject?: number;
  /** Copies each committed message to this subject, for followers. */
  readonly republishTo?: string;
};

const MIB = 1024 * 1024;
const HOUR_MS = 3600_000;
/** Below the server's default maximum payload of 1 MiB, with room for headers. */
export const MAX_MESSAGE_BYTES = MIB - 64 * 1024;

export const journalStreamName = (cluster: ClusterName): string => `PARLEY_${cluster}_JOURNAL`;
export const snapshotStreamName = (cluster: ClusterName): string => `PARLEY_${cluster}_SNAPSHOTS`;
export const updatesStreamName = (cluster: ClusterName, principal: PrincipalName): string =>
  `PARLEY_${cluster}_UPDATES_${principal}`;
export const leaseBucketName = (cluster: ClusterName): string => `parley_${cluster}_leases`;
export const principalsBucketName = (cluster: ClusterName): string =>
  `parley_${cluster}_principals`;
/** What operators have set, beside the books: read only when these are lost. */
export const settingsBucketName = (cluster: ClusterName): string => `parley_${cluster}_settings`;
export const settingsPartSubject = (cluster: ClusterName, part: number | '*' | '>'): string =>
  `$KV.${settingsBucketName(cluster)}.${typeof part === 'number' ? `part-${part}` : part}`;
/** In the `work` account: what tasks of one principal exchange. */
export const workBucketName = (cluster: ClusterName, principal: PrincipalName): string =>
  `parley_${cluster}_${principal}`;

export const journalSubject = (cluster: ClusterName): string =>
  `${subjectPrefix(cluster)}.journal.master`;
export const journalRepublishSubject = (cluster: ClusterName): string =>
  `${subjectPrefix(cluster)}.followed.journal`;
/** A snapshot's token: its journal sequence and, behind a dash, who wrote it; earlier releases named no writer. */
export const snapshotToken = (sequence: number, writer: string): string =>
  writer === '' ? String(sequence) : `${sequence}-${writer}`;
export const snapshotSubject = (
  cluster: ClusterName,
  token: string,
  part: number | 'manifest' | '*',
): string => `${subjectPrefix(cluster)}.snapshot.${token}.${part}`;

/** Where a master writes to see whether a stream takes anything: nobody reads it. */
const TEST_WRITE = 'test-write';
export const snapshotTestSubject = (cluster: ClusterName, writer: string): string =>
  `${subjectPrefix(cluster)}.snapshot.${TEST_WRITE}.${writer}`;
export const leaseTestSubject = (cluster: ClusterName, writer: string): string =>
  `$KV.${leaseBucketName(cluster)}.${TEST_WRITE}.${writer}`;
export const settingsTestSubject = (cluster: ClusterName, writer: string): string =>
  `$KV.${settingsBucketName(cluster)}.${TEST_WRITE}.${writer}`;
/** In the place of a framework's id, and no id: no framework is told of it. Masters read over it. */
export const updatesTestSubject = (
  cluster: ClusterName,
  principal: PrincipalName,
  writer: string,
): string => `${subjectPrefix(cluster)}.updates.master.${principal}.=${TEST_WRITE}.${writer}`;

export const journalShape = (cluster: ClusterName): StreamShape => ({
  name: journalStreamName(cluster),
  subjects: [journalSubject(cluster)],
  maxAgeMs: 0,
  maxBytes: 8 * 1024 * MIB,
  maxMessageBytes: MIB,
  maxConsumers: 1000,
  discard: 'new',
  republishTo: journalRepublishSubject(cluster),
});

export const snapshotShape = (cluster: ClusterName): StreamShape => ({
  name: snapshotStreamName(cluster),
  subjects: [`${subjectPrefix(cluster)}.snapshot.*.*`],
  maxAgeMs: 0,
  maxBytes: 8 * 1024 * MIB,
  maxMessageBytes: MIB,
  maxConsumers: 1000,
  discard: 'new',
});

export const updatesShape = (cluster: ClusterName, principal: PrincipalName): StreamShape => ({
  name: updatesStreamName(cluster, principal),
  subjects: [`${subjectPrefix(cluster)}.updates.*.${principal}.*.*`],
  maxAgeMs: 24 * HOUR_MS + HOUR_MS,
  maxBytes: 4 * 1024 * MIB,
  maxMessageBytes: 64 * 1024,
  maxConsumers: 10_000,
  discard: 'new',
});

/** One object bucket a principal, in the `work` account. */
export const WORK_BUCKET_LIMITS = {
  maxBytes: 4 * 1024 * MIB,
  maxAgeMs: 24 * HOUR_MS,
  maxObjectBytes: 1024 * MIB,
} as const;

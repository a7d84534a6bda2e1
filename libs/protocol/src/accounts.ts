// Owns how a cluster is divided into NATS accounts, and what passes from one to another. Nothing else does: an account is a
// subject space of its own. Pure; the server's configuration is made from it. Why: infra/docs/decisions/nats-accounts.md.
import type { ClusterName, PrincipalName } from './ids.ts';
import { updatesStreamName, workBucketName } from './streams.ts';
import { wildcardOf } from './subject-entry.ts';
import { SUBJECTS } from './subjects.ts';

/** All messages of the actors. Without JetStream, so that no answer of it can be steered onto its API. */
export const CONTROL_ACCOUNT = 'control';
/** Journal, snapshots, leases and the principals' register: for masters, allocators and operators alone. */
export const BOOKS_ACCOUNT = 'books';
/** Where agents reach the principals' object buckets. Without JetStream of its own. */
export const WORK_ACCOUNT = 'work';
/** A principal's update stream and object bucket. Principals share no account that has JetStream. */
export const principalAccount = (principal: PrincipalName): string => `principal_${principal}`;

/** `apiPrefix` of the client library for streams and buckets that an account imports from the principals' accounts. */
export const PRINCIPALS_API = 'PARLEY.API';

/** A pull is answered with one message after the other. */
const PULLS = '$JS.API.CONSUMER.MSG.NEXT.';

export type ImportingAccount = typeof CONTROL_ACCOUNT | typeof BOOKS_ACCOUNT | typeof WORK_ACCOUNT;

export type Passage = {
  /**
   * `service`: a request goes in and its one answer comes back; `answers`: all its answers do; `stream`: messages come out.
   * A server forgets a request with its one answer, and keeps one of many, or without any, for two minutes: only pulls are of the second kind.
   */
  readonly kind: 'service' | 'answers' | 'stream';
  readonly importer: ImportingAccount;
  /** The subject in the principal's account. */
  readonly subject: string;
  /** The subject in the importing account. */
  readonly as: string;
};

/** Everything that passes between a principal's account and the others. */
export function passagesOf(cluster: ClusterName, principal: PrincipalName): readonly Passage[] {
  const updates = updatesStreamName(cluster, principal);
  const bucket = workBucketName(cluster, principal);
  const objects = `OBJ_${bucket}`;
  return [
    service(CONTROL_ACCOUNT, wildcardOf(SUBJECTS.update, cluster, { principal })),
    ...consumerCalls(updates).map((subject) => service(BOOKS_ACCOUNT, subject)),
    ...[...objectCalls(bucket), ...consumerCalls(objects)].map((subject) =>
      service(WORK_ACCOUNT, subject),
    ),
    // Objects come to an agent's inbox by a consumer that the object store makes.
    { kind: 'stream', importer: WORK_ACCOUNT, subject: '_INBOX.agent.>', as: '_INBOX.agent.>' },
  ];
}

const service = (importer: ImportingAccount, subject: string): Passage => ({
  kind: subject.startsWith(PULLS) ? 'answers' : 'service',
  importer,
  subject,
  as: subject.replace('$JS.API', PRINCIPALS_API),
});

/** Consumers that the caller makes itself; single messages are read through the stream's leader. */
export const consumerCalls = (stream: string): readonly string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `${PULLS}${stream}.*`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
];

/** What the client library's object store calls, beside consumers, to put, get, list and delete objects. */
export const objectCalls = (bucket: string): readonly string[] => [
  `$O.${bucket}.C.*`,
  `$O.${bucket}.M.*`,
  `$JS.API.STREAM.MSG.GET.OBJ_${bucket}`,
  `$JS.API.STREAM.PURGE.OBJ_${bucket}`,
  `$JS.FC.OBJ_${bucket}.>`,
];

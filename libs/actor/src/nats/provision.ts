// Owns making the streams and buckets of a cluster on a NATS server, and checking that those which are there are what
// is wanted. What each is for and its limits are in @parley/protocol/streams.
import { setTimeout as wait } from 'node:timers/promises';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import {
  journalShape,
  leaseBucketName,
  MAX_MESSAGE_BYTES,
  principalsBucketName,
  type StreamShape,
  settingsBucketName,
  snapshotShape,
  updatesShape,
} from '@parley/protocol/streams';
import type { NatsConnection, ServerInfo } from 'nats';
import * as z from 'zod';
import { type ApiAnswer, ask, NO_SUITABLE_PEERS, STREAM_NOT_FOUND } from './jetstream-requests.ts';

export type ProvisionOptions = {
  readonly cluster: ClusterName;
  readonly principals: readonly PrincipalName[];
  /** Copies of each stream, on as many servers. */
  readonly replicas: 1 | 3 | 5;
  /** JetStream sets a stream's limit aside when it is made: a smaller one for hosts with little disk. */
  readonly maxStreamBytes?: number;
};

/** A stream's configuration in the words of the JetStream API: what `--print` shows and what is sent. */
export type WantedStream = {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: 'limits';
  readonly storage: 'file';
  readonly num_replicas: number;
  /** Nanoseconds; 0: for ever. */
  readonly max_age: number;
  readonly max_bytes: number;
  readonly max_msgs: number;
  readonly max_msg_size: number;
  readonly max_consumers: number;
  readonly max_msgs_per_subject: number;
  /** Nanoseconds. */
  readonly duplicate_window: number;
  readonly discard: 'new' | 'old';
  readonly deny_delete: boolean;
  readonly deny_purge: boolean;
  readonly allow_direct: boolean;
  readonly allow_rollup_hdrs: boolean;
  readonly republish?: { readonly src: string; readonly dest: string };
};

const NANOSECONDS_PER_MS = 1_000_000;
const MIB = 1024 * 1024;
/** The smallest that servers take: message ids are not used, and one writer's could suppress another's. */
const DUPLICATE_WINDOW_MS = 100;

/** Books and update streams. The former are made in the account `books`, each of the latter in its principal's. */
export function wantedStreams(options: ProvisionOptions): WantedStream[] {
  const { cluster } = options;
  const [journal, snapshots, ...buckets] = wantedBooks(cluster, options);
  const updates = options.principals.map((principal) => wantedUpdates(principal, options));
  return [journal, snapshots, ...updates, ...buckets];
}

/** What masters rely on: journal, snapshots, leases, the register of principals, operators' settings. */
export function wantedBooks(
  cluster: ClusterName,
  placement: Placement,
): [
  journal: WantedStream,
  snapshots: WantedStream,
  leases: WantedStream,
  register: WantedStream,
  settings: WantedStream,
] {
  return [
    wantedStream(journalShape(cluster), placement),
    wantedStream(snapshotShape(cluster), placement),
    wantedBucket(leaseBucketName(cluster), placement),
    wantedBucket(principalsBucketName(cluster), placement),
    wantedBucket(settingsBucketName(cluster), placement),
  ];
}

export const wantedUpdates = (
  principal: PrincipalName,
  options: Omit<ProvisionOptions, 'principals'>,
): WantedStream => {
  // Agents write it: nobody but its limits may remove anything.
  return { ...wantedStream(updatesShape(options.cluster, principal), options), deny_purge: true };
};

type Placement = Pick<ProvisionOptions, 'replicas' | 'maxStreamBytes'>;

function wantedStream(shape: StreamShape, { replicas, maxStreamBytes }: Placement): WantedStream {
  return {
    name: shape.name,
    subjects: shape.subjects,
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    max_age: shape.maxAgeMs * NANOSECONDS_PER_MS,
    max_bytes: Math.min(shape.maxBytes, maxStreamBytes ?? shape.maxBytes),
    max_msgs: -1,
    max_msg_size: shape.maxMessageBytes,
    max_consumers: shape.maxConsumers,
    max_msgs_per_subject: shape.maxMessagesPerSubject ?? -1,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
    discard: shape.discard,
    deny_delete: true,
    deny_purge: false,
    allow_direct: false,
    allow_rollup_hdrs: false,
    ...(shape.republishTo !== undefined && {
      republish: { src: shape.subjects[0] ?? '>', dest: shape.republishTo },
    }),
  };
}

/** As key-value clients know them (NATS ADR-8), but read through the leader only, and without rollups, which can wipe a bucket. */
function wantedBucket(bucket: string, { replicas }: Placement): WantedStream {
  return {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    max_age: 0,
    max_bytes: 64 * MIB,
    max_msgs: -1,
    max_msg_size: MAX_MESSAGE_BYTES,
    max_consumers: 1000,
    max_msgs_per_subject: 1,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
    discard: 'new',
    deny_delete: true,
    deny_purge: false,
    allow_direct: false,
    allow_rollup_hdrs: false,
  };
}

/** Production needs the first, the second is tested but lacks guards that newer ones have; older ones are refused. */
const PRODUCTION_VERSION = [2, 11, 0] as const;
const COMPATIBLE_VERSION = [2, 10, 27] as const;

/** What a connection tells of its server. */
type KnownServer = Pick<NatsConnection, 'getServer'> & {
  readonly info?: Pick<ServerInfo, 'version' | 'jetstream'> | undefined;
};

/** The value is a warning, where there is one. Fails with `unavailable` when the server is too old or has no JetStream. */
export function checkServer(connection: KnownServer): Outcome<string | undefined> {
  const { version = '0', jetstream } = connection.info ?? {};
  if (jetstream !== true) {
    return fail(
      'unavailable',
      `the NATS server at ${connection.getServer()} has JetStream off: switch it on`,
    );
  }
  if (isAtLeast(version, PRODUCTION_VERSION)) return succeed(undefined);
  if (isAtLeast(version, COMPATIBLE_VERSION)) {
    return succeed(`nats-server ${version} is of the old line: it works, but use 2.11 or newer`);
  }
  return fail(
    'unavailable',
    `nats-server ${version} is too old: it can lose streams when it is killed. Use 2.11 or newer`,
  );
}

function isAtLeast(version: string, floor: readonly number[]): boolean {
  const parts = version.split(/[.-]/).slice(0, 3).map(Number);
  for (const [index, wanted] of floor.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

export type Provisioned = { readonly made: readonly string[]; readonly present: readonly string[] };

/**
 * Makes what is missing; repeatable. Fails with `unavailable` (try again, or the server refuses: the message says why)
 * or `notPermitted`: a stream is there with another configuration than it must have.
 */
export async function provision(
  connection: NatsConnection,
  streams: readonly WantedStream[],
  stated: readonly Choice[] = [],
): Promise<Outcome<Provisioned>> {
  const made: string[] = [];
  const present: string[] = [];
  for (const wanted of streams) {
    const ensured = await ensureStream(connection, wanted, stated);
    if (!ensured.ok) return ensured;
    (ensured.value === 'made' ? made : present).push(wanted.name);
  }
  return succeed({ made, present });
}

const ALL_CHOICES: readonly Choice[] = ['max_bytes', 'num_replicas', 'max_age', 'max_consumers'];

const StreamAnswer = z.object({ config: z.record(z.string(), z.unknown()) });

async function ensureStream(
  connection: NatsConnection,
  wanted: WantedStream,
  stated: readonly Choice[],
): Promise<Outcome<'made' | 'present'>> {
  const found = await ask(connection, `$JS.API.STREAM.INFO.${wanted.name}`, '');
  const missing = found.kind === 'refused' && found.code === STREAM_NOT_FOUND;
  const answer = missing ? await create(connection, wanted) : found;
  if (answer.kind !== 'answered') {
    return fail('unavailable', `stream ${wanted.name}: ${answer.message}${remedyFor(answer)}`);
  }
  const stream = StreamAnswer.safeParse(answer.value);
  if (!stream.success)
    return fail('unavailable', `stream ${wanted.name}: no configuration came back`);
  // The server's echo, not the request: old servers leave out without a word what they do not know.
  const drift = driftOf(wanted, stream.data.config, missing ? ALL_CHOICES : stated);
  if (drift.length === 0) return succeed(missing ? 'made' : 'present');
  return fail(
    'notPermitted',
    `stream ${wanted.name} is not as it must be: ${drift.join('; ')}. Change it with "nats stream edit", ` +
      'or delete it when nothing in it is needed, and run this again',
  );
}

/** Servers that have just started, or elect, count each other as away for a moment. */
async function create(connection: NatsConnection, wanted: WantedStream): Promise<ApiAnswer> {
  const untilMs = performance.now() + PEERS_MS;
  for (;;) {
    const subject = `$JS.API.STREAM.CREATE.${wanted.name}`;
    const answer = await ask(connection, subject, JSON.stringify(wanted));
    const isPeerAway = answer.kind === 'refused' && answer.code === NO_SUITABLE_PEERS;
    if (!isPeerAway || performance.now() > untilMs) return answer;
    await wait(PEERS_AGAIN_MS);
  }
}

const NO_STORAGE = 10047;
const PEERS_MS = 20_000;
const PEERS_AGAIN_MS = 500;

const remedyFor = (answer: { kind: string; code?: number }): string =>
  answer.code === NO_STORAGE
    ? ': the server sets the limit of each stream aside on its disk. Free space, raise max_file_store, or ask for smaller streams'
    : '';

/**
 * How much is kept, for how long and how often is the operator's choice where he made one: these are compared with the
 * request when a stream is made, and afterwards where they are stated again. Everything else is relied on.
 */
const FREE_CHOICE = new Set<string>(ALL_CHOICES);

export type Choice = 'max_bytes' | 'num_replicas' | 'max_age' | 'max_consumers';

/** Absent means false, 0 or none. `stated`: which free choices must be as wanted as well. */
export function driftOf(
  wanted: WantedStream,
  actual: Readonly<Record<string, unknown>>,
  stated: readonly Choice[] = [],
): string[] {
  const compared = new Set<string>(stated);
  return Object.entries(wanted)
    .filter(([key]) => !FREE_CHOICE.has(key) || compared.has(key))
    .filter(([key, value]) => canonical(value) !== canonical(actual[key]))
    .map(([key, value]) => `${key} is ${canonical(actual[key])}, must be ${canonical(value)}`);
}

function canonical(value: unknown): string {
  if (value === undefined || value === false || value === 0) return 'off';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const entries = Object.entries(value).filter(([, part]) => part !== false && part !== undefined);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

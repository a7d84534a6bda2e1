// Owns what a master asks of its streams and buckets, and of the principals' streams of updates: that they are there and as
// they must be, by the server's own word, and that they take a small write in time. The server's stream information alone is not believed: it answers for
// streams that nothing can be written to.

import { PRINCIPALS_API } from '@parley/protocol/accounts';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ActorId, ClusterName, PrincipalName } from '@parley/protocol/ids';
import {
  leaseBucketName,
  leaseTestSubject,
  settingsBucketName,
  settingsTestSubject,
  snapshotStreamName,
  snapshotTestSubject,
  updatesStreamName,
  updatesTestSubject,
} from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import { ask, purge, STREAM_NOT_FOUND, store } from './jetstream-requests.ts';
import {
  checkServer,
  driftOf,
  type WantedStream,
  wantedBooks,
  wantedUpdates,
} from './provision.ts';

/** A stream that takes no test write within this time is not healthy. */
const TEST_WRITE_MS = 2000;

export type BooksOwner = { readonly cluster: ClusterName; readonly masterId: ActorId };

/**
 * Version of the server, and every stream and bucket of the books. The value holds warnings. Fails with `unavailable`
 * (something is missing or does not answer) or `notPermitted` (a stream is not as it must be); the message says what to
 * do, and a later try may succeed.
 */
export async function checkBooks(
  connection: NatsConnection,
  cluster: ClusterName,
): Promise<Outcome<string[]>> {
  const server = checkServer(connection);
  if (!server.ok) return server;
  const warnings = server.value === undefined ? [] : [server.value];
  const copies = new Map<string, number>();
  for (const wanted of wantedBooks(cluster, { replicas: 1 })) {
    const stream = await checkStream(connection, wanted);
    if (!stream.ok) return stream;
    copies.set(wanted.name, stream.value.num_replicas);
  }
  const isCluster = connection.info?.cluster !== undefined;
  return succeed([...warnings, ...copyWarnings(copies, isCluster)]);
}

/** Likewise for a principal's stream of updates; the value is how many copies there are. `connection`: to the books. */
export async function checkUpdates(
  connection: NatsConnection,
  cluster: ClusterName,
  principal: PrincipalName,
): Promise<Outcome<number>> {
  const wanted = wantedUpdates(principal, { cluster, replicas: 1 });
  const stream = await checkStream(connection, { ...wanted, max_age: 0 }, PRINCIPALS_API);
  if (!stream.ok) return stream;
  const { max_age: age, num_replicas: copies } = stream.value;
  if (age === 0 || age >= wanted.max_age) return succeed(copies);
  return fail(
    'notPermitted',
    driftMessage(wanted.name, [`max_age is ${age}, must be ${wanted.max_age} or more`]),
  );
}

const StreamAnswer = z.object({
  config: z.looseObject({
    num_replicas: z.int().default(1),
    max_age: z.int().default(0),
    max_consumers: z.int().default(-1),
  }),
});

type StreamConfig = z.infer<typeof StreamAnswer>['config'];

async function checkStream(
  connection: NatsConnection,
  wanted: WantedStream,
  api?: typeof PRINCIPALS_API,
): Promise<Outcome<StreamConfig>> {
  const { name } = wanted;
  const answer = await ask(connection, `${api ?? '$JS.API'}.STREAM.INFO.${name}`, '');
  if (answer.kind === 'refused' && answer.code === STREAM_NOT_FOUND) {
    return fail('unavailable', `stream ${name} is not there: make it with "parley init"`);
  }
  if (answer.kind !== 'answered') return fail('unavailable', `stream ${name}: ${answer.message}`);
  const stream = StreamAnswer.safeParse(answer.value);
  if (!stream.success) return fail('unavailable', `stream ${name}: an answer that is none`);
  const { config } = stream.data;
  // Nothing of the books may go by age. Fewer readers than wanted would shut somebody out; -1 is the server's default.
  const drift = driftOf(wanted, config, api === undefined ? ['max_age'] : []);
  if (config.max_consumers > 0 && config.max_consumers < wanted.max_consumers) {
    drift.push(`max_consumers is ${config.max_consumers}, must be ${wanted.max_consumers} or more`);
  }
  return drift.length === 0 ? succeed(config) : fail('notPermitted', driftMessage(name, drift));
}

const driftMessage = (name: string, drift: readonly string[]): string =>
  `stream ${name} is not as it must be: ${drift.join('; ')}. Change it with "nats stream edit"; ` +
  'this master goes on by itself then';

/** `copies`: how many each stream has. */
export function copyWarnings(copies: ReadonlyMap<string, number>, isCluster: boolean): string[] {
  const each = [...copies].map(([name, count]) => `${name} has ${count}`).join(', ');
  if (new Set(copies.values()).size > 1) {
    return [`the streams of the books have different numbers of copies: ${each}`];
  }
  const isSingle = [...copies.values()].some((count) => count === 1);
  return isCluster && isSingle
    ? [`the NATS servers are a cluster, but each stream is on one of them only: ${each}`]
    : [];
}

export type StreamHealth = {
  readonly stream: string;
  /** Undefined: it took the write in time. */
  readonly trouble: string | undefined;
};

/**
 * A test write to snapshots, leases and what operators have set, at the same time. The journal takes none: whatever it holds is an entry, so that a
 * leader's own appends are its test.
 */
export async function testWrites(
  connection: NatsConnection,
  { cluster, masterId }: BooksOwner,
): Promise<StreamHealth[]> {
  const snapshots = snapshotStreamName(cluster);
  const snapshotSubject = snapshotTestSubject(cluster, masterId);
  const found = await Promise.all([
    testWrite(connection, snapshots, snapshotSubject),
    testWrite(connection, `KV_${leaseBucketName(cluster)}`, leaseTestSubject(cluster, masterId)),
    testWrite(
      connection,
      `KV_${settingsBucketName(cluster)}`,
      settingsTestSubject(cluster, masterId),
    ),
  ]);
  // The buckets keep the newest of a key anyway. If this fails, the next purge takes both.
  await purge(connection, snapshots, { filter: snapshotSubject });
  return found;
}

/** To a principal's stream of updates: its readers see no more than that its end moves. `control`: to the messages. */
export const testUpdates = (
  control: NatsConnection,
  { cluster, masterId }: BooksOwner,
  principal: PrincipalName,
): Promise<StreamHealth> =>
  testWrite(
    control,
    updatesStreamName(cluster, principal),
    updatesTestSubject(cluster, principal, masterId),
  );

async function testWrite(
  connection: NatsConnection,
  stream: string,
  subject: string,
): Promise<StreamHealth> {
  const result = await store(connection, subject, Buffer.from('test'), {
    timeoutMs: TEST_WRITE_MS,
  });
  switch (result.kind) {
    case 'stored':
      return { stream, trouble: undefined };
    case 'diskFull':
      return { stream, trouble: `it is full: ${result.message}` };
    case 'refused':
      return { stream, trouble: 'it refuses a write without conditions' };
    default:
      return { stream, trouble: `no write within ${TEST_WRITE_MS} ms: ${result.message}` };
  }
}

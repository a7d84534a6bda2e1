// Owns making a principal's object bucket in its own account. Its shape is in @parley/protocol/streams; the update stream
// beside it is made by @parley/actor.
import { setTimeout as wait } from 'node:timers/promises';
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { WORK_BUCKET_LIMITS, workBucketName } from '@parley/protocol/streams';
import { type NatsConnection, nanos } from 'nats';

const STREAM_NOT_FOUND = 10_059;
const NO_SUITABLE_PEERS = 10_005;
const PEERS_MS = 20_000;
const PEERS_AGAIN_MS = 500;

/**
 * Makes the bucket, or brings limits and copies of the one that is there up to date. Repeatable.
 * @param connection the provisioner's, in the principal's account
 */
export async function ensureWorkBucket(
  connection: NatsConnection,
  cluster: ClusterName,
  { principal, replicas }: { readonly principal: PrincipalName; readonly replicas: number },
): Promise<void> {
  const bucket = workBucketName(cluster, principal);
  const stream = `OBJ_${bucket}`;
  const limits = {
    max_bytes: WORK_BUCKET_LIMITS.maxBytes,
    max_age: nanos(WORK_BUCKET_LIMITS.maxAgeMs),
    num_replicas: replicas,
  };
  const manager = await jetstreamManager(connection);
  try {
    const { config } = await manager.streams.info(stream);
    const same = ([name, wanted]: [string, number]): boolean =>
      Object.entries(config).some(([key, value]) => key === name && value === wanted);
    if (!Object.entries(limits).every(same)) await manager.streams.update(stream, limits);
  } catch (error) {
    if (!isRefusal(error, STREAM_NOT_FOUND)) throw error;
    const options = { max_bytes: limits.max_bytes, ttl: limits.max_age, replicas };
    await untilPeersAreThere(() => new Objm(connection).create(bucket, options));
  }
}

const isRefusal = (error: unknown, code: number): boolean =>
  error instanceof JetStreamApiError && error.code === code;

/** Servers that have just started, or elect, count each other as away for a moment. */
async function untilPeersAreThere(create: () => Promise<unknown>): Promise<void> {
  const untilMs = performance.now() + PEERS_MS;
  for (;;) {
    try {
      await create();
      return;
    } catch (error) {
      if (!isRefusal(error, NO_SUITABLE_PEERS) || performance.now() > untilMs) throw error;
      await wait(PEERS_AGAIN_MS);
    }
  }
}

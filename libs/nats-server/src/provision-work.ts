// Owns making a principal's object bucket in its own account. Its shape is in @parley/protocol/streams; the update stream
// beside it is made by @parley/actor.
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { WORK_BUCKET_LIMITS, workBucketName } from '@parley/protocol/streams';
import { type NatsConnection, nanos } from 'nats';

const STREAM_NOT_FOUND = 10_059;

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
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND)) throw error;
    await new Objm(connection).create(bucket, {
      max_bytes: limits.max_bytes,
      ttl: limits.max_age,
      replicas,
    });
  }
}

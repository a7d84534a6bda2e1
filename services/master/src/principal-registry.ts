// Owns reading the register of principals: which roles each may use. Written by `parley principal add`.
import { readMessage, readStanding } from '@parley/actor/nats/jetstream-requests';
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { PrincipalRecord } from '@parley/protocol/operators';
import { principalsBucketName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';

export type Principals = {
  readonly records: ReadonlyMap<string, PrincipalRecord>;
  /** Changes whenever the register does. */
  readonly version: string;
};

/**
 * By the principal's name; a record that does not parse is left out. Undefined when the register is as it was at
 * `knownVersion`: that costs one request, however many principals there are. Fails with `unavailable`.
 */
export async function readPrincipals(
  books: NatsConnection,
  cluster: ClusterName,
  knownVersion?: string,
): Promise<Outcome<Principals | undefined>> {
  const bucket = principalsBucketName(cluster);
  const prefix = `$KV.${bucket}.`;
  const standing = await readStanding(books, `KV_${bucket}`, { subjectsFilter: `${prefix}>` });
  if (!standing.ok) return standing;
  const version = `${standing.value.createdMs}/${standing.value.lastSequence}`;
  if (version === knownVersion) return succeed(undefined);
  const records = new Map<string, PrincipalRecord>();
  for (const subject of standing.value.subjects) {
    const message = await readMessage(books, `KV_${bucket}`, { last_by_subj: subject });
    if (!message.ok) return message;
    const record = parseRecord(message.value?.bytes);
    if (record !== undefined) records.set(subject.slice(prefix.length), record);
  }
  return succeed({ records, version });
}

function parseRecord(bytes: Uint8Array | undefined): PrincipalRecord | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return PrincipalRecord.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
  } catch {
    return undefined;
  }
}

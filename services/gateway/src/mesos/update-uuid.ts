// Owns the uuid of a status update: Mesos's frameworks acknowledge by 16 bytes that they were sent. They say which message
// of the principal's stream is meant, and a digest shows that they are of that task, so that any gateway understands
// them without a table. Pure.
import { createHash } from 'node:crypto';
import type { TaskRef } from '@parley/protocol/ids';

const UUID_BYTES = 16;
const DIGEST_BYTES = 8;

export function updateUuid(task: TaskRef, streamSequence: number): Uint8Array {
  const uuid = Buffer.alloc(UUID_BYTES);
  digestOf(task, streamSequence).copy(uuid, 0, 0, DIGEST_BYTES);
  uuid.writeBigUInt64BE(BigInt(streamSequence), DIGEST_BYTES);
  return new Uint8Array(uuid);
}

/** Undefined: it is no uuid of an update of that task. */
export function streamSequenceOf(task: TaskRef, uuid: Uint8Array): number | undefined {
  if (uuid.length !== UUID_BYTES) return undefined;
  const bytes = Buffer.from(uuid);
  const streamSequence = Number(bytes.readBigUInt64BE(DIGEST_BYTES));
  const isOurs =
    Number.isSafeInteger(streamSequence) && bytes.equals(updateUuid(task, streamSequence));
  return isOurs ? streamSequence : undefined;
}

const digestOf = ({ principal, frameworkId, taskId }: TaskRef, streamSequence: number): Buffer =>
  createHash('sha256').update(`${principal}/${frameworkId}/${taskId}/${streamSequence}`).digest();

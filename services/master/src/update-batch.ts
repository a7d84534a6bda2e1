// Owns turning messages of a principal's update stream into inputs: what does not parse, or does not say what its
// subject says, is passed over and reported; its place in the stream counts as read.
import type { Input } from '@parley/cluster/inputs';
import type { ClusterName, PrincipalName, TaskRef } from '@parley/protocol/ids';
import { damageOf, decodeMessage } from '@parley/protocol/message';
import { updatesTestSubject } from '@parley/protocol/streams';
import { parametersOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';

export type StreamMessage = {
  readonly streamSequence: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
};
export type UpdatesInput = Extract<Input, { kind: 'updates' }>;
export type PassedOver = {
  readonly streamSequence: number;
  readonly subject: string;
  readonly reason: string;
  /** It is not what was written: who wrote it is to write it again. */
  readonly isDamaged: boolean;
  /** What it was about, by its subject, where a leader wrote it. */
  readonly ownTask?: TaskRef;
};

export type UpdateBatch = {
  readonly streamCreatedMs: number;
  readonly messages: readonly StreamMessage[];
  readonly readUpTo: number;
};

/** Updates an input: a few kilobytes each at most, far below what the journal takes at once. */
const UPDATES_AN_INPUT = 64;

/** At least one input, so that the position moves past what was passed over. */
export function readUpdates(
  cluster: ClusterName,
  principal: PrincipalName,
  batch: UpdateBatch,
): { inputs: UpdatesInput[]; passedOver: PassedOver[] } {
  const { streamCreatedMs, messages, readUpTo } = batch;
  const inputs: UpdatesInput[] = [];
  const passedOver: PassedOver[] = [];
  const testWrites = updatesTestSubject(cluster, principal, '');
  for (let from = 0; from === 0 || from < messages.length; from += UPDATES_AN_INPUT) {
    const part = messages.slice(from, from + UPDATES_AN_INPUT);
    const isLast = from + UPDATES_AN_INPUT >= messages.length;
    const updates = [];
    for (const message of part) {
      if (message.subject.startsWith(testWrites)) continue;
      const update = readUpdate(cluster, message);
      if (typeof update === 'string') passedOver.push(passOver(cluster, message, update));
      else updates.push({ streamSequence: message.streamSequence, update });
    }
    const upTo = isLast ? readUpTo : (part.at(-1)?.streamSequence ?? readUpTo);
    inputs.push({ kind: 'updates', principal, streamCreatedMs, updates, readUpTo: upTo });
  }
  return { inputs, passedOver };
}

/** It was an agent's: that one is to hear of it. */
export const isDamageOfAgents = ({ isDamaged, ownTask }: PassedOver): boolean =>
  isDamaged && ownTask === undefined;

function passOver(cluster: ClusterName, message: StreamMessage, reason: string): PassedOver {
  const { streamSequence, subject, bytes } = message;
  const isDamaged = damageOf(bytes) !== undefined;
  const parameters = parametersOf(SUBJECTS.update, cluster, subject);
  if (parameters?.source !== 'master') return { streamSequence, subject, reason, isDamaged };
  const { source: _, ...ownTask } = parameters;
  return { streamSequence, subject, reason, isDamaged, ownTask };
}

/** A string says why it is none. */
function readUpdate(
  cluster: ClusterName,
  { subject, bytes }: StreamMessage,
): StatusUpdate | string {
  const message = decodeMessage(SUBJECTS.update, cluster, subject, bytes);
  if (!message.ok) return message.failure.message;
  const { parameters, body } = message.value;
  const { task } = body;
  const sameTask =
    task.principal === parameters.principal &&
    task.frameworkId === parameters.frameworkId &&
    task.taskId === parameters.taskId;
  if (!sameTask) return 'it is about another task than its subject says';
  const source: string = body.source === 'master' ? 'master' : body.agentId;
  return source === parameters.source ? body : 'it is from another source than its subject says';
}

// Owns the rule against steered answers: NATS does not check reply subjects against permissions, so a replier
// answers only into the inbox of somebody who may send on the subject that the request came on.
import { inboxPrefix } from '@parley/protocol/credential';
import type { ClusterName } from '@parley/protocol/ids';
import {
  type ActorKind,
  parametersOf,
  type SubjectEntry,
  subjectPrefix,
} from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

/** Which parameter of a subject is the sender's own id, for the kinds that have one. */
const OWN_PARAMETER: Partial<Record<ActorKind, string>> = {
  agent: 'agentId',
  principal: 'principal',
  operator: 'operator',
};

/** Whether an answer to a request on `subject` may go to `reply`. False for subjects that nobody may request on. */
export function mayReply(cluster: ClusterName, subject: string, reply: string): boolean {
  const entry = requestEntryOf(cluster, subject);
  if (entry === undefined) return false;
  const parameters: Record<string, string> = parametersOf(entry, cluster, subject) ?? {};
  return entry.from.some((kind) => {
    const own = parameters[OWN_PARAMETER[kind] ?? ''];
    const prefix = own === undefined ? `_INBOX.${kind}.` : `${inboxPrefix({ kind, id: own })}.`;
    return reply.startsWith(prefix);
  });
}

const requestEntries: readonly SubjectEntry[] = Object.values(SUBJECTS).filter(
  (entry: SubjectEntry) => entry.delivery === 'request',
);

function requestEntryOf(cluster: ClusterName, subject: string): SubjectEntry | undefined {
  const tokens = subject.slice(subjectPrefix(cluster).length + 1).split('.');
  return requestEntries.find((entry) => {
    const pattern = entry.pattern.split('.');
    return (
      pattern.length === tokens.length &&
      pattern.every((part, index) => part.startsWith('{') || part === tokens[index])
    );
  });
}

// Owns reading the messages to the master that nobody waits for an answer to.
import type { Input } from '@parley/cluster/inputs';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { FrameworkReport } from '@parley/protocol/frameworks';
import type { AgentId, ClusterName, FrameworkRef } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import type { CandidatesQuestion } from '@parley/protocol/revocations';
import { parametersOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

export type Unanswered =
  | {
      readonly kind: 'frameworkAlive';
      readonly framework: FrameworkRef;
      readonly session: number;
      /** Number of the last message that it has seen without a gap. */
      readonly confirmed: number;
      readonly report?: FrameworkReport | undefined;
    }
  | {
      readonly kind: 'agentAlive';
      readonly agentId: AgentId;
      readonly standing?: string | undefined;
    }
  | {
      readonly kind: 'agentOversubscribed';
      readonly agentId: AgentId;
      readonly revocable: Resources;
    }
  | { readonly kind: 'factsWanted' }
  | { readonly kind: 'candidatesWanted'; readonly question: CandidatesQuestion }
  | Extract<Input, { kind: 'proposals' | 'revocations' }>;

const withoutEpoch = fail('malformed', 'what is proposed carries the epoch of its allocator');

/** `undefined`: the subject is none of these. */
export function readUnanswered(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<Unanswered> | undefined {
  const ofAgent = readOfAgent(cluster, subject, bytes);
  if (ofAgent !== undefined) return ofAgent;
  if (parametersOf(SUBJECTS.frameworkHeartbeat, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.frameworkHeartbeat, cluster, subject, bytes);
    if (!message.ok) return message;
    const { parameters: framework, body } = message.value;
    return succeed({ kind: 'frameworkAlive', framework, ...body });
  }
  return readOfAllocator(cluster, subject, bytes);
}

function readOfAllocator(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<Unanswered> | undefined {
  if (parametersOf(SUBJECTS.factsSnapshot, cluster, subject))
    return succeed({ kind: 'factsWanted' });
  if (parametersOf(SUBJECTS.proposals, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.proposals, cluster, subject, bytes);
    if (!message.ok) return message;
    const { epoch, body } = message.value;
    if (epoch === undefined) return withoutEpoch;
    return succeed({ kind: 'proposals', epoch, proposals: body.proposals });
  }
  if (parametersOf(SUBJECTS.revocations, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.revocations, cluster, subject, bytes);
    if (!message.ok) return message;
    const { epoch, body } = message.value;
    if (epoch === undefined) return withoutEpoch;
    return succeed({ kind: 'revocations', epoch, ...body });
  }
  if (parametersOf(SUBJECTS.candidatesWanted, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.candidatesWanted, cluster, subject, bytes);
    return message.ok
      ? succeed({ kind: 'candidatesWanted', question: message.value.body })
      : message;
  }
  return undefined;
}

function readOfAgent(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<Unanswered> | undefined {
  if (parametersOf(SUBJECTS.agentHeartbeat, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.agentHeartbeat, cluster, subject, bytes);
    if (!message.ok) return message;
    const { parameters, body } = message.value;
    return succeed({ kind: 'agentAlive', ...parameters, standing: body.standing });
  }
  if (parametersOf(SUBJECTS.usage, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.usage, cluster, subject, bytes);
    return message.ok ? succeed({ kind: 'agentAlive', ...message.value.parameters }) : message;
  }
  if (parametersOf(SUBJECTS.oversubscribed, cluster, subject)) {
    const message = decodeMessage(SUBJECTS.oversubscribed, cluster, subject, bytes);
    if (!message.ok) return message;
    const { parameters, body } = message.value;
    return succeed({ kind: 'agentOversubscribed', ...parameters, ...body });
  }
  return undefined;
}

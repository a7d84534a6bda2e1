// Owns the way between a session's typed calls and the bytes on the bus: one place for the SDK's shell and
// for the simulator. It decides nothing; what does not parse becomes a failure value.
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, type ClusterName, ExecutorId, type FrameworkRef } from '@parley/protocol/ids';
import {
  decodeAnswer,
  decodeMessage,
  describeIssues,
  encodeMessage,
  type MessageHeader,
  type Outgoing,
  type ReceivedAnswer,
} from '@parley/protocol/message';
import { MAX_MESSAGE_BYTES } from '@parley/protocol/streams';
import { type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { SchedulerCall, SchedulerMessage } from './session-vocabulary.ts';

/** The subject and bytes of a call. Fails with `tooLarge` when the bus would not carry it. */
export function encodeCall(
  cluster: ClusterName,
  framework: FrameworkRef,
  call: SchedulerCall,
  header: MessageHeader,
): Outcome<Outgoing> {
  const outgoing = encodeByName(cluster, framework, call, header);
  if (outgoing.bytes.length <= MAX_MESSAGE_BYTES) return succeed(outgoing);
  return fail(
    'tooLarge',
    `${call.name} has ${outgoing.bytes.length} bytes, the bus carries ${MAX_MESSAGE_BYTES}; launch fewer tasks at once`,
  );
}

function encodeByName(
  cluster: ClusterName,
  framework: FrameworkRef,
  call: SchedulerCall,
  header: MessageHeader,
): Outgoing {
  if (call.name === 'accept' || call.name === 'decline') {
    const parameters = { ...framework, offerId: call.offerId };
    return encodeMessage<SubjectEntry>(SUBJECTS[call.name], cluster, parameters, call.body, header);
  }
  const entry: SubjectEntry = SUBJECTS[call.name];
  return encodeMessage(entry, cluster, framework, call.body, header);
}

/** Bytes for one of the framework's executors. Fails with `malformed` (not an id, too many bytes). */
export function encodeExecutorMessage(
  cluster: ClusterName,
  framework: FrameworkRef,
  message: { readonly agentId: string; readonly executorId: string; readonly data: Uint8Array },
): Outcome<Outgoing> {
  const entry = SUBJECTS.messageToExecutor;
  const agentId = AgentId.safeParse(message.agentId);
  const executorId = ExecutorId.safeParse(message.executorId);
  if (!agentId.success) return fail('malformed', describeIssues('agentId', agentId.error));
  if (!executorId.success) return fail('malformed', describeIssues('executorId', executorId.error));
  const body = entry.body.safeParse({ data: message.data });
  if (!body.success) return fail('malformed', describeIssues('message', body.error));
  const parameters = { ...framework, agentId: agentId.data, executorId: executorId.data };
  return succeed(encodeMessage(entry, cluster, parameters, body.data));
}

/** The answer to a call, parsed against its schema. */
export function decodeCallAnswer(
  name: SchedulerCall['name'],
  bytes: Uint8Array,
): Outcome<ReceivedAnswer> {
  return decodeAnswer(SUBJECTS[name], bytes);
}

/** The subjects that a scheduler listens to. */
export function schedulerSubjects(cluster: ClusterName, framework: FrameworkRef): string[] {
  const entries = [
    SUBJECTS.offers,
    SUBJECTS.rescind,
    SUBJECTS.events,
    SUBJECTS.messageToFramework,
    SUBJECTS.leaderHeartbeat,
    SUBJECTS.presence,
  ];
  return entries.map((entry) => wildcardOf(entry, cluster, framework));
}

/** A message to a scheduler, whatever of the six it is. */
export function decodeSchedulerMessage(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<SchedulerMessage> {
  switch (verbOf(subject)) {
    case 'offers': {
      const received = decodeMessage(SUBJECTS.offers, cluster, subject, bytes);
      return received.ok ? fromLeader('offers', received.value) : received;
    }
    case 'rescind': {
      const received = decodeMessage(SUBJECTS.rescind, cluster, subject, bytes);
      return received.ok ? fromLeader('rescind', received.value) : received;
    }
    case 'events': {
      const received = decodeMessage(SUBJECTS.events, cluster, subject, bytes);
      return received.ok ? fromLeader('events', received.value) : received;
    }
    case 'message': {
      const received = decodeMessage(SUBJECTS.messageToFramework, cluster, subject, bytes);
      if (!received.ok) return received;
      const { agentId, executorId } = received.value.parameters;
      const { data } = received.value.body;
      return succeed({ kind: 'executorMessage', agentId, executorId, data });
    }
    case 'heartbeat': {
      const received = decodeMessage(SUBJECTS.leaderHeartbeat, cluster, subject, bytes);
      return received.ok ? fromLeader('leaderHeartbeat', received.value) : received;
    }
    case 'presence': {
      const received = decodeMessage(SUBJECTS.presence, cluster, subject, bytes);
      return received.ok ? fromLeader('presence', received.value) : received;
    }
    default:
      return fail('unknownVerb', `subject ${subject} is none that a scheduler listens to`);
  }
}

/** The token behind the framework's id; ids of agents and executors may follow it. */
function verbOf(subject: string): string | undefined {
  const tokens = subject.split('.');
  const [, , first, , , verb] = tokens;
  return first === 'framework' ? verb : tokens.at(-1);
}

function fromLeader<Kind extends string, Body>(
  kind: Kind,
  received: MessageHeader & { readonly body: Body },
):
  | { ok: true; value: { kind: Kind; epoch: NonNullable<MessageHeader['epoch']>; body: Body } }
  | { ok: false; failure: Failure } {
  const { epoch, body } = received;
  if (epoch === undefined) return fail('malformed', `${kind}: a message of a leader has an epoch`);
  return { ok: true, value: { kind, epoch, body } };
}

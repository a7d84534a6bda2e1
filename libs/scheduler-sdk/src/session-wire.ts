// Owns the way between a session's typed calls and the bytes on the bus: one place for the SDK's shell and
// for the simulator. It decides nothing; what does not parse becomes a failure value.
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName, FrameworkRef } from '@parley/protocol/ids';
import {
  decodeAnswer,
  decodeMessage,
  encodeMessage,
  type MessageHeader,
  type Outgoing,
  type ReceivedAnswer,
} from '@parley/protocol/message';
import { MAX_MESSAGE_BYTES } from '@parley/protocol/streams';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
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
  switch (call.name) {
    case 'subscribe':
      return encodeMessage(SUBJECTS.subscribe, cluster, framework, call.body, header);
    case 'frameworkHeartbeat':
      return encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, framework, call.body, header);
    case 'resync':
      return encodeMessage(SUBJECTS.resync, cluster, framework, call.body, header);
    case 'demand':
      return encodeMessage(SUBJECTS.demand, cluster, framework, call.body, header);
    case 'killTask':
      return encodeMessage(SUBJECTS.killTask, cluster, framework, call.body, header);
    case 'teardown':
      return encodeMessage(SUBJECTS.teardown, cluster, framework, call.body, header);
    case 'accept': {
      const parameters = { ...framework, offerId: call.offerId };
      return encodeMessage(SUBJECTS.accept, cluster, parameters, call.body, header);
    }
    case 'decline': {
      const parameters = { ...framework, offerId: call.offerId };
      return encodeMessage(SUBJECTS.decline, cluster, parameters, call.body, header);
    }
    default:
      return unreachable(call);
  }
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
  const entries = [SUBJECTS.offers, SUBJECTS.rescind, SUBJECTS.leaderHeartbeat, SUBJECTS.presence];
  return entries.map((entry) => wildcardOf(entry, cluster, framework));
}

/** A message from the leader, whatever of the four it is. */
export function decodeSchedulerMessage(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<SchedulerMessage> {
  const kind = subject.slice(subject.lastIndexOf('.') + 1);
  switch (kind) {
    case 'offers': {
      const received = decodeMessage(SUBJECTS.offers, cluster, subject, bytes);
      return received.ok ? fromLeader('offers', received.value) : received;
    }
    case 'rescind': {
      const received = decodeMessage(SUBJECTS.rescind, cluster, subject, bytes);
      return received.ok ? fromLeader('rescind', received.value) : received;
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

// Owns the edge of the master: which call a subject names, whether it parses, who the caller is and
// whether the answer may go where the message asks. Nothing that fails here reaches the core.
import type { Call, Caller, Input } from '@parley/cluster/inputs';
import { inboxPrefix } from '@parley/protocol/credential';
import type { RequestId } from '@parley/protocol/envelope';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, type Received } from '@parley/protocol/message';
import type { SubjectEntry } from '@parley/protocol/subject-entry';
import { parametersOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

const FRAMEWORK_VERBS = {
  subscribe: SUBJECTS.subscribe,
  resync: SUBJECTS.resync,
  demand: SUBJECTS.demand,
  killTask: SUBJECTS.killTask,
  teardown: SUBJECTS.teardown,
  accept: SUBJECTS.accept,
  decline: SUBJECTS.decline,
} as const;

export type IncomingCall = Extract<Input, { kind: 'call' }>;

/** `undefined`: the subject is none of the calls that are answered after a commit. */
export function readCall(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<IncomingCall> | undefined {
  for (const [verb, entry] of Object.entries(FRAMEWORK_VERBS)) {
    if (parametersOf<SubjectEntry>(entry, cluster, subject) === undefined) continue;
    return readFrameworkCall(cluster, verb, entry, subject, bytes);
  }
  if (parametersOf(SUBJECTS.register, cluster, subject)) {
    return withRequest(decodeMessage(SUBJECTS.register, cluster, subject, bytes), (received) => ({
      caller: { kind: 'agent', agentId: received.parameters.agentId },
      call: { verb: 'register', body: received.body },
    }));
  }
  if (parametersOf(SUBJECTS.operatorKill, cluster, subject)) {
    return withRequest(
      decodeMessage(SUBJECTS.operatorKill, cluster, subject, bytes),
      (received) => ({
        caller: { kind: 'operator', operator: received.parameters.operator },
        call: { verb: 'operatorKill', body: received.body },
      }),
    );
  }
  return undefined;
}

function readFrameworkCall(
  cluster: ClusterName,
  verb: string,
  entry: (typeof FRAMEWORK_VERBS)[keyof typeof FRAMEWORK_VERBS],
  subject: string,
  bytes: Uint8Array,
): Outcome<IncomingCall> {
  return withRequest(decodeMessage(entry, cluster, subject, bytes), (received) => ({
    caller: {
      kind: 'framework',
      principal: received.parameters.principal,
      frameworkId: received.parameters.frameworkId,
    },
    // The verb and the entry's schema belong together by the table above.
    call: { verb, body: received.body } as Call,
  }));
}

function withRequest<Entry extends SubjectEntry>(
  received: Outcome<Received<Entry>>,
  build: (value: Received<Entry>) => { caller: Caller; call: Call },
): Outcome<IncomingCall> {
  if (!received.ok) return received;
  const { request, frameworkSession } = received.value;
  if (request === undefined) return fail('malformed', 'a request carries a request id');
  return succeed({
    kind: 'call',
    request,
    ...build(received.value),
    ...(frameworkSession !== undefined && { frameworkSession }),
  });
}

/** The prefix that every reply subject of this caller has: answers go nowhere else. */
export function callerInbox(caller: Caller): string {
  switch (caller.kind) {
    case 'framework':
      return inboxPrefix({ kind: 'principal', id: caller.principal });
    case 'agent':
      return inboxPrefix({ kind: 'agent', id: caller.agentId });
    case 'operator':
      return inboxPrefix({ kind: 'operator', id: caller.operator });
  }
}

/** Inbox prefix of whoever may publish on this subject, also when the message itself does not parse. */
export function subjectInbox(cluster: ClusterName, subject: string): string | undefined {
  const tokens = subject.slice(`parley.${cluster}.`.length).split('.');
  const [first, second, third, fourth] = tokens;
  if (first === 'offers' && second) return inboxPrefix({ kind: 'principal', id: second });
  if (first !== 'master' || second !== 'call' || !fourth) return undefined;
  if (third === 'framework') return inboxPrefix({ kind: 'principal', id: fourth });
  if (third === 'agent') return inboxPrefix({ kind: 'agent', id: fourth });
  if (third === 'operator') return inboxPrefix({ kind: 'operator', id: fourth });
  return undefined;
}

export const requestKey = (caller: Caller, request: RequestId): string =>
  `${callerKey(caller)}#${request.session}#${request.counter}`;

export function callerKey(caller: Caller): string {
  switch (caller.kind) {
    case 'framework':
      return `framework/${caller.principal}/${caller.frameworkId}`;
    case 'agent':
      return `agent/${caller.agentId}`;
    case 'operator':
      return `operator/${caller.operator}`;
  }
}

// Owns the edge of the master: which call a subject names, whether it parses, who the caller is and
// whether the answer may go where the message asks. Nothing that fails here reaches the core.
import { type Call, Caller, type Input } from '@parley/cluster/inputs';
import { inboxPrefix } from '@parley/protocol/credential';
import type { RequestId } from '@parley/protocol/envelope';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, describeIssues, type Received } from '@parley/protocol/message';
import { parametersOf, type SubjectEntry, subjectPrefix } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

type CallerKind = Caller['kind'];
type CallEntry = { readonly by: CallerKind; readonly entry: SubjectEntry };

/** Every call that is answered after a commit, under the verb that the core knows it by. */
const CALLS = {
  subscribe: { by: 'framework', entry: SUBJECTS.subscribe },
  updateFramework: { by: 'framework', entry: SUBJECTS.updateFramework },
  resync: { by: 'framework', entry: SUBJECTS.resync },
  suppress: { by: 'framework', entry: SUBJECTS.suppress },
  revive: { by: 'framework', entry: SUBJECTS.revive },
  demand: { by: 'framework', entry: SUBJECTS.demand },
  accept: { by: 'framework', entry: SUBJECTS.accept },
  decline: { by: 'framework', entry: SUBJECTS.decline },
  killTask: { by: 'framework', entry: SUBJECTS.killTask },
  reconcile: { by: 'framework', entry: SUBJECTS.reconcile },
  shutdownExecutor: { by: 'framework', entry: SUBJECTS.shutdownExecutor },
  answerInverseOffer: { by: 'framework', entry: SUBJECTS.answerInverseOffer },
  acknowledgeEvents: { by: 'framework', entry: SUBJECTS.acknowledgeEvents },
  teardown: { by: 'framework', entry: SUBJECTS.teardown },
  register: { by: 'agent', entry: SUBJECTS.register },
  executorExited: { by: 'agent', entry: SUBJECTS.executorExited },
  stopAnswered: { by: 'agent', entry: SUBJECTS.stopAnswered },
  tellTasks: { by: 'agent', entry: SUBJECTS.tellTasks },
  operatorKill: { by: 'operator', entry: SUBJECTS.operatorKill },
  operatorTeardown: { by: 'operator', entry: SUBJECTS.operatorTeardown },
  operatorAgent: { by: 'operator', entry: SUBJECTS.operatorAgent },
  operatorOperate: { by: 'operator', entry: SUBJECTS.operatorOperate },
  operatorSharing: { by: 'operator', entry: SUBJECTS.operatorSharing },
  operatorMaintenance: { by: 'operator', entry: SUBJECTS.operatorMaintenance },
} as const satisfies Record<Call['verb'], CallEntry>;

type Candidate = CallEntry & { readonly verb: string };

/** Few subjects have the same number of tokens and the same last one: only these are compared token by token. */
const CANDIDATES: ReadonlyMap<string, readonly Candidate[]> = Map.groupBy(
  Object.entries(CALLS).map(([verb, call]): Candidate => ({ verb, ...call })),
  ({ entry }) => shapeOf(entry.pattern.split('.')),
);

function shapeOf(tokens: readonly string[]): string {
  return `${tokens.length} ${tokens.at(-1)}`;
}

export type IncomingCall = Extract<Input, { kind: 'call' }>;

/** `undefined`: the subject is none of the calls that are answered after a commit. */
export function readCall(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<IncomingCall> | undefined {
  const prefix = `${subjectPrefix(cluster)}.`;
  if (!subject.startsWith(prefix)) return undefined;
  const shape = shapeOf(subject.slice(prefix.length).split('.'));
  for (const { verb, by, entry } of CANDIDATES.get(shape) ?? []) {
    const parameters = parametersOf(entry, cluster, subject);
    if (parameters === undefined) continue;
    const caller = Caller.safeParse({ kind: by, ...parameters });
    if (!caller.success) return fail('malformed', describeIssues('caller', caller.error));
    return withRequest(decodeMessage(entry, cluster, subject, bytes), ({ body }) => ({
      caller: caller.data,
      // The verb and the entry's schema belong together by the table above.
      call: { verb, body } as Call,
    }));
  }
  return undefined;
}

function withRequest(
  received: Outcome<Received<SubjectEntry>>,
  build: (value: Received<SubjectEntry>) => { caller: Caller; call: Call },
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
  const tokens = subject.slice(`${subjectPrefix(cluster)}.`.length).split('.');
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

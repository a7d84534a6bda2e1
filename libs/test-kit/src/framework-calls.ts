// Owns reading the calls of frameworks off the test's bus: which call a subject names, and whether it parses.
import type { Call, Input } from '@parley/cluster/inputs';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { parametersOf, type SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

export type FrameworkCall = Extract<Input, { kind: 'call' }> & {
  readonly caller: Extract<Extract<Input, { kind: 'call' }>['caller'], { kind: 'framework' }>;
};

const CALLS = {
  subscribe: SUBJECTS.subscribe,
  resync: SUBJECTS.resync,
  updateFramework: SUBJECTS.updateFramework,
  suppress: SUBJECTS.suppress,
  revive: SUBJECTS.revive,
  demand: SUBJECTS.demand,
  killTask: SUBJECTS.killTask,
  reconcile: SUBJECTS.reconcile,
  shutdownExecutor: SUBJECTS.shutdownExecutor,
  acknowledgeEvents: SUBJECTS.acknowledgeEvents,
  teardown: SUBJECTS.teardown,
  accept: SUBJECTS.accept,
  decline: SUBJECTS.decline,
} as const;

/** `undefined`: the subject names no call of frameworks. */
export function readFrameworkCall(
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<FrameworkCall> | undefined {
  for (const [verb, entry] of Object.entries(CALLS)) {
    if (parametersOf<SubjectEntry>(entry, cluster, subject) === undefined) continue;
    const received = decodeMessage(entry, cluster, subject, bytes);
    if (!received.ok) return received;
    const { parameters, body, request, frameworkSession } = received.value;
    if (request === undefined) return fail('malformed', 'a request carries a request id');
    const { principal, frameworkId } = parameters;
    return succeed({
      kind: 'call',
      caller: { kind: 'framework', principal, frameworkId },
      request,
      // The verb and the entry's schema belong together by the table above.
      call: { verb, body } as Call,
      ...(frameworkSession !== undefined && { frameworkSession }),
    });
  }
  return undefined;
}

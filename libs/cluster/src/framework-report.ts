// Owns comparing what a framework believes to stand in the books with the books: its roles, its calls that were answered
// and those that were not. It changes nothing; who is told, and what is done about it, is the master's (takeover-census.ts).
import type { FrameworkReport } from '@parley/protocol/frameworks';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import type { FrameworkRecord } from './records.ts';

export type ReportedFramework = {
  readonly framework: FrameworkRef;
  /** Of its subscription. */
  readonly session: number;
  readonly report: FrameworkReport;
};

export type FrameworkComparison = {
  /** Its roles, or in which of them it takes offers. */
  readonly rolesDiffer: boolean;
  /** Counters of calls that it holds for done, and that the books do not know. */
  readonly lostCalls: readonly number[];
  readonly openCalls: number;
  /** Of these the books have the answer. */
  readonly answeredCalls: number;
};

/** Undefined: the report says nothing about these books, since it is older than they are, or of another life. */
export function compareReport(
  state: ClusterState,
  reported: ReportedFramework,
): FrameworkComparison | undefined {
  const { framework, session, report } = reported;
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  if (state.tombstones.has(key) || record?.state === 'removed') return undefined;
  const { answers, lowest } = answersTo(state, reported);
  // A late copy of an earlier report: what was done since is no difference.
  if (answers.some((counter) => counter > report.lastCall)) return undefined;
  const known = new Set(answers);
  return {
    rolesDiffer: record?.session === session && haveOtherRoles(record, report.roles),
    lostCalls: lostCalls(state, reported, (counter) => counter < lowest || known.has(counter)),
    openCalls: report.openCalls.length,
    answeredCalls: report.openCalls.filter((counter) => known.has(counter)).length,
  };
}

/** Counters of the answers that are kept for its process, and the lowest that may be. */
function answersTo(state: ClusterState, { framework, report }: ReportedFramework) {
  const session = sessionKey(state, framework, report);
  if (session === undefined) return { answers: [], lowest: 0 };
  const answers = [...state.requests.answersOf(session).keys()];
  return { answers, lowest: state.sessions.get(session)?.lowest ?? 0 };
}

const sessionKey = (
  state: ClusterState,
  framework: FrameworkRef,
  { callerSession }: FrameworkReport,
) => state.requests.keyOf('framework', frameworkKey(framework), callerSession);

function lostCalls(
  state: ClusterState,
  { framework, session, report }: ReportedFramework,
  isKnown: (counter: number) => boolean,
): number[] {
  const isSessionKnown = sessionKey(state, framework, report) !== undefined;
  const subscribed = state.frameworks.get(frameworkKey(framework))?.session ?? 0;
  // The answers to one who was quiet for long are forgotten; but its subscription is not.
  if (!isSessionKnown && session <= subscribed) return [];
  // What was before the books were lost is not in them, and was told.
  const first = state.record.rebuilt === undefined ? 0 : report.subscribedBy;
  if (!isSessionKnown && first > 0) return [];
  return report.acknowledgedCalls.filter((counter) => counter >= first && !isKnown(counter));
}

function haveOtherRoles(record: FrameworkRecord, told: FrameworkReport['roles']): boolean {
  if (told === undefined || record.state !== 'subscribed') return false;
  return (
    told.length !== record.roles.length ||
    record.roles.some(({ role, isSuppressed }, index) => {
      const one = told[index];
      return one?.role !== role || one.isSuppressed !== isSuppressed;
    })
  );
}

// Owns the answers to requests: a repeated id gets the first answer again, so that nothing is done twice.
// Ids are (caller, session, counter); answers below the caller's lowest unanswered counter are dropped.
import type { RequestId } from '@parley/protocol/envelope';
import { isRetryable } from '@parley/protocol/errors';
import { frameworkKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { unreachable } from '@parley/protocol/unreachable';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { Caller } from './inputs.ts';
import { MAX_SESSIONS_PER_CALLER, REQUEST_SESSION_IDLE_MS } from './limits.ts';
import type { SessionRecord } from './records.ts';
import type { Turn } from './turn.ts';

export type Admission =
  /** `session`: the key of the request's session. */
  | { readonly kind: 'first'; readonly session: string }
  | { readonly kind: 'repeated'; readonly answer: Answer }
  | { readonly kind: 'expired' };

/** Whether a request is to be carried out now. A repeated or expired one changes nothing. */
export function admitRequest(turn: Turn, caller: Caller, request: RequestId): Admission {
  const { state } = turn;
  const known = state.requests.keyOf(caller.kind, idOf(caller), request.session);
  const key = known ?? `${callerKey(caller)}|${request.session}`;
  const session = state.sessions.get(key);
  if (request.counter < Math.max(session?.lowest ?? 1, request.lowest)) return { kind: 'expired' };
  const answerKey = state.requests.answersOf(key).get(request.counter);
  const repeated = answerKey === undefined ? undefined : state.answers.get(answerKey);
  if (repeated !== undefined) return { kind: 'repeated', answer: repeated.answer };
  const lowest = Math.max(session?.lowest ?? 1, request.lowest);
  touchSession(turn, caller, { key, before: session, lowest });
  return { kind: 'first', session: key };
}

/** Failures that may pass are not kept: the same id is carried out when it comes again. */
export function rememberAnswer(
  turn: Turn,
  { session, request, answer }: { session: string; request: RequestId; answer: Answer },
): void {
  if (!answer.ok && isRetryable(answer.failure.code)) return;
  const { state } = turn;
  const record = { session, counter: request.counter, answer };
  const key = `${session}|${request.counter}`;
  state.answers.put(key, record);
  state.requests.answered(key, record);
  const answers = state.requests.answersOf(session);
  if (answers.size <= state.record.settings.answersPerCaller) return;
  const oldest = Math.min(...answers.keys());
  const open = state.sessions.get(session);
  if (open !== undefined) state.sessions.put(session, { ...open, lowest: oldest + 1 });
  dropAnswersBelow(state, session, oldest + 1);
}

export function sessionDeadline(state: ClusterState, key: string): number | undefined {
  const session = state.sessions.get(key);
  return session && session.lastUsedMs + REQUEST_SESSION_IDLE_MS;
}

export function forgetSession(state: ClusterState, key: string): void {
  const session = state.sessions.get(key);
  if (session === undefined) return;
  dropAnswersBelow(state, key, Number.POSITIVE_INFINITY);
  state.sessions.delete(key);
  state.requests.sessionClosed(key, session);
}

function touchSession(
  turn: Turn,
  caller: Caller,
  {
    key,
    before,
    lowest,
  }: {
    readonly key: string;
    readonly before: SessionRecord | undefined;
    readonly lowest: number;
  },
): void {
  const { state, context } = turn;
  const session = {
    caller: before?.caller ?? callerKey(caller),
    lowest,
    lastUsedMs: context.coreTimeMs,
  };
  state.sessions.put(key, session);
  if (before === undefined) {
    state.requests.sessionOpened(key, session);
    state.deadlines.set(deadlineKey('session', key), context.coreTimeMs + REQUEST_SESSION_IDLE_MS);
    forgetLeastRecent(state, session.caller);
  } else if (before.lowest < lowest) {
    dropAnswersBelow(state, key, lowest);
  }
}

function forgetLeastRecent(state: ClusterState, caller: string): void {
  const sessions = state.requests.sessionsOf(caller);
  if (sessions.length <= MAX_SESSIONS_PER_CALLER) return;
  let [oldest = '', oldestMs = Number.POSITIVE_INFINITY] = [];
  for (const key of sessions) {
    const lastUsedMs = state.sessions.get(key)?.lastUsedMs ?? 0;
    if (lastUsedMs < oldestMs) [oldest, oldestMs] = [key, lastUsedMs];
  }
  forgetSession(state, oldest);
}

function dropAnswersBelow(state: ClusterState, session: string, lowest: number): void {
  for (const [counter, key] of state.requests.answersOf(session)) {
    if (counter >= lowest) continue;
    state.answers.delete(key);
    state.requests.answerDropped(session, counter);
  }
}

const callerKey = (caller: Caller): string => `${caller.kind}:${idOf(caller)}`;

function idOf(caller: Caller): string {
  switch (caller.kind) {
    case 'framework':
      return frameworkKey(caller);
    case 'agent':
      return caller.agentId;
    case 'operator':
      return caller.operator;
    default:
      return unreachable(caller);
  }
}

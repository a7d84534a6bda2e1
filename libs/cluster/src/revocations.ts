// Owns the course of a revocation: the framework is told by an inverse offer, the task is asked to stop, may answer,
// and is killed when its time is over. Every step is in the journal. What ends by itself meanwhile is over; what nobody
// needs any more, or what would take a framework below its guarantee by then, is called off while the task has not been
// made to stop. A new leader goes on where the one before it was: deadlines are core time.
//
//   told --(notice)--> asked --(grace, answers that ask for time)--> killing
// What follows when an executor does not end what it is told to is in revocation-enforcement.ts.
import { compareEpochs } from '@parley/protocol/epoch';
import { fail, succeed } from '@parley/protocol/errors';
import { type AgentId, taskKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Revocation, StopAnswered } from '@parley/protocol/revocations';
import { tellFramework } from './framework-events.ts';
import { comesBackWith } from './group-members.ts';
import { guaranteeObjection, roleAboveObjection } from './guarantees.ts';
import type { Input } from './inputs.ts';
import { orderKill } from './orders.ts';
import type { RevocationRecord, TaskRecord } from './records.ts';
import { putRevocation, revocationOf } from './revocation-book.ts';
import { revocationObjection } from './revocation-checks.ts';
import { callOff } from './revocation-ends.ts';
import { enforce } from './revocation-enforcement.ts';
import { dropStopOrder, orderStop } from './stop-orders.ts';
import { report, type Turn } from './turn.ts';

/**
 * Those of an earlier allocator's term are ignored. Each is answered with a fact: under way, or not. What nobody needs any
 * more is called off first, as far as that can be.
 */
export function stepRevocations(
  turn: Turn,
  { epoch, revocations, calledOff }: Extract<Input, { kind: 'revocations' }>,
): void {
  const { state } = turn;
  const order = compareEpochs(epoch, state.record.allocatorEpoch);
  if (order < 0) return;
  if (order > 0) state.change({ allocatorEpoch: epoch, allocatorDecided: 0 });
  for (const task of calledOff) {
    const record = revocationOf(state, task);
    if (record === undefined) state.marks.revocation(task);
    else callOff(turn, record, 'the beneficiary does not need it any more');
  }
  for (const revocation of revocations) {
    const { task, agentId } = revocation;
    const live = state.tasks.get(taskKey(task));
    const why = revocationObjection(state, revocation);
    if (why === undefined && live !== undefined) {
      begin(turn, live, revocation);
      continue;
    }
    correct(turn, revocation);
    report(turn, { type: 'revocationRefused', task, agentId, why: why ?? 'the task is not live' });
  }
}

/** The last answer counts; none puts the kill off beyond the most that the settings give. Fails with `agentGone`. */
export function stopAnswered(turn: Turn, agentId: AgentId, { task, answer }: StopAnswered): Answer {
  const { state, context } = turn;
  if (state.agents.get(agentId)?.state === 'gone') {
    return fail('agentGone', `an operator declared agent ${agentId} gone`);
  }
  const record = revocationOf(state, task);
  if (record?.phase !== 'asked' || record.agentId !== agentId) return succeed({});
  const nowMs = context.coreTimeMs;
  const { dueAtMs = nowMs, latestMs = nowMs } = record;
  const wantedMs = answer.kind === 'needsTime' ? nowMs + answer.needMs : dueAtMs;
  const untilMs = Math.min(latestMs, Math.max(dueAtMs, wantedMs));
  putRevocation(state, { ...record, answer, dueAtMs: untilMs });
  const leftMs = untilMs - nowMs;
  report(turn, { type: 'revocationAnswered', task: record.task, agentId, answer, leftMs });
  return succeed({});
}

/** What is due by core time. */
export function goOnWithRevocations(turn: Turn, keys: readonly string[]): void {
  for (const key of keys) {
    const record = turn.state.revocations.get(key);
    const task = turn.state.tasks.get(key);
    if (record !== undefined && task !== undefined) goOn(turn, record, task);
  }
}

function begin(turn: Turn, live: TaskRecord, { beneficiary, reason }: Revocation): void {
  const { state, context } = turn;
  const { revocationNoticeMs: noticeMs, revocationGraceMs } = state.record.settings;
  const { task, agentId } = live;
  const resources = comesBackWith(state, live);
  const begunAtMs = context.coreTimeMs;
  const dueAtMs = begunAtMs + noticeMs;
  const about = { task, agentId, resources, beneficiary, reason };
  const record: RevocationRecord = { ...about, role: live.role, phase: 'told', begunAtMs, dueAtMs };
  putRevocation(state, record);
  report(turn, { type: 'revocationBegun', ...about });
  tellFramework(turn, task, {
    kind: 'inverseOffer',
    taskId: task.taskId,
    agentId,
    resources,
    reason,
    graceMs: noticeMs + revocationGraceMs,
    wallTimeMs: context.wallTimeMs,
  });
  if (noticeMs === 0) ask(turn, record, live);
}

/** A task that would by now take its framework or a role above below their guarantee stays: others of it have ended meanwhile. */
function goOn(turn: Turn, record: RevocationRecord, task: TaskRecord): void {
  if (record.phase === 'killing') {
    enforce(turn, record, task);
    return;
  }
  const { state } = turn;
  const { role: to } = record.beneficiary;
  const why = guaranteeObjection(state, task) ?? roleAboveObjection(state, task, { to });
  if (why !== undefined && callOff(turn, record, why)) return;
  if (record.phase === 'told') ask(turn, record, task);
  else kill(turn, record, task);
}

/** One that its framework or an operator is ending already need not be asked. */
function ask(turn: Turn, record: RevocationRecord, task: TaskRecord): void {
  const { state, context } = turn;
  const { revocationGraceMs: graceMs, revocationExtensionMs } = state.record.settings;
  const { agentId } = record;
  const dueAtMs = context.coreTimeMs + graceMs;
  const latestMs = dueAtMs + revocationExtensionMs;
  putRevocation(state, { ...record, phase: 'asked', dueAtMs, latestMs });
  if (task.kill !== undefined) return;
  orderStop(turn, task, { graceMs, isCalledOff: false });
  report(turn, { type: 'revocationAsked', task: record.task, agentId, graceMs });
}

function kill(turn: Turn, record: RevocationRecord, task: TaskRecord): void {
  const { state } = turn;
  const { dueAtMs: _, ...rest } = record;
  putRevocation(state, { ...rest, phase: 'killing' });
  orderKill(turn, dropStopOrder(state, task), { reason: 'revoked', graceMs: 0 });
  const { agentId, answer } = record;
  const wasSilent = answer === undefined;
  report(turn, { type: 'revocationKilled', task: record.task, agentId, wasSilent });
}

/** What the check looked at, so that the allocator knows as much as the books. */
function correct({ state }: Turn, { task, agentId, beneficiary }: Revocation): void {
  const { marks } = state;
  marks.revocation(task);
  marks.agent(agentId);
  marks.framework(beneficiary.framework);
  const live = state.tasks.get(taskKey(task));
  if (live !== undefined) marks.usage(live.task, live.role);
}

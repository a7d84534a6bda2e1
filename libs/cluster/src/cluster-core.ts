// Owns the master's core: what each input does to the state, and the order in which an entry is stepped.
// Pure and synchronous: the leader steps it after the commit, hot standbys, followers and replay likewise.
import type { Fact } from '@parley/protocol/allocation';
import { unreachable } from '@parley/protocol/unreachable';
import { agentFellSilent } from './agents.ts';
import { stepCall } from './calls.ts';
import { canonical, DigestSum, digestOf } from './canonical-hash.ts';
import type { ClusterState } from './cluster-state.ts';
import { carryOutDue, nextDueMs, setAllDeadlines } from './due.ts';
import type { Effect } from './effects.ts';
import { finishEmptying } from './emptying.ts';
import { allFacts, allocationSettings, finishFacts } from './facts.ts';
import { tellAgain } from './framework-events.ts';
import { frameworkFellSilent } from './frameworks.ts';
import { Input } from './inputs.ts';
import { beginRebuilding, restoreSettings } from './kept-settings.ts';
import { rescindBeyondReturned } from './limit-checks.ts';
import { setWindowsAnew } from './maintenance-book.ts';
import { announceOffers, outstandingOffers } from './offer-book.ts';
import { confirmMessages } from './offer-expiry.ts';
import { stepOrderAnswered } from './order-answers.ts';
import { isSpent } from './order-book.ts';
import { stepProposals } from './proposals.ts';
import { stepOversubscribed } from './revocable-resources.ts';
import { callOffUnneeded } from './revocation-ends.ts';
import { stepRevocations } from './revocations.ts';
import {
  enterRules,
  inputSince,
  NEWEST_RULES,
  OLDEST_RULES,
  PACKED_ENTRIES_SINCE,
  settingsUnderRules,
} from './rules.ts';
import { createState, restoreState, StateRestorer, snapshotState } from './snapshot.ts';
import { stepUpdates } from './task-updates.ts';
import { report, type StepContext, type Turn } from './turn.ts';
import { integrate } from './utilisation.ts';

/** A `Core` of @parley/actor. State is changed in place by `begin`, `step` and `finish` only. */
export const clusterCore = {
  rulesVersion: NEWEST_RULES,
  oldestRulesVersion: OLDEST_RULES,
  packsEntriesSince: PACKED_ENTRIES_SINCE,
  inputSchema: Input,
  inputSince,
  create: createState,
  begin,
  step,
  finish,
  hash: hashState,
  hashSome,
  snapshot: snapshotState,
  restore: restoreState,
  restorer: () => new StateRestorer(),
} as const;

/**
 * What a new leader carries out beside the effects of its first entry: what the one before it may not have
 * got through.
 */
export function takeoverEffects(state: ClusterState): Effect[] {
  const { factsSequence: sequence, coreTimeMs } = state.record;
  const effects: Effect[] = [state.recentFacts.asOne({ sequence, coreTimeMs })];
  for (const { order } of state.orders.rows()) {
    if (!isSpent(state, order)) effects.push({ kind: 'order', order });
  }
  for (const { update } of state.unwritten.rows()) effects.push({ kind: 'writeUpdate', update });
  return effects;
}

/** Everything that the allocator needs when it begins or has missed something, as of the last entry. */
export function factsSnapshot(state: ClusterState): Fact[] {
  return allFacts(state);
}

/** Core time at which an entry is due though nothing else happens. */
export function nextDeadlineMs(state: ClusterState): number | undefined {
  return nextDueMs(state);
}

/** Core time moves on; what is due by then happens first. */
function begin(state: ClusterState, context: StepContext): Effect[] {
  const rules = enterRules(state, context.rulesVersion);
  const coreTimeMs = Math.max(state.record.coreTimeMs, context.coreTimeMs);
  state.change({ coreTimeMs, usageIntegral: integrate(state, coreTimeMs) });
  const turn = turnOf(state, context);
  if (rules !== undefined) report(turn, { type: 'rulesRaised', ...rules });
  carryOutDue(turn);
  return turn.effects;
}

function step(state: ClusterState, context: StepContext, input: Input): Effect[] {
  const turn = turnOf(state, context);
  switch (input.kind) {
    case 'termStarted':
      startTerm(turn, input);
      break;
    case 'settingsRestored':
      restoreSettings(turn, input);
      break;
    case 'call':
      stepCall(turn, input);
      break;
    case 'orderAnswered':
      stepOrderAnswered(turn, input);
      break;
    case 'frameworkSilent':
      frameworkFellSilent(turn, input);
      break;
    case 'agentSilent':
      agentFellSilent(turn, input);
      break;
    case 'agentOversubscribed':
      stepOversubscribed(turn, input);
      break;
    case 'frameworkConfirmed':
      confirmMessages(turn, input);
      break;
    case 'updates':
      stepUpdates(turn, input);
      break;
    case 'proposals':
      stepProposals(turn, input);
      break;
    case 'revocations':
      stepRevocations(turn, input);
      break;
    case 'tick':
      break;
    default:
      return unreachable(input);
  }
  return turn.effects;
}

function finish(state: ClusterState, context: StepContext): Effect[] {
  const turn = turnOf(state, context);
  rescindBeyondReturned(turn);
  callOffUnneeded(turn);
  finishEmptying(turn);
  finishFacts(turn);
  return turn.effects;
}

/** Offers survive and are told again, under new numbers; events until they are acknowledged. */
function startTerm(
  turn: Turn,
  { epoch, masterId, settings: given, rebuilding }: Extract<Input, { kind: 'termStarted' }>,
): void {
  const { state } = turn;
  const settings = settingsUnderRules(state, given);
  const before = state.record.settings;
  const isChanged = canonical(settings) !== canonical(before);
  if (canonical(allocationSettings(settings)) !== canonical(allocationSettings(before))) {
    state.marks.hasNewSettings = true;
  }
  state.change({ epoch, masterId, settings });
  if (isChanged) setAllDeadlines(state);
  if (rebuilding !== undefined) beginRebuilding(turn, rebuilding);
  setWindowsAnew(turn);
  report(turn, { type: 'termStarted', epoch, masterId });
  for (const key of [...state.frameworks.keys()]) {
    const framework = state.frameworks.get(key);
    if (framework?.state !== 'subscribed') continue;
    announceOffers(turn, framework, outstandingOffers(state, framework));
    tellAgain(turn, framework);
  }
}

/** Table by table; the order of records is not in it. */
function hashState(state: ClusterState): string {
  const sum = new DigestSum();
  const uncounted = new Set(state.laterTables.filter(({ size }) => size === 0));
  for (const table of state.tables) {
    if (!uncounted.has(table)) sum.add(digestOf('table', table.name, table.hash()));
  }
  return sum.hexadecimal();
}

/** At most so many changed records are hashed ahead; returns how many are left. */
function hashSome(state: ClusterState, limit: number): number {
  let budget = limit;
  let left = 0;
  for (const table of state.tables) {
    budget -= table.hashSome(budget);
    left += table.unhashed;
  }
  return left;
}

function turnOf(state: ClusterState, context: StepContext): Turn {
  const { coreTimeMs } = state.record;
  const isCurrent = context.coreTimeMs === coreTimeMs;
  return { state, context: isCurrent ? context : { ...context, coreTimeMs }, effects: [] };
}

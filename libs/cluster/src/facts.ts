// Owns the facts for the allocator: those of one entry, and all of them for one that asks anew.
// They are absolute: one that is applied twice does no harm.
import type { Fact, FreeReservation } from '@parley/protocol/allocation';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import { MILLI, NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { isEmpty } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import type { Happened } from './fact-marks.ts';
import type { ClusterSettings } from './inputs.ts';
import { openNeeds } from './needs.ts';
import { maxOffersOf } from './offer-expiry.ts';
import { isOffered } from './offered-agents.ts';
import type { AgentRecord } from './records.ts';
import { roleSharesOf, sharesOf } from './shares.ts';
import type { Turn } from './turn.ts';

/** At most one message an entry, with the figures as they are at its end. */
export function finishFacts(turn: Turn): void {
  const { state, context } = turn;
  if (state.marks.isEmpty) return;
  const facts = entryFacts(state);
  state.marks.clear();
  if (facts.length === 0) return;
  const { sequence } = context;
  const previous = state.record.factsSequence;
  const message = { kind: 'facts', sequence, previous, facts } as const;
  turn.effects.push(message);
  state.recentFacts.add(message, state.record.coreTimeMs);
  state.change({ factsSequence: sequence });
}

/** All that is true as of the last entry. What was decided of proposals under way is not in it. */
export function allFacts(state: ClusterState): Fact[] {
  const facts: Fact[] = [settingsFact(state)];
  for (const { role } of state.roleSettings.rows()) facts.push(roleFact(state, role));
  for (const { framework } of state.frameworkSettings.rows()) {
    facts.push(frameworkShareFact(state, framework));
  }
  for (const agent of state.agents.rows()) {
    if (isOffered(agent)) facts.push(agentFact(state, agent.agentId));
  }
  for (const { framework, state: lifecycle } of state.frameworks.rows()) {
    const book = state.books.frameworks.get(frameworkKey(framework));
    if (lifecycle === 'subscribed') facts.push(frameworkFact(state, framework));
    for (const role of [...(book?.usage.keys() ?? [])].sort()) {
      facts.push(usageFact(state, framework, role));
    }
    if ((book?.offers.size ?? 0) > 0) facts.push(outstandingFact(state, framework));
  }
  for (const { task } of state.revocations.rows()) facts.push(revocationFact(state, task));
  return facts;
}

/** What there is comes before what happened to it, and that before the sums. */
function entryFacts(state: ClusterState): Fact[] {
  const { marks } = state;
  const facts: Fact[] = marks.hasNewSettings ? [settingsFact(state)] : [];
  for (const role of marks.roleShares) facts.push(roleFact(state, role));
  for (const framework of marks.frameworkShares.values()) {
    facts.push(frameworkShareFact(state, framework));
  }
  for (const agentId of marks.agents) facts.push(agentFact(state, agentId));
  for (const framework of marks.frameworks.values()) facts.push(frameworkFact(state, framework));
  facts.push(...marks.happened.filter((fact) => stillMatters(state, fact)));
  for (const task of marks.revocations.values()) facts.push(revocationFact(state, task));
  for (const { framework, role } of marks.usages.values()) {
    facts.push(usageFact(state, framework, role));
  }
  for (const framework of marks.outstanding.values()) {
    facts.push(outstandingFact(state, framework));
  }
  for (const agentId of marks.freeAgents) {
    const agent = state.agents.get(agentId);
    if (agent === undefined || !isOffered(agent) || marks.agents.has(agentId)) continue;
    facts.push({ kind: 'agentFree', agentId, ...freeOf(state, agent) });
  }
  if (marks.decided !== undefined) facts.push({ kind: 'decided', proposalNumber: marks.decided });
  return facts;
}

/** An allocator that was told that somebody is away keeps no filters of it. */
function stillMatters(state: ClusterState, fact: Happened): boolean {
  if (state.frameworks.get(frameworkKey(fact.framework))?.state !== 'subscribed') return false;
  if (fact.kind === 'filtersCleared') return true;
  const agent = state.agents.get(fact.agentId);
  return agent !== undefined && isOffered(agent);
}

function settingsFact(state: ClusterState): Fact {
  return { kind: 'settings', ...allocationSettings(state.record.settings) };
}

/** Those that the allocator goes by. */
export function allocationSettings({
  outstandingCapPermille,
  reclaims,
  starvationMs,
  minAllocatable,
  placement,
  uncounted,
}: ClusterSettings) {
  return {
    ...{ outstandingCapPermille, reclaims, starvationMs, minAllocatable, placement },
    ...(uncounted && { uncounted }),
  };
}

/** With the defaults where nothing is set any more. */
function roleFact(state: ClusterState, role: RoleName): Fact {
  return { kind: 'role', role, ...roleSharesOf(state.roleSettings.get(role)) };
}

function frameworkShareFact(state: ClusterState, framework: FrameworkRef): Fact {
  const record = state.frameworkSettings.get(frameworkKey(framework));
  return { kind: 'frameworkShare', framework, ...sharesOf(record) };
}

function agentFact(state: ClusterState, agentId: AgentId): Fact {
  const agent = state.agents.get(agentId);
  if (agent === undefined || !isOffered(agent)) return { kind: 'agentAway', agentId };
  const { hostname, domain, total, attributes } = agent;
  return {
    kind: 'agent',
    agentId,
    hostname,
    ...(domain !== undefined && { domain }),
    total,
    ...freeOf(state, agent),
    attributes,
  };
}

/** Of an agent that has less than what is held on it, nothing is free. */
function freeOf(
  state: ClusterState,
  agent: AgentRecord,
): {
  free: Resources;
  revocable?: Resources;
  reservations: FreeReservation[];
  offered?: Resources['scalars'];
} {
  if (agent.isOvercommitted) return { free: NO_RESOURCES, reservations: [] };
  const book = state.books.agents.get(agent.agentId);
  const reservations: FreeReservation[] = [];
  for (const key of book?.reservations ?? []) {
    const record = state.reservations.get(key);
    if (record === undefined) continue;
    const resources = state.books.freeOfReservation(record);
    const { reservationId, role } = record;
    const volumesDisk = state.books.reservations.freeVolumesMib(record) * MILLI;
    if (isEmpty(resources) && volumesDisk === 0) continue;
    reservations.push({ reservationId, role, resources, ...(volumesDisk > 0 && { volumesDisk }) });
  }
  reservations.sort((a, b) => compare(a.role, b.role) || compare(a.reservationId, b.reservationId));
  const revocable = state.books.freeRevocable(agent);
  const offered = book?.offered.scalars ?? {};
  return {
    free: state.books.free(agent),
    ...(!isEmpty(revocable) && { revocable }),
    reservations,
    ...(Object.keys(offered).length > 0 && { offered }),
  };
}

function frameworkFact(state: ClusterState, framework: FrameworkRef): Fact {
  const record = state.frameworks.get(frameworkKey(framework));
  if (record?.state !== 'subscribed') return { kind: 'frameworkAway', framework };
  const maxOffers = maxOffersOf(record);
  const roles = record.roles.map(({ role, isSuppressed }) => {
    const needs = openNeeds(state, record, role);
    return { role, isSuppressed, ...(needs !== undefined && { needs }) };
  });
  return {
    kind: 'framework',
    framework,
    roles,
    ...(maxOffers !== undefined && { maxOffers }),
    ...(record.takesRevocable === true && { takesRevocable: true }),
  };
}

function usageFact(state: ClusterState, framework: FrameworkRef, role: RoleName): Fact {
  const sums = state.books.frameworks.get(frameworkKey(framework))?.usage.get(role);
  return { kind: 'usage', framework, role, scalars: sums?.toScalars() ?? {} };
}

function revocationFact(state: ClusterState, task: TaskRef): Fact {
  const record = state.revocations.get(taskKey(task));
  if (record === undefined) return { kind: 'revoked', task };
  const { role, agentId, resources, beneficiary, reason } = record;
  return { kind: 'revoking', task, role, agentId, resources, beneficiary, reason };
}

function outstandingFact(state: ClusterState, framework: FrameworkRef): Fact {
  const book = state.books.frameworks.get(frameworkKey(framework));
  const scalars = book?.offered.toScalars() ?? {};
  return { kind: 'outstanding', framework, offers: book?.offers.size ?? 0, scalars };
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

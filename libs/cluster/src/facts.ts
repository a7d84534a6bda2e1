// Owns the facts for the allocator: those of one entry, and all of them for one that asks anew.
// They are absolute: one that is applied twice does no harm.
import type { Fact } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { ClusterState } from './cluster-state.ts';
import type { Announcement } from './fact-marks.ts';
import type { FrameworkRecord } from './records.ts';
import { ScalarSums } from './scalar-sums.ts';
import type { Turn } from './turn.ts';

/** At most one message an entry, with the figures as they are at its end. */
export function finishFacts(turn: Turn): void {
  const { state, context } = turn;
  if (state.marks.isEmpty) return;
  const facts = entryFacts(state);
  state.marks.clear();
  if (facts.length === 0) return;
  const { sequence } = context;
  turn.effects.push({ kind: 'facts', sequence, previous: state.record.factsSequence, facts });
  state.change({ factsSequence: sequence });
}

/** All that is true as of the last entry. What was decided of proposals under way is not in it. */
export function allFacts(state: ClusterState): Fact[] {
  const facts: Fact[] = [];
  for (const agent of state.agents.rows()) {
    if (agent.state === 'registered') facts.push(agentFact(state, agent.agentId));
  }
  for (const record of state.frameworks.rows()) {
    if (record.state === 'subscribed') facts.push(frameworkFact(state, record.framework));
    const usage = usageFact(state, record);
    if (Object.keys(usage.scalars).length > 0) facts.push(usage);
  }
  return facts;
}

function entryFacts(state: ClusterState): Fact[] {
  const { announcements, agents, frameworks, decided } = state.marks;
  const facts = announcements.map((announcement) => announcedFact(state, announcement));
  for (const framework of frameworks.values()) {
    const record = state.frameworks.get(frameworkKey(framework));
    if (record !== undefined) facts.push(usageFact(state, record));
  }
  for (const agentId of agents) {
    const agent = state.agents.get(agentId);
    if (agent?.state === 'registered') {
      facts.push({ kind: 'agentFree', agentId, free: state.books.free(agent) });
    }
  }
  if (decided !== undefined) facts.push({ kind: 'decided', proposalNumber: decided });
  return facts;
}

function announcedFact(state: ClusterState, announcement: Announcement): Fact {
  switch (announcement.kind) {
    case 'agent':
      return agentFact(state, announcement.agentId);
    case 'framework':
      return frameworkFact(state, announcement.framework);
    case 'fact':
      return announcement.fact;
    default:
      return unreachable(announcement);
  }
}

function agentFact(state: ClusterState, agentId: AgentId): Fact {
  const agent = state.agents.get(agentId);
  if (agent?.state !== 'registered') return { kind: 'agentAway', agentId };
  const { total, attributes } = agent;
  return { kind: 'agent', agentId, total, free: state.books.free(agent), attributes };
}

function frameworkFact(state: ClusterState, framework: FrameworkRef): Fact {
  const record = state.frameworks.get(frameworkKey(framework));
  if (record?.state !== 'subscribed') return { kind: 'frameworkAway', framework };
  return { kind: 'framework', framework, role: record.role };
}

function usageFact(
  state: ClusterState,
  { framework, role }: FrameworkRecord,
): Extract<Fact, { kind: 'usage' }> {
  const book = state.books.frameworks.get(frameworkKey(framework));
  const sums = new ScalarSums();
  if (book !== undefined) {
    sums.add(book.offered.toScalars());
    sums.add(book.allocated.toScalars());
  }
  return { kind: 'usage', framework, role, scalars: sums.toScalars() };
}

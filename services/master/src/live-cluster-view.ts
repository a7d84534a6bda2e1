// Owns reading the books of the term under way for the master's actor. It holds no state: each call reads
// the state as it is after the last committed entry.

import { standingInBooks } from '@parley/cluster/agent-standing';
import { factsSnapshot, nextDeadlineMs } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import {
  compareReport,
  type FrameworkComparison,
  type ReportedFramework,
} from '@parley/cluster/framework-report';
import type { ClusterSettings, Order } from '@parley/cluster/inputs';
import { orderToSend } from '@parley/cluster/order-book';
import { isWorthAnEntry } from '@parley/cluster/revocable-resources';
import { revocationCandidates } from '@parley/cluster/revocation-candidates';
import type { Fact } from '@parley/protocol/allocation';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type OfferId,
  type PrincipalName,
  type RoleName,
  type TaskRef,
  taskKey,
  type WindowId,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { CandidatesAnswer, CandidatesQuestion } from '@parley/protocol/revocations';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type {
  ClusterView,
  Place,
  RegisteredAgent,
  StreamPosition,
  SubscribedFramework,
} from './cluster-view.ts';

export class LiveClusterView implements ClusterView {
  readonly #state: () => ClusterState;

  constructor(state: () => ClusterState) {
    this.#state = state;
  }

  settings(): ClusterSettings {
    return this.#state().record.settings;
  }

  reporters(): number {
    const { agents, frameworks } = this.#state();
    return agents.size + frameworks.size;
  }

  isSubscribed(framework: FrameworkRef): boolean {
    return this.#state().frameworks.get(frameworkKey(framework))?.state === 'subscribed';
  }

  *subscribedFrameworks(): Generator<SubscribedFramework> {
    for (const { framework, session, lastNumber, state } of this.#state().frameworks.rows()) {
      if (state === 'subscribed') yield { ref: framework, session, lastNumber };
    }
  }

  frameworkRoles(framework: FrameworkRef): readonly RoleName[] | undefined {
    const record = this.#state().frameworks.get(frameworkKey(framework));
    return record?.roles.map(({ role }) => role);
  }

  oldestEvent(framework: FrameworkRef): number | undefined {
    return this.#state().eventSpans.oldest(frameworkKey(framework));
  }

  offerPlace(framework: FrameworkRef, offerId: OfferId): Place | undefined {
    const offer = this.#state().offers.get(offerId);
    if (offer === undefined || frameworkKey(offer.framework) !== frameworkKey(framework))
      return undefined;
    return { role: offer.role, agentId: offer.agentId };
  }

  taskPlace(task: TaskRef): Place | undefined {
    const record = this.#state().tasks.get(taskKey(task));
    return record && { role: record.role, agentId: record.agentId };
  }

  hasEndedOn(agentId: AgentId, task: TaskRef): boolean {
    const ended = this.#state().ended.get(taskKey(task));
    return ended?.agentId === agentId && ended.state !== 'gone';
  }

  windowAgents(windowId: WindowId): readonly AgentId[] {
    return this.#state().maintenance.get(windowId)?.agents ?? [];
  }

  compareReport(reported: ReportedFramework): FrameworkComparison | undefined {
    return compareReport(this.#state(), reported);
  }

  isConfirming(framework: FrameworkRef, session: number, number: number): boolean {
    const state = this.#state();
    const key = frameworkKey(framework);
    const record = state.frameworks.get(key);
    if (record?.state !== 'subscribed' || record.session !== session) return false;
    if (number <= record.confirmedNumber || number > record.lastNumber) return false;
    const outstanding = [...(state.books.frameworks.get(key)?.offers ?? [])];
    return outstanding.some((offerId) => {
      const told = state.offers.get(offerId)?.number ?? 0;
      return told > record.confirmedNumber && told <= number;
    });
  }

  oversubscriptionNews(agentId: AgentId, revocable: Resources): number | undefined {
    const state = this.#state();
    const agent = state.agents.get(agentId);
    if (agent?.state !== 'registered') return undefined;
    return isWorthAnEntry(state, agent, revocable) ? agent.registration : undefined;
  }

  standingOf(agentId: AgentId): string | undefined {
    return standingInBooks(this.#state(), agentId);
  }

  isRegistered(agentId: AgentId): boolean {
    return this.#state().agents.get(agentId)?.state === 'registered';
  }

  *registeredAgents(): Generator<RegisteredAgent> {
    for (const { agentId, registration, state } of this.#state().agents.rows()) {
      if (state === 'registered') yield { agentId, registration };
    }
  }

  registeredAgentCount(): number {
    return this.#state().books.registeredAgents;
  }

  registrationOf(agentId: AgentId): number | undefined {
    const agent = this.#state().agents.get(agentId);
    return agent?.state === 'registered' ? agent.registration : undefined;
  }

  *streamPositions(): Generator<StreamPosition> {
    for (const { principal, createdMs, readUpTo } of this.#state().streams.rows()) {
      yield { principal, createdMs, sequence: readUpTo };
    }
  }

  *principals(): Generator<PrincipalName> {
    for (const { framework } of this.#state().frameworks.rows()) yield framework.principal;
  }

  awaitedOrder(orderId: string): Order | undefined {
    return this.#state().orders.get(orderId)?.order;
  }

  order(orderId: string): Order | undefined {
    return orderToSend(this.#state(), orderId);
  }

  unwrittenUpdate(key: string): StatusUpdate | undefined {
    return this.#state().unwritten.get(key)?.update;
  }

  *unwrittenOf(task: TaskRef): Generator<StatusUpdate> {
    const { unwritten, unwrittenByTask } = this.#state();
    for (const key of unwrittenByTask.get(taskKey(task)) ?? []) {
      const update = unwritten.get(key)?.update;
      if (update !== undefined) yield update;
    }
  }

  facts(): { sequence: number; facts: readonly Fact[] } {
    const state = this.#state();
    return { sequence: state.record.factsSequence, facts: factsSnapshot(state) };
  }

  candidates(about: Omit<CandidatesQuestion, 'question'>): Omit<CandidatesAnswer, 'question'> {
    const state = this.#state();
    return { sequence: state.record.factsSequence, tasks: revocationCandidates(state, about) };
  }

  nextDeadlineMs(): number | undefined {
    return nextDeadlineMs(this.#state());
  }
}

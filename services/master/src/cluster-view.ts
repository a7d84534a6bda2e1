// Owns what the master's actor reads of the books between two commits. It never changes them.
import type { FrameworkComparison, ReportedFramework } from '@parley/cluster/framework-report';
import type { ClusterSettings, Order } from '@parley/cluster/inputs';
import type { Fact } from '@parley/protocol/allocation';
import type {
  AgentId,
  FrameworkRef,
  OfferId,
  PrincipalName,
  RoleName,
  TaskRef,
  WindowId,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { CandidatesAnswer, CandidatesQuestion } from '@parley/protocol/revocations';
import type { StatusUpdate } from '@parley/protocol/tasks';

export type SubscribedFramework = {
  readonly ref: FrameworkRef;
  readonly session: number;
  readonly lastNumber: number;
};
export type RegisteredAgent = { readonly agentId: AgentId; readonly registration: number };
export type StreamPosition = {
  readonly principal: PrincipalName;
  readonly createdMs: number;
  readonly sequence: number;
};

/** For whom and where. */
export type Place = { readonly role: RoleName; readonly agentId: AgentId };

export interface ClusterView {
  /** Agents and frameworks that tell a new leader what they have. */
  reporters(): number;
  settings(): ClusterSettings;
  /** Frameworks whose session is alive. */
  subscribedFrameworks(): Iterable<SubscribedFramework>;
  isSubscribed(framework: FrameworkRef): boolean;
  /** The roles of a framework in the books; undefined when it is not there. */
  frameworkRoles(framework: FrameworkRef): readonly RoleName[] | undefined;
  /** Id of the oldest event that the framework has not acknowledged. */
  oldestEvent(framework: FrameworkRef): number | undefined;
  /** Of an offer of this framework that has not ended. */
  offerPlace(framework: FrameworkRef, offerId: OfferId): Place | undefined;
  /** Of a task that has not ended. */
  taskPlace(task: TaskRef): Place | undefined;
  /** By that agent's own word, and lately: the leader's verdict that a task is gone does not count. */
  hasEndedOn(agentId: AgentId, task: TaskRef): boolean;
  /** Of a maintenance window that is not over; none of one that is not there. */
  windowAgents(windowId: WindowId): readonly AgentId[];
  /** What a framework believes to be in the books, with them; undefined when its report says nothing about these. */
  compareReport(reported: ReportedFramework): FrameworkComparison | undefined;
  /** Whether the books learn of an outstanding offer that the session has seen all messages up to this number. */
  isConfirming(framework: FrameworkRef, session: number, number: number): boolean;
  /**
   * The registration of an agent whose word about its revocable resources is to be journalled; undefined when the books
   * say about the same, or the agent is not registered.
   */
  oversubscriptionNews(agentId: AgentId, revocable: Resources): number | undefined;
  /** What a registered agent says of itself where it has and runs what the books say (agent-standing.ts of the protocol). */
  standingOf(agentId: AgentId): string | undefined;
  /** Neither unreachable, nor gone, nor unknown. */
  isRegistered(agentId: AgentId): boolean;
  /** Those that are. */
  registeredAgents(): Iterable<RegisteredAgent>;
  registeredAgentCount(): number;
  /** Of an agent that is registered. */
  registrationOf(agentId: AgentId): number | undefined;
  /** How far each principal's update stream is journalled; those never read are missing. */
  streamPositions(): Iterable<StreamPosition>;
  /** Principals of all frameworks in the books. */
  principals(): Iterable<PrincipalName>;
  /** As it stands now; undefined when it must not be sent, or not again. */
  order(orderId: string): Order | undefined;
  /** Likewise, also when it must not be sent again; undefined when nothing waits for its answer any more. */
  awaitedOrder(orderId: string): Order | undefined;
  /** One of the leader's own that was not read back yet, by task and sequence; undefined when nobody needs it. */
  unwrittenUpdate(key: string): StatusUpdate | undefined;
  /** All of the leader's own on a task that were not read back yet. */
  unwrittenOf(task: TaskRef): Iterable<StatusUpdate>;
  /** All facts, and the sequence of the last facts message, which the next one names as its `previous`. */
  facts(): { readonly sequence: number; readonly facts: readonly Fact[] };
  /** Tasks that could be taken back, agent by agent, the cheapest first, and the sequence as in `facts`. */
  candidates(about: Omit<CandidatesQuestion, 'question'>): Omit<CandidatesAnswer, 'question'>;
  /** Core time of the next deadline, if any, and core time now. */
  nextDeadlineMs(): number | undefined;
}

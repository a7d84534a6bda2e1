// Owns what those who may lead tell each other: signs of life, who stands by, and what operators ask about it.
import * as z from 'zod';
import { Epoch } from './epoch.ts';
import { ActorId, AgentId, Token } from './ids.ts';

/**
 * `opening`: has the lease, nothing of its term is journalled yet. `leaving`: hands over, takes no more requests.
 * `left`: its lease is released, who hears it may take it at once.
 */
export const LeadershipPhase = z.enum(['following', 'opening', 'leading', 'leaving', 'left']);
export type LeadershipPhase = z.infer<typeof LeadershipPhase>;

/** The state's hash after one entry: equal on everybody who has stepped that entry, or somebody is wrong. */
export const StateMark = z.object({ sequence: z.int().min(0), hash: z.string().max(128) });
export type StateMark = z.infer<typeof StateMark>;

/** What a master holds of the books. */
export const BooksStanding = z.object({
  /** Of the last journal entry that it has stepped. */
  sequence: z.int().min(0),
  /** Entries that it knows of and has not stepped yet. */
  lagEntries: z.int().min(0),
  /** The newest rules that it knows. */
  rulesVersion: z.int().min(1),
  /** Those of the last entry that it has stepped; absent from releases that know one version. */
  rulesInForce: z.int().min(1).optional(),
  /** The newest one; absent until an entry that is compared was stepped. */
  mark: StateMark.optional(),
  /** The newest snapshot that this one has written as a standby. */
  snapshot: StateMark.optional(),
  /** How often its state was another one than the leader's. */
  differences: z.int().min(0),
  /** False when it differed again after it was made anew: it leads only when nobody else can. */
  isFit: z.boolean(),
});
export type BooksStanding = z.infer<typeof BooksStanding>;

/** Several times a second from who leads, every second from who stands by. The leader's epoch stands in the envelope. */
export const LeadershipBeat = z.object({
  id: ActorId,
  phase: LeadershipPhase,
  /** Of the release that it runs. */
  version: z.string().max(64),
  /** Since its first sign of life, which it gives soon after it was started; absent from earlier releases. */
  upMs: z.int().min(0).optional(),
  books: BooksStanding.optional(),
  /** From the leader: who writes the snapshots. */
  snapshotWriter: ActorId.optional(),
});
export type LeadershipBeat = z.infer<typeof LeadershipBeat>;

/** Every few seconds from each gateway, and once more with `isLeaving` when it is told to stop. */
export const GatewayBeat = z.object({
  /** Of its process: several may run with one credential, and one that is started again is another. */
  instance: Token,
  /** Of the release that it runs. */
  version: z.string().max(64),
  /** Where it answers, as it was told to. */
  url: z.string().max(256),
  /** Of the agent for whose executors it is there; absent of one for everybody. */
  agentId: AgentId.optional(),
  /** Since it was started. */
  upMs: z.int().min(0),
  isLeaving: z.boolean().optional(),
});
export type GatewayBeat = z.infer<typeof GatewayBeat>;

/** Answered only by who leads, so that "no responders" tells that nobody does. */
export const LeaderPong = z.object({ id: ActorId });
export type LeaderPong = z.infer<typeof LeaderPong>;

export const MasterStanding = LeadershipBeat.omit({ snapshotWriter: true }).extend({
  /** Since it was heard last. */
  silentMs: z.int().min(0),
});
export type MasterStanding = z.infer<typeof MasterStanding>;

/** Since the term began: who of those in the books was heard, and what they said that was not in the books. */
export const TakeoverCensus = z.object({
  agents: z.int().min(0),
  agentsHeard: z.int().min(0),
  frameworks: z.int().min(0),
  frameworksHeard: z.int().min(0),
  /** Run by an agent and not in the books: killed. */
  unknownTasks: z.int().min(0),
  unknownExecutors: z.int().min(0),
  /** In the books and not known to their agent: gone. */
  forgottenTasks: z.int().min(0),
  /** In another state than the books say after the same update of the agent. The books keep what the update said. */
  differingTasks: z.int().min(0).optional(),
  /** Agents on which tasks and executors hold other amounts than the books say. The books keep what was accepted. */
  differingAgents: z.int().min(0).optional(),
  /** Frameworks whose roles were others in the books: they are asked to name them again. */
  differingRoles: z.int().min(0).optional(),
  /** Calls that a framework holds for done and that are not in the books: acknowledged work is lost. */
  lostCalls: z.int().min(0).optional(),
  /** In the first reports of frameworks: not answered yet. They are repeated, and answered. */
  openCalls: z.int().min(0).optional(),
  /** Of these the books had the answer: it was lost on its way, and is given again. */
  answeredCalls: z.int().min(0).optional(),
});
export type TakeoverCensus = z.infer<typeof TakeoverCensus>;

/** The leader first, then those who were heard lately, by id. */
export const MasterList = z.object({
  epoch: Epoch,
  masters: z.array(MasterStanding).max(1000),
  census: TakeoverCensus.optional(),
});
export type MasterList = z.infer<typeof MasterList>;

/** Of the leader that is meant: asked again after a lost answer, the next one does not step down as well. */
export const StepDownRequest = z.object({ epoch: Epoch });
export type StepDownRequest = z.infer<typeof StepDownRequest>;

export const StepDownResult = z.object({
  /** Who was told to hand over. */
  id: ActorId,
  epoch: Epoch,
});
export type StepDownResult = z.infer<typeof StepDownResult>;

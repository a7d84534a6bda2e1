// Owns the shapes of revocation: what the allocator asks of the master and proposes, what an agent is told to ask of a
// task, and what comes back. What is checked and when a task is killed is in @parley/cluster.
import * as z from 'zod';
import { Constraints } from './constraints.ts';
import { AgentId, FrameworkRef, RoleName, TaskRef } from './ids.ts';
import { Resources } from './resources.ts';
import { Quantities } from './sharing.ts';

/**
 * Whether tasks may run on revocable resources: `also`, where an agent has no others for them; `only`, on nothing else.
 * Where nothing is said they may not.
 */
export const RevocableUse = z.enum(['also', 'only']);
export type RevocableUse = z.infer<typeof RevocableUse>;

/** A framework in one of its roles. */
export const Sharer = z.object({ framework: FrameworkRef, role: RoleName });
export type Sharer = z.infer<typeof Sharer>;

/** A live task that the allocator may name as a victim. One of a group stands for all of it, with what all of them hold. */
export const RevocableTask = z.object({
  task: TaskRef,
  agentId: AgentId,
  role: RoleName,
  /** Reserved ones included, revocable ones not. */
  resources: Resources,
  /** Its framework's own: the lowest goes first. */
  priority: z.int(),
  /** Core time of its launch: the youngest goes first. */
  launchedAtMs: z.int(),
});
export type RevocableTask = z.infer<typeof RevocableTask>;

/** Why somebody is to give back: a guarantee is not met, or a client was starved, or revocable resources are used. */
export const RevocationReason = z.enum(['belowGuarantee', 'starved', 'oversubscribed']);
export type RevocationReason = z.infer<typeof RevocationReason>;

/** The allocator's proposal to take a task's resources back; the master checks it like any other. */
export const Revocation = z.object({
  task: TaskRef,
  agentId: AgentId,
  beneficiary: Sharer,
  reason: RevocationReason,
});
export type Revocation = z.infer<typeof Revocation>;

/** `calledOff`: tasks of revocations under way that nobody needs any more; those that have begun to end go on. */
export const RevocationsMessage = z.object({
  revocations: z.array(Revocation).max(1000),
  calledOff: z.array(TaskRef).max(1000).default([]),
});
export type RevocationsMessage = z.infer<typeof RevocationsMessage>;

/** A need that fits nowhere: for one task of it something is to be freed on one agent that meets the constraints. */
export const UnplacedNeed = z.object({ resources: Resources, constraints: Constraints });
export type UnplacedNeed = z.infer<typeof UnplacedNeed>;

/**
 * Which tasks of these holders could be taken back for the beneficiary, so that its needs fit: `question` comes back with
 * the answer. Only those are named of which all that comes back may be given to it.
 */
export const CandidatesQuestion = z.object({
  question: z.int().min(1),
  /** Those first that are most above their share. `spare`: of what is named in it no more than that may be taken of one. */
  holders: z.array(Sharer.extend({ spare: Quantities })).max(1000),
  beneficiary: Sharer,
  needs: z.array(UnplacedNeed).min(1).max(8),
  /** Agents of which the beneficiary refuses what would come back; absent: none. */
  notOn: z.array(AgentId).max(1000).optional(),
  /** Whether what is free beside them on an agent may be given to the beneficiary, too: not where its roles are full. */
  mayUseFree: z.boolean(),
  /** Tasks that are named at most. */
  limit: z.int().min(1).max(1000),
});
export type CandidatesQuestion = z.infer<typeof CandidatesQuestion>;

/**
 * Agent by agent, those first where one of the needs takes the least dear tasks; on each the lowest priority first, then
 * the youngest. As of the journal entry `sequence`.
 */
export const CandidatesAnswer = z.object({
  question: z.int().min(1),
  sequence: z.int().min(0),
  tasks: z.array(RevocableTask).max(1000),
});
export type CandidatesAnswer = z.infer<typeof CandidatesAnswer>;

/**
 * A command is told to end, as by a kill with this grace. A custom executor is asked, and answers or stays silent.
 * `isCalledOff`: what was asked of an executor before does not count any more.
 */
export const AskToStopOrder = z.object({
  task: TaskRef,
  graceMs: z.int().min(0),
  isCalledOff: z.boolean().default(false),
});
export type AskToStopOrder = z.infer<typeof AskToStopOrder>;

/** `needsTime`: so many milliseconds from now until the task can end without loss. */
export const StopAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stopping') }),
  z.object({
    kind: z.literal('needsTime'),
    needMs: z
      .int()
      .min(0)
      .max(24 * 3600 * 1000),
  }),
]);
export type StopAnswer = z.infer<typeof StopAnswer>;

/** Agent to leader, repeated until answered. */
export const StopAnswered = z.object({ task: TaskRef, answer: StopAnswer });
export type StopAnswered = z.infer<typeof StopAnswered>;

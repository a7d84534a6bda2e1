// Owns what operators ask of the leader and of any service.
import * as z from 'zod';
import { AgentId, FrameworkRef, RoleName, TaskRef } from './ids.ts';
import { Operation } from './offers.ts';
import { Placement, Quantities, Weight } from './sharing.ts';

export const OperatorKillRequest = z.object({ task: TaskRef, graceMs: z.int().min(0).optional() });
export type OperatorKillRequest = z.infer<typeof OperatorKillRequest>;

export const OperatorTeardownRequest = z.object({ framework: FrameworkRef });
export type OperatorTeardownRequest = z.infer<typeof OperatorTeardownRequest>;

const DAY_MS = 24 * 3600 * 1000;

/** `graceMs`: between asking a task to stop and killing it; absent: each task's own. */
export const Emptying = z.object({
  graceMs: z.int().min(0).max(DAY_MS).optional(),
  /** Once nothing runs on it any more it is declared gone. */
  marksGone: z.boolean().default(false),
});
export type Emptying = z.infer<typeof Emptying>;

/**
 * `deactivate`: no more offers of it, its tasks go on. `drain`: likewise, because it is to be emptied; `reason` says to
 * people what for. `reactivate` ends both. `gone`: it will never come back; its tasks are gone, and an agent of this id
 * is refused from then on.
 * `emptying`: of a drain, its tasks are asked to stop; absent: they go on until they end. Mesos docs, "Agent draining".
 */
export const OperatorAgentRequest = z.object({
  agentId: AgentId,
  change: z.enum(['deactivate', 'drain', 'reactivate', 'gone']),
  reason: z.string().max(256).optional(),
  emptying: Emptying.optional(),
});
export type OperatorAgentRequest = z.infer<typeof OperatorAgentRequest>;

/** Reservations and volumes of a role on one agent; offers that hold what is needed are rescinded. No launches. */
export const OperatorOperateRequest = z.object({
  agentId: AgentId,
  role: RoleName,
  operation: Operation,
});
export type OperatorOperateRequest = z.infer<typeof OperatorOperateRequest>;

/** Of one guarantee or limit. */
const MAX_SCALARS = 64;
const fewScalars = (quantities: Quantities): boolean =>
  Object.keys(quantities).length <= MAX_SCALARS;
const FEW_SCALARS = `must name at most ${MAX_SCALARS} resources`;

/** Replaces what was set; null sets it back to the default; absent: it stays. A guarantee of 0 is none. */
const SHARES = {
  weight: Weight.nullable().optional(),
  guarantee: Quantities.refine(fewScalars, FEW_SCALARS).nullable().optional(),
  limit: Quantities.refine(fewScalars, FEW_SCALARS).nullable().optional(),
};

/** Beside its kind and whom it is about. */
const setsSomething = (change: object): boolean =>
  Object.values(change).filter((value) => value !== undefined).length > 2;

export const SharingChange = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('role'),
      role: RoleName,
      ...SHARES,
      minAllocatable: Quantities.refine(fewScalars, FEW_SCALARS).nullable().optional(),
      placement: Placement.nullable().optional(),
    }),
    /** Over all roles of the framework, which need not have subscribed yet. */
    z.object({ kind: z.literal('framework'), framework: FrameworkRef, ...SHARES }),
  ])
  .refine(setsSomething, 'must set or clear something');
export type SharingChange = z.infer<typeof SharingChange>;

/**
 * All or nothing; judged together, as the result of all of them. `force`: though a guarantee is more than the
 * registered agents have, a limit is below what is in use, or no agent has such a resource.
 */
export const OperatorSharingRequest = z.object({
  changes: z.array(SharingChange).min(1).max(1000),
  force: z.boolean().default(false),
});
export type OperatorSharingRequest = z.infer<typeof OperatorSharingRequest>;

export const OperatorSharingResult = z.object({
  /** Unanswered offers that were taken back because they passed a new limit. */
  rescindedOffers: z.int().min(0),
});
export type OperatorSharingResult = z.infer<typeof OperatorSharingResult>;

export const LogLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error']);
export type LogLevel = z.infer<typeof LogLevel>;
export const LogLevelRequest = z.object({ level: LogLevel });
export type LogLevelRequest = z.infer<typeof LogLevelRequest>;
export const LogLevelResult = z.object({ previous: LogLevel, level: LogLevel });
export type LogLevelResult = z.infer<typeof LogLevelResult>;

/** Which roles a principal may use; kept in the principals bucket under its name. `*` allows any. */
export const PrincipalRecord = z.object({ roles: z.array(z.string()).min(1) });
export type PrincipalRecord = z.infer<typeof PrincipalRecord>;

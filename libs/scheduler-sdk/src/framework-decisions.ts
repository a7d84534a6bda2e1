// Owns what a framework's plan is told and what it decides. Types only.
import type { Outcome } from '@parley/protocol/errors';
import type { Demand } from '@parley/protocol/frameworks';
import type { AgentId, RoleName, TaskId } from '@parley/protocol/ids';
import type {
  AcceptResult,
  DeclineReason,
  Filter,
  Offer,
  OperationInput,
} from '@parley/protocol/offers';
import type { FrameworkUpdate } from './framework-update.ts';
import type { ReasonCount } from './placement/placement-reason.ts';

export type PlanDecision =
  /** Answered by `accepted` with the same id, whatever comes of it. */
  | {
      readonly kind: 'accept';
      readonly acceptId: number;
      readonly offers: readonly Offer[];
      readonly operations: readonly OperationInput[];
      readonly filter: Filter;
    }
  | {
      readonly kind: 'decline';
      readonly offers: readonly Offer[];
      readonly filter: Filter;
      readonly reason: DeclineReason;
    }
  | { readonly kind: 'kill'; readonly taskId: TaskId; readonly agentId?: AgentId }
  /** Undefined: the framework states none, and is offered whole agents. */
  | { readonly kind: 'demand'; readonly demand: Demand | undefined }
  | { readonly kind: 'suppress' | 'revive'; readonly roles: readonly RoleName[] }
  /** About work of which no status update tells. */
  | { readonly kind: 'tell'; readonly update: FrameworkUpdate };

export type AcceptAnswer = { readonly acceptId: number; readonly outcome: Outcome<AcceptResult> };

/** Keys by state. */
export type FrameworkCounts = Readonly<Record<Exclude<Explanation['state'], 'unknown'>, number>>;

export type Explanation = {
  readonly key: string;
  readonly state: /** Not desired, and nothing of it runs. */
    | 'unknown'
    /** What runs is not known yet. */
    | 'recovering'
    | 'waiting'
    /** It ended without success and waits to be tried again. */
    | 'backoff'
    | 'staging'
    | 'running'
    | 'unreachable'
    | 'killing'
    | 'done'
    /** Not tried again: see `problem`. */
    | 'quarantined';
  /** Of `waiting`: why the offers of late were of no use. */
  readonly reasons: readonly ReasonCount[];
  readonly problem?: string;
  readonly taskIds: readonly TaskId[];
  /** Of `backoff`: when it is tried again; of `waiting` for a nearer place: until then. */
  readonly untilMs?: number;
};

// Owns the vocabulary of what happened in a cluster. Events are derived by stepping the journal, never
// written; whoever follows numbers them (journal sequence, index). Console, progress lines and replay read them.
import type { MaintenanceState } from '@parley/lifecycle/transitions';
import type { Epoch } from '@parley/protocol/epoch';
import type { ExecutorEnd } from '@parley/protocol/frameworks';
import type {
  ActorId,
  AgentId,
  ExecutorId,
  ExecutorRef,
  FrameworkRef,
  OfferId,
  PrincipalName,
  ReservationId,
  RoleName,
  TaskRef,
  WindowId,
} from '@parley/protocol/ids';
import type { InverseOfferAnswer } from '@parley/protocol/maintenance';
import type { DeclineReason, RescindReason } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { RevocationReason, Sharer, StopAnswer } from '@parley/protocol/revocations';
import type { TaskReason, TaskState } from '@parley/protocol/tasks';
import type { AgentComparison } from './agent-report.ts';
import type { RoleShares, Shares } from './records.ts';

export type ClusterEvent =
  | { readonly type: 'termStarted'; readonly epoch: Epoch; readonly masterId: ActorId }
  /** All masters know the newer rules: they hold from this entry on. */
  | { readonly type: 'rulesRaised'; readonly before: number; readonly after: number }
  | {
      readonly type: 'agentRegistered';
      readonly agentId: AgentId;
      readonly hostname: string;
      readonly total: Resources;
      readonly returned: boolean;
    }
  /** What it says of tasks that the books know is not what they say: of their states, or of what is held there. */
  | ({ readonly type: 'agentDiffers'; readonly agentId: AgentId } & AgentComparison)
  | { readonly type: 'agentUnreachable'; readonly agentId: AgentId }
  | { readonly type: 'agentGone'; readonly agentId: AgentId }
  | { readonly type: 'agentDeactivated'; readonly agentId: AgentId }
  | {
      readonly type: 'agentDraining';
      readonly agentId: AgentId;
      readonly reason: string;
      /** Its tasks are asked to stop; absent: they go on. */
      readonly isEmptied?: true;
      readonly graceMs?: number;
    }
  /** It was to be emptied, and nothing runs on it any more. */
  | { readonly type: 'agentDrained'; readonly agentId: AgentId }
  /** `planned`: it was scheduled. `by`: the operator who did it, where it was not the time. */
  | {
      readonly type: 'maintenanceChanged';
      readonly windowId: WindowId;
      readonly to: MaintenanceState;
      readonly agents: readonly AgentId[];
      readonly startWallTimeMs: number;
      readonly durationMs: number;
      readonly reason: string;
      readonly by?: PrincipalName;
    }
  | {
      readonly type: 'inverseOfferAnswered';
      readonly windowId: WindowId;
      readonly framework: FrameworkRef;
      readonly answer: InverseOfferAnswer['answer'];
      readonly reason?: string;
    }
  | {
      readonly type: 'agentOversubscribed';
      readonly agentId: AgentId;
      readonly revocable: Resources;
    }
  | { readonly type: 'agentReactivated'; readonly agentId: AgentId }
  | {
      readonly type: 'executorLaunched';
      readonly executor: ExecutorRef;
      readonly agentId: AgentId;
      readonly resources: Resources;
    }
  | {
      readonly type: 'executorExited';
      readonly executor: ExecutorRef;
      readonly agentId: AgentId;
      readonly end: ExecutorEnd;
    }
  /** An operator set it: what has changed of it, as it was and as it is. */
  | {
      readonly type: 'roleSharesChanged';
      readonly operator: PrincipalName;
      readonly role: RoleName;
      readonly before: Partial<RoleShares>;
      readonly after: Partial<RoleShares>;
    }
  | {
      readonly type: 'frameworkSharesChanged';
      readonly operator: PrincipalName;
      readonly framework: FrameworkRef;
      readonly before: Partial<Shares>;
      readonly after: Partial<Shares>;
    }
  | {
      readonly type: 'reservationChanged';
      readonly agentId: AgentId;
      readonly role: RoleName;
      readonly reservationId: ReservationId;
      /** Nothing: it was not there. */
      readonly before: Resources;
      /** Nothing: it is no more. */
      readonly resources: Resources;
      /** `operator:olga`, or a framework: `alice/web`. */
      readonly by: string;
    }
  | {
      readonly type: 'frameworkSubscribed';
      readonly framework: FrameworkRef;
      readonly name: string;
      readonly roles: readonly RoleName[];
      readonly session: number;
    }
  | {
      readonly type: 'frameworkUpdated';
      readonly framework: FrameworkRef;
      readonly name: string;
      readonly roles: readonly RoleName[];
    }
  | { readonly type: 'frameworkDisconnected'; readonly framework: FrameworkRef }
  | {
      readonly type: 'frameworkRemoved';
      readonly framework: FrameworkRef;
      readonly reason: 'teardown' | 'teardownByOperator' | 'failoverTimeout';
    }
  /** The framework first holds the smaller of its fair share and its demand. Duration in core time. */
  | {
      readonly type: 'frameworkRampedUp';
      readonly framework: FrameworkRef;
      readonly rampUpMs: number;
    }
  | {
      readonly type: 'offerMade';
      readonly offerId: OfferId;
      readonly framework: FrameworkRef;
      readonly role: RoleName;
      readonly agentId: AgentId;
      readonly resources: Resources;
    }
  | {
      readonly type: 'offerAccepted';
      readonly offerId: OfferId;
      readonly framework: FrameworkRef;
      readonly agentId: AgentId;
      readonly launched: number;
    }
  | {
      readonly type: 'offerDeclined';
      readonly offerId: OfferId;
      readonly framework: FrameworkRef;
      readonly agentId: AgentId;
      readonly refuseMs: number;
      readonly reason?: DeclineReason;
      readonly text?: string;
    }
  | {
      readonly type: 'offerRescinded';
      readonly offerId: OfferId;
      readonly framework: FrameworkRef;
      readonly agentId: AgentId;
      readonly reason:
        | RescindReason
        | 'sessionReplaced'
        | 'frameworkDisconnected'
        | 'frameworkRemoved'
        | 'invalidAccept';
    }
  | {
      readonly type: 'proposalRefused';
      readonly framework: FrameworkRef;
      readonly agentId: AgentId;
      readonly why: string;
    }
  | {
      readonly type: 'taskStateChanged';
      readonly task: TaskRef;
      readonly name: string;
      readonly agentId: AgentId;
      readonly from: TaskState | undefined;
      readonly to: TaskState;
      readonly resources: Resources;
      readonly reason?: TaskReason;
      readonly message?: string;
    }
  | {
      readonly type: 'revocationBegun';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly resources: Resources;
      readonly beneficiary: Sharer;
      readonly reason: RevocationReason;
    }
  /** The allocator asked for what the rules do not allow, or knew less than the books. */
  | {
      readonly type: 'revocationRefused';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly why: string;
    }
  /** `graceMs`: then it is killed, unless an answer asks for more. */
  | {
      readonly type: 'revocationAsked';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly graceMs: number;
    }
  /** `leftMs`: until it is killed. */
  | {
      readonly type: 'revocationAnswered';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly answer: StopAnswer;
      readonly leftMs: number;
    }
  | {
      readonly type: 'revocationKilled';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      /** Nothing had come back to the question. */
      readonly wasSilent: boolean;
    }
  /** Its executor did not end it when it was told to, so that executor is shut down. */
  | {
      readonly type: 'revocationEnforced';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly executorId: ExecutorId;
    }
  | {
      readonly type: 'revocationCalledOff';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly why: string;
    }
  /** The task has ended. Duration in core time since the revocation began. */
  | {
      readonly type: 'revocationOver';
      readonly task: TaskRef;
      readonly agentId: AgentId;
      readonly tookMs: number;
    }
  /** A call or update that a lifecycle does not allow: reported, without effect on the books. */
  | { readonly type: 'protocolViolation'; readonly about: string; readonly what: string };

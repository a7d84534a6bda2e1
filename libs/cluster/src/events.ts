// Owns the vocabulary of what happened in a cluster. Events are derived by stepping the journal, never
// written; whoever follows numbers them (journal sequence, index). Console, progress lines and replay read them.
import type { Epoch } from '@parley/protocol/epoch';
import type { ExecutorEnd } from '@parley/protocol/frameworks';
import type {
  ActorId,
  AgentId,
  ExecutorRef,
  FrameworkRef,
  OfferId,
  ReservationId,
  RoleName,
  TaskRef,
} from '@parley/protocol/ids';
import type { DeclineReason, RescindReason } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { TaskReason, TaskState } from '@parley/protocol/tasks';

export type ClusterEvent =
  | { readonly type: 'termStarted'; readonly epoch: Epoch; readonly masterId: ActorId }
  | {
      readonly type: 'agentRegistered';
      readonly agentId: AgentId;
      readonly hostname: string;
      readonly total: Resources;
      readonly returned: boolean;
    }
  | { readonly type: 'agentUnreachable'; readonly agentId: AgentId }
  | { readonly type: 'agentGone'; readonly agentId: AgentId }
  | { readonly type: 'agentDeactivated'; readonly agentId: AgentId }
  | { readonly type: 'agentDraining'; readonly agentId: AgentId; readonly reason: string }
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
  | {
      readonly type: 'reservationChanged';
      readonly agentId: AgentId;
      readonly role: RoleName;
      readonly reservationId: ReservationId;
      /** Nothing: it is no more. */
      readonly resources: Resources;
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
  /** A call or update that a lifecycle does not allow: reported, without effect on the books. */
  | { readonly type: 'protocolViolation'; readonly about: string; readonly what: string };

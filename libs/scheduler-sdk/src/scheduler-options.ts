// Owns what a framework tells the SDK: who it is, what it wants, and its handlers.
import type { Identity } from '@parley/actor/nats/credential-file';
import type { DemandInput, FrameworkEvent } from '@parley/protocol/frameworks';
import { Demand } from '@parley/protocol/frameworks';
import { FrameworkId, type PrincipalName, RoleName } from '@parley/protocol/ids';
import type { InverseOfferAnswer } from '@parley/protocol/maintenance';
import type { Offer } from '@parley/protocol/offers';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { ReconcileTimes } from './reconciliation.ts';
import type { Scheduler } from './scheduler.ts';
import type { SchedulerCredential } from './scheduler-credential.ts';
import type { SessionOptions } from './session.ts';
import type { MessageOfExecutor } from './session-vocabulary.ts';

const DEFAULT_FAILOVER_MS = 3600_000;

/** Who a framework is, for the driver and for the plain client. */
export type FrameworkOptions = {
  /** Chosen once and kept by a framework that is to survive its scheduler; a fresh one when left out. */
  readonly frameworkId?: string;
  readonly name: string;
  /** Of both: the groups that it shares in. One of the two is given. */
  readonly role?: string;
  readonly roles?: readonly string[];
  /** Roles in which it takes no offers until it revives them. */
  readonly suppressed?: readonly string[];
  /** What it could launch; it is offered just that. Left out: it states none and is offered whatever is free. */
  readonly demand?: DemandInput;
  /** How long tasks go on without a scheduler. An hour when left out. */
  readonly failoverTimeoutMs?: number;
  /** How long an offer may be left unanswered; the cluster's own limit when left out. */
  readonly offerTimeoutMs?: number;
  /** It is also offered what may be taken back at any time, for tasks that say that they are revocable. */
  readonly takesRevocable?: boolean;
};

/** Where a framework's place is: how to get there. */
export type ConnectOptions = {
  /** Path of a credential file, or what it says together with what a NATS file does not say; or what was read of one. */
  readonly credential: string | SchedulerCredential | Identity;
  /** How long to wait for the first answer. 30 s when left out. */
  readonly connectTimeoutMs?: number;
};

/** `inverseOffer`: of one task, taken back for somebody else. `agentInverseOffer`: of agents that are to be maintained. */
export type InverseOffer = Extract<FrameworkEvent, { kind: 'inverseOffer' | 'agentInverseOffer' }>;
/** Nothing: it does not say. */
export type InverseOfferReply = InverseOfferAnswer['answer'] | undefined;

export type SchedulerHandlers = {
  /** What it neither launches on nor declines is declined when it has returned. */
  readonly onOffers: (offers: readonly Offer[], scheduler: Scheduler) => Promise<void> | void;
  /**
   * The update is acknowledged when it has returned; when it throws, the same update comes again. Handlers are called
   * one after the other: one that never returns keeps every later update waiting, which `onError` is told once, after
   * 30 s (as for every handler). An update with the reason
   * `reconciliation` tells what the leader knows and no message told; a task of which it knows nothing is `gone`.
   */
  readonly onUpdate: (update: StatusUpdate, scheduler: Scheduler) => Promise<void> | void;
  readonly onRescind?: (offerIds: readonly Offer['offerId'][], scheduler: Scheduler) => void;
  /** An executor that exited, an agent that went or came back. Acknowledged when it has returned, as updates are. */
  readonly onEvent?: (event: FrameworkEvent, scheduler: Scheduler) => Promise<void> | void;
  /**
   * A task's resources are taken back: it may be ended now (`kill`) or left to be killed. Before `onEvent` is told the
   * same; acknowledged when both have returned. That it may stay after all is an event, `inverseOfferWithdrawn`.
   * Or agents are to be maintained: the tasks there may be moved before the window begins, and `accept` or `decline`
   * tells operators whether the framework does that. Nothing else hangs on the answer.
   */
  readonly onInverseOffer?: (
    asked: InverseOffer,
    scheduler: Scheduler,
  ) => Promise<InverseOfferReply> | Promise<void> | InverseOfferReply | void;
  /** Bytes from one of the framework's executors; may be lost. Not called again when it throws. */
  readonly onMessage?: (message: MessageOfExecutor, scheduler: Scheduler) => Promise<void> | void;
  /** Trouble that is not the end: the scheduler goes on by itself. A process warning when left out. */
  readonly onError?: (error: Error) => void;
  /**
   * Whether offers are wanted now, or in which roles. Asked after each handler and by `checkWanted`: when nothing is
   * wanted any more the leader is told once to send none, and once when something is wanted again.
   */
  readonly wanted?: () => boolean | readonly string[];
};

export type DriverOptions = FrameworkOptions &
  SchedulerHandlers & {
    /** How often it asks by itself what the leader knows of its tasks; it always does after subscribing. */
    readonly reconcile?: ReconcileTimes;
  };
export type SchedulerOptions = DriverOptions & ConnectOptions;

/** Throws a zod error that names what is not valid. */
export function sessionOptionsOf(
  options: FrameworkOptions,
  principal: PrincipalName,
  randomToken: () => string,
): Omit<SessionOptions, 'callerSession'> {
  const { name, role, roles, suppressed = [], demand, offerTimeoutMs } = options;
  const named = roles ?? (role === undefined ? [] : [role]);
  if (named.length === 0) throw new TypeError('a framework needs a role: give `role` or `roles`');
  const id = options.frameworkId ?? `${safeToken(name)}-${randomToken().slice(0, 13)}`;
  return {
    framework: { principal, frameworkId: FrameworkId.parse(id) },
    name,
    roles: named.map((each) => RoleName.parse(each)),
    suppressed: suppressed.map((each) => RoleName.parse(each)),
    demand: demand && Demand.parse(demand),
    failoverTimeoutMs: options.failoverTimeoutMs ?? DEFAULT_FAILOVER_MS,
    ...(offerTimeoutMs !== undefined && { offerTimeoutMs }),
    ...(options.takesRevocable === true && { takesRevocable: true }),
  };
}

const safeToken = (name: string): string =>
  name.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 40) || 'framework';

// Owns what a framework tells the SDK: who it is, and its handlers. Types only.
import type { Demand } from '@parley/protocol/frameworks';
import type { Offer } from '@parley/protocol/offers';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { Scheduler } from './scheduler.ts';
import type { SchedulerCredential } from './scheduler-credential.ts';

type SchedulerHandlers = {
  /** What it neither launches on nor declines is declined when it has returned. */
  readonly onOffers: (offers: readonly Offer[], scheduler: Scheduler) => Promise<void> | void;
  /**
   * The update is acknowledged when it has returned; when it throws, the same update comes again. Handlers are called
   * one after the other: one that never returns keeps every later update waiting.
   */
  readonly onUpdate: (update: StatusUpdate, scheduler: Scheduler) => Promise<void> | void;
  readonly onRescind?: (offerIds: readonly Offer['offerId'][], scheduler: Scheduler) => void;
  /** Trouble that is not the end: the scheduler goes on by itself. A process warning when left out. */
  readonly onError?: (error: Error) => void;
};

export type SchedulerOptions = SchedulerHandlers & {
  /** Path of a credential file, or what it says together with what a NATS file does not say. */
  readonly credential: string | SchedulerCredential;
  /** Chosen once and kept by a framework that is to survive its scheduler; a fresh one when left out. */
  readonly frameworkId?: string;
  readonly name: string;
  readonly role: string;
  readonly demand?: Demand;
  /** How long tasks go on without a scheduler. An hour when left out. */
  readonly failoverTimeoutMs?: number;
  /** How long to wait for the first answer. 30 s when left out. */
  readonly connectTimeoutMs?: number;
};

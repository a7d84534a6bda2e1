// Owns what a framework tells a leader that it believes to stand in the books: calls that were answered and those that
// were not, and its roles. The leader compares; what is missing there was acknowledged and is lost.
import type { Epoch } from '@parley/protocol/epoch';
import { type FrameworkReport, MAX_REPORTED_CALLS } from '@parley/protocol/frameworks';
import type { RoleName } from '@parley/protocol/ids';
import type { CallWindow } from './call-window.ts';
import type { SchedulerRequest } from './session-vocabulary.ts';

/** The latest ones: what is lost is what came last. */
const MAX_ACKNOWLEDGED = 256;
/** Questions, whose answers nobody keeps. */
const READS: ReadonlySet<SchedulerRequest['name']> = new Set(['resync', 'reconcile']);
/** Calls that change the roles, or in which of them offers are taken. */
const OF_ROLES: ReadonlySet<SchedulerRequest['name']> = new Set([
  'subscribe',
  'updateFramework',
  'suppress',
  'revive',
]);

type Standing = {
  /** The latest that was heard. */
  readonly epoch: Epoch;
  readonly roles: readonly RoleName[];
  /** As the leader was told; undefined: it is about to be told otherwise. */
  readonly suppressed: ReadonlySet<RoleName> | undefined;
};

export class ReportBook {
  readonly #window: CallWindow;
  readonly #callerSession: string;
  /** Ascending as they were answered. */
  readonly #acknowledged: number[] = [];
  #subscribedBy: number | undefined;

  constructor(window: CallWindow, callerSession: string) {
    this.#window = window;
    this.#callerSession = callerSession;
  }

  /** A call was answered with success. */
  acknowledged(counter: number, name: SchedulerRequest['name']): void {
    if (READS.has(name)) return;
    if (name === 'subscribe') this.#subscribedBy = counter;
    this.#acknowledged.push(counter);
    if (this.#acknowledged.length > MAX_ACKNOWLEDGED) this.#acknowledged.shift();
  }

  /** Undefined before the first subscription. */
  now({ epoch, roles, suppressed }: Standing): FrameworkReport | undefined {
    const window = this.#window;
    if (this.#subscribedBy === undefined) return undefined;
    return {
      epoch,
      callerSession: this.#callerSession,
      lastCall: window.highest,
      subscribedBy: this.#subscribedBy,
      ...(!this.areRolesUnderWay &&
        suppressed !== undefined && {
          roles: roles.map((role) => ({ role, isSuppressed: suppressed.has(role) })),
        }),
      openCalls: window.openCounters.slice(-MAX_REPORTED_CALLS),
      acknowledgedCalls: [...this.#acknowledged],
    };
  }

  /** What the leader knows of them is about to change. */
  get areRolesUnderWay(): boolean {
    return this.#window.holds(OF_ROLES);
  }
}

// Owns the calls that a session makes by itself beside its user's: the demand stated last, the roles in which offers are
// wanted, acknowledged events, reconciliation. Each keeps its own rule of one call at a time.
import type { SubscribeRequest } from '@parley/protocol/frameworks';
import type { LaunchedTask } from './accept-order.ts';
import { DemandStatement } from './demand-statement.ts';
import { EventInbox } from './event-inbox.ts';
import { OfferInterest } from './offer-interest.ts';
import type { Reconciliation } from './reconciliation.ts';
import type { SchedulerRequest } from './session-vocabulary.ts';

export type OwnCallsOptions = Pick<SubscribeRequest, 'roles' | 'demand'> & {
  readonly suppressed: SubscribeRequest['suppressed'];
  /** Undefined: the user reconciles himself. */
  readonly reconciliation: Reconciliation | undefined;
};

export type OwnCallsAround = {
  readonly running: () => LaunchedTask[];
  readonly lowestOpenAccept: number | undefined;
};

export class OwnCalls {
  readonly demand: DemandStatement;
  readonly interest: OfferInterest;
  readonly events = new EventInbox();
  readonly reconciliation: Reconciliation | undefined;

  constructor({ roles, suppressed, demand, reconciliation }: OwnCallsOptions) {
    this.demand = new DemandStatement(demand);
    this.interest = new OfferInterest(roles, suppressed);
    this.reconciliation = reconciliation;
  }

  /** What a subscription states; what was under way in the session before is void. */
  stateBySubscribing(): Pick<SubscribeRequest, 'suppressed' | 'demand'> {
    this.demand.statedBySubscribing();
    return { ...this.demand.current, suppressed: this.interest.statedBySubscribing() };
  }

  takeDue(nowMs: number, around: OwnCallsAround): SchedulerRequest[] {
    const { running, lowestOpenAccept } = around;
    const due: SchedulerRequest[] = [];
    const demand = this.demand.takeDue(lowestOpenAccept);
    if (demand) due.push({ name: 'demand', body: demand });
    const interest = this.interest.takeDue(nowMs);
    if (interest) due.push(interest);
    const acknowledgement = this.events.takeDue();
    if (acknowledgement) due.push({ name: 'acknowledgeEvents', body: acknowledgement });
    const question = this.reconciliation?.takeDue(nowMs, running);
    if (question) due.push({ name: 'reconcile', body: question });
    return due;
  }

  /** `repeat`: it came to nothing because its session was over, and is to be made again where it still makes sense. */
  ended(call: SchedulerRequest, outcome: 'done' | 'repeat', nowMs: number): void {
    switch (call.name) {
      case 'demand':
        this.demand.callEnded(outcome);
        break;
      case 'suppress':
      case 'revive':
        this.interest.callEnded(call, outcome);
        break;
      case 'acknowledgeEvents':
        this.events.callEnded(outcome);
        break;
      case 'reconcile':
        this.reconciliation?.failed(call.body, nowMs);
        break;
      default:
        break;
    }
  }

  nextMs(): number {
    const never = Number.POSITIVE_INFINITY;
    return Math.min(this.interest.nextMs() ?? never, this.reconciliation?.nextMs() ?? never);
  }
}

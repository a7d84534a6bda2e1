// Owns what is counted of each framework as its events come: offers by what became of them, tasks that ended, and how long
// its ramp-up and its job took (infra/docs/glossary.md). Names are the frameworks' own and come from outside: how many of
// them are told is bounded here.
import type { ClusterEvent } from '@parley/cluster/events';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { type FrameworkKey, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import type { Labels, Metrics } from '@parley/telemetry/metrics';
import type { FollowedCluster } from './live-cluster.ts';

/** Names that are told apart; a registry keeps each for the life of the process. */
export const MAX_NAMES = 200;
/** Under it all others are counted. No principal is called so. */
const OTHERS: Labels = { principal: '', framework: 'other' };

type OfferEvent = Extract<ClusterEvent, { type: `offer${string}` }>['type'];
const OFFER_OUTCOMES: Readonly<Record<OfferEvent, string>> = {
  offerMade: 'made',
  offerAccepted: 'accepted',
  offerDeclined: 'declined',
  offerRescinded: 'rescinded',
};

/** Of a framework that is there. Core time, in milliseconds. */
type Job = {
  readonly labels: Labels;
  readonly submittedAtMs: number;
  /** Undefined: none since the gateway started. */
  updatedAtMs?: number;
};

export class FrameworkMeter {
  readonly #live: Pick<FollowedCluster, 'followed'>;
  readonly #metrics: Metrics;
  readonly #jobs = new Map<FrameworkKey, Job>();
  readonly #counted = new Map<string, Labels>();
  readonly #completions = new LastByName();
  readonly #rampUps = new LastByName();

  constructor(live: Pick<FollowedCluster, 'followed' | 'onEvent' | 'onReset'>, metrics: Metrics) {
    this.#live = live;
    this.#metrics = metrics;
    this.#begin();
    live.onEvent((numbered) => this.#happened(numbered));
    live.onReset(() => this.#begin());
    metrics.gauge('parley_framework_last_job_completion_seconds', () => this.#completions.rows());
    metrics.gauge('parley_framework_last_ramp_up_seconds', () => this.#rampUps.rows());
  }

  /** As many jobs are kept as there are frameworks. */
  #begin(): void {
    this.#jobs.clear();
    for (const { framework, name, subscribedAtMs } of this.#live.followed.state.frameworks.rows()) {
      this.#open(framework, name, subscribedAtMs);
    }
  }

  #open(framework: FrameworkRef, name: string, submittedAtMs: number): void {
    const labels = { principal: framework.principal, framework: name };
    this.#jobs.set(frameworkKey(framework), { labels, submittedAtMs });
  }

  #happened({ event, coreTimeMs, isNew }: NumberedEvent): void {
    if (!isNew) return;
    switch (event.type) {
      case 'frameworkSubscribed':
        // A later session of the same framework is the same job.
        if (!this.#jobs.has(frameworkKey(event.framework))) {
          this.#open(event.framework, event.name, coreTimeMs);
        }
        return;
      case 'offerMade':
      case 'offerAccepted':
      case 'offerDeclined':
      case 'offerRescinded': {
        const labels = this.#counting(event.framework);
        const outcome = OFFER_OUTCOMES[event.type];
        this.#metrics.count('parley_framework_offers_total', { ...labels, outcome });
        return;
      }
      case 'taskStateChanged':
        this.#taskChanged(event, coreTimeMs);
        return;
      case 'frameworkRampedUp':
        this.#rampedUp(event.framework, event.rampUpMs / 1000);
        return;
      case 'frameworkRemoved':
        this.#ended(event.framework);
        return;
      default:
    }
  }

  #taskChanged(
    { task, to }: Extract<ClusterEvent, { type: 'taskStateChanged' }>,
    coreTimeMs: number,
  ): void {
    const job = this.#jobs.get(frameworkKey(task));
    if (job !== undefined) job.updatedAtMs = coreTimeMs;
    if (!isTerminal(to)) return;
    const labels = { ...this.#counting(task), state: to };
    this.#metrics.count('parley_framework_tasks_ended_total', labels);
  }

  #rampedUp(framework: FrameworkRef, seconds: number): void {
    this.#metrics.observe('parley_framework_ramp_up_seconds', seconds);
    const job = this.#jobs.get(frameworkKey(framework));
    if (job !== undefined) this.#rampUps.put(job.labels, seconds);
  }

  #ended(framework: FrameworkRef): void {
    const key = frameworkKey(framework);
    const job = this.#jobs.get(key);
    this.#jobs.delete(key);
    if (job?.updatedAtMs === undefined) return;
    const seconds = (job.updatedAtMs - job.submittedAtMs) / 1000;
    this.#metrics.observe('parley_framework_job_completion_seconds', seconds);
    this.#completions.put(job.labels, seconds);
  }

  /** Of the first names that something was counted of, its own; of what ends after its framework did, that of the others. */
  #counting(framework: FrameworkRef): Labels {
    const labels = this.#jobs.get(frameworkKey(framework))?.labels;
    if (labels === undefined) return OTHERS;
    const key = JSON.stringify(labels);
    const counted = this.#counted.get(key);
    if (counted !== undefined) return counted;
    if (this.#counted.size >= MAX_NAMES) return OTHERS;
    this.#counted.set(key, labels);
    return labels;
  }
}

/** The last value of each name; of too many, that which was put longest ago is forgotten. */
class LastByName {
  readonly #values = new Map<string, readonly [Labels, number]>();

  put(labels: Labels, value: number): void {
    const key = JSON.stringify(labels);
    this.#values.delete(key);
    this.#values.set(key, [labels, value]);
    const [oldest] = this.#values.keys();
    if (this.#values.size > MAX_NAMES && oldest !== undefined) this.#values.delete(oldest);
  }

  rows(): Iterable<readonly [Labels, number]> {
    return this.#values.values();
  }
}

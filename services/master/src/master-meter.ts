// Owns what a master tells Prometheus: counts taken beside what the shell does anyway, the rest read from the books when
// somebody asks. The core knows nothing of it.
import type { Clock } from '@parley/actor/clock';
import type { Journal, JournalTail } from '@parley/actor/journal';
import { type ClusterCensus, takeCensus } from '@parley/cluster/cluster-census';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import type { Input } from '@parley/cluster/inputs';
import type { GaugeName } from '@parley/telemetry/metric-families';
import type { Labels, Metrics } from '@parley/telemetry/metrics';

export type MasterLook = {
  readonly isLeading: boolean;
  readonly sequence: number;
  readonly waitingInputs: number;
  /** Undefined before the books are read. */
  readonly state: ClusterState | undefined;
};

/** Counting every task takes milliseconds in which nobody is answered: not more often than this. */
const CENSUS_EVERY_MS = 5000;

export class MasterMeter {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  #census: { readonly atMs: number; readonly census: ClusterCensus } | undefined;

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** The same journal; appends are counted and timed. */
  measured(journal: Journal & JournalTail): Journal & JournalTail {
    return {
      append: async (request) => {
        const beganMs = this.#clock.nowMs();
        const result = await journal.append(request);
        this.#metrics.observe(
          'parley_master_journal_append_seconds',
          (this.#clock.nowMs() - beganMs) / 1000,
        );
        this.#metrics.count('parley_master_journal_appends_total', { outcome: result.kind });
        this.#metrics.observe('parley_master_journal_entry_bytes', request.bytes.length);
        return result;
      },
      info: () => journal.info(),
      read: (sequence, limit) => journal.read(sequence, limit),
      entryAt: (sequence) => journal.entryAt(sequence),
      purgeBelow: (sequence) => journal.purgeBelow(sequence),
      subscribe: (handler) => journal.subscribe(handler),
    };
  }

  submitted({ kind }: Input): void {
    this.#metrics.count('parley_master_inputs_total', { kind });
  }

  /** Effects of an entry of this master's term. */
  stepped(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.kind === 'event') this.#happened(effect.event);
  }

  watch(look: () => MasterLook): void {
    const gauge = (name: GaugeName, read: (now: MasterLook) => number): void =>
      this.#metrics.gauge(name, () => read(look()));
    gauge('parley_master_leader', ({ isLeading }) => (isLeading ? 1 : 0));
    gauge('parley_master_journal_sequence', ({ sequence }) => sequence);
    gauge('parley_master_waiting_inputs', ({ waitingInputs }) => waitingInputs);
    const ofCensus = (
      name: GaugeName,
      read: (census: ClusterCensus) => number | (readonly [Labels, number])[],
    ): void =>
      this.#metrics.gauge(name, () => {
        const census = this.#censusOf(look());
        return census && read(census);
      });
    ofCensus('parley_cluster_tasks', ({ tasks }) => labelled('state', tasks));
    ofCensus('parley_cluster_agents', ({ agents }) => labelled('state', agents));
    ofCensus('parley_cluster_frameworks', ({ frameworks }) => labelled('state', frameworks));
    ofCensus('parley_cluster_outstanding_offers', (census) => census.outstandingOffers);
    ofCensus('parley_cluster_capacity', ({ capacity }) => labelled('resource', capacity));
    ofCensus('parley_cluster_allocated', ({ allocated }) => labelled('resource', allocated));
    ofCensus('parley_cluster_offered', ({ offered }) => labelled('resource', offered));
  }

  #censusOf({ isLeading, state }: MasterLook): ClusterCensus | undefined {
    if (!isLeading || state === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    if (this.#census === undefined || nowMs - this.#census.atMs >= CENSUS_EVERY_MS) {
      this.#census = { atMs: nowMs, census: takeCensus(state) };
    }
    return this.#census.census;
  }

  #happened(event: ClusterEvent): void {
    const outcome = OFFER_OUTCOMES[event.type];
    if (outcome !== undefined) this.#metrics.count('parley_master_offers_total', { outcome });
    if (event.type !== 'taskStateChanged') return;
    const labels = { state: event.to, reason: event.reason ?? 'none' };
    this.#metrics.count('parley_master_task_changes_total', labels);
  }
}

const OFFER_OUTCOMES: Readonly<Partial<Record<ClusterEvent['type'], string>>> = {
  offerMade: 'made',
  offerAccepted: 'accepted',
  offerDeclined: 'declined',
  offerRescinded: 'rescinded',
};

const labelled = (
  label: string,
  counts: ReadonlyMap<string, number>,
): (readonly [Labels, number])[] =>
  [...counts].map(([name, count]) => [{ [label]: name }, count] as const);

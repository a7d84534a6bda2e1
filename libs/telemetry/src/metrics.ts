// Owns the registry of one service: its families of the table, and the usual ones of a Node process. Counting is one
// addition; gauges are read when somebody asks.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import {
  type CounterName,
  familyOf,
  type GaugeName,
  type HistogramName,
  METRIC_NAMES,
  type MetricFamily,
  type MetricName,
  type MetricService,
} from './metric-families.ts';

export type Labels = Readonly<Record<string, string>>;
/** Undefined: nothing to tell now. */
export type Reading = number | undefined | Iterable<readonly [Labels, number]>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<MetricName, Counter<string>>();
  readonly #histograms = new Map<MetricName, Histogram<string>>();
  readonly #readings = new Map<MetricName, () => Reading>();

  constructor(service: MetricService) {
    for (const name of METRIC_NAMES) {
      const family = familyOf(name);
      if (family.services.includes(service)) this.#add(name, family);
    }
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  count(name: CounterName, labels: Labels = {}, by = 1): void {
    this.#counters.get(name)?.inc(labels, by);
  }

  observe(name: HistogramName, value: number): void {
    this.#histograms.get(name)?.observe(value);
  }

  /** `read` is called with each look; it must not take long. */
  gauge(name: GaugeName, read: () => Reading): void {
    this.#readings.set(name, read);
  }

  /** In Prometheus's text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #add(name: MetricName, { type, help, labels = [], buckets }: MetricFamily): void {
    const given = { name, help: `${help}.`, labelNames: labels, registers: [this.#registry] };
    switch (type) {
      case 'counter':
        this.#counters.set(name, new Counter(given));
        return;
      case 'histogram':
        this.#histograms.set(
          name,
          new Histogram({ ...given, ...(buckets && { buckets: [...buckets] }) }),
        );
        return;
      case 'gauge': {
        const hasLabels = labels.length > 0;
        const gauge: Gauge<string> = new Gauge({
          ...given,
          collect: () => this.#read(name, gauge, hasLabels),
        });
      }
    }
  }

  /** What is not told now is left out; what was told before is no news. */
  #read(name: MetricName, gauge: Gauge<string>, hasLabels: boolean): void {
    const reading = this.#readings.get(name)?.();
    gauge.reset();
    if (typeof reading === 'number') gauge.set(reading);
    else if (reading !== undefined) for (const [labels, value] of reading) gauge.set(labels, value);
    else if (!hasLabels) gauge.remove();
  }
}

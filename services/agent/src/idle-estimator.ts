// Owns the estimate of what may be lent: what ordinary tasks have been given and have left idle for a while, less a margin
// (Mesos docs, "Oversubscription": the resource estimator). It falls at once and rises slowly, so that offers do not come and
// go with every breath of a task. Pure; what tasks use is measured in usage-sampling.ts.
import type { Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';

export type IdleLendingOptions = {
  /** Of what tasks have been given, so much stays with them though they do not use it. */
  readonly marginPercent: number;
  /** For so long a task must have left something idle before it is lent. */
  readonly afterMs: number;
};

/** In thousandths of a CPU and of a MiB, as everywhere. */
export type LentAmounts = { readonly cpus: number; readonly mem: number };

export type EstimatedTask = {
  readonly unit: string;
  readonly given: LentAmounts;
  /** Since the look before; undefined while it is not known. */
  readonly used: LentAmounts | undefined;
};

/** Highest uses of one to two spans of `afterMs`. */
type Peaks = { sinceMs: number; turnedMs: number; before: LentAmounts; now: LentAmounts };

/** Less than these is not worth an offer. */
const STEP: LentAmounts = { cpus: 100, mem: 16_000 };
/** By so many steps an estimate must rise before it is said; it falls by one. */
const RISE_STEPS = 2;
const NOTHING: LentAmounts = { cpus: 0, mem: 0 };

export class IdleEstimator {
  readonly #options: IdleLendingOptions;
  #peaks = new Map<string, Peaks>();
  #beganMs: number | undefined;
  #said = NOTHING;

  constructor(options: IdleLendingOptions) {
    this.#options = options;
  }

  /** `tasks`: all that are not revocable themselves. Undefined until it has looked for long enough. Monotonic milliseconds. */
  look(tasks: readonly EstimatedTask[], nowMs: number): Resources | undefined {
    const { marginPercent, afterMs } = this.#options;
    this.#beganMs ??= nowMs;
    const known = this.#peaks;
    this.#peaks = new Map();
    let given = NOTHING;
    let held = NOTHING;
    for (const task of tasks) {
      const peaks = this.#noted(task, known.get(task.unit), nowMs);
      this.#peaks.set(task.unit, peaks);
      const peak = larger(peaks.before, peaks.now);
      given = sum(given, task.given);
      held = sum(held, nowMs - peaks.sinceMs < afterMs ? larger(peak, task.given) : peak);
    }
    if (nowMs - this.#beganMs < afterMs) return undefined;
    const idle = {
      cpus: given.cpus - held.cpus - (given.cpus * marginPercent) / 100,
      mem: given.mem - held.mem - (given.mem * marginPercent) / 100,
    };
    this.#said = { cpus: this.#smooth('cpus', idle.cpus), mem: this.#smooth('mem', idle.mem) };
    return normalise({ scalars: { ...this.#said } });
  }

  #noted({ used = NOTHING }: EstimatedTask, peaks: Peaks | undefined, nowMs: number): Peaks {
    if (peaks === undefined) return { sinceMs: nowMs, turnedMs: nowMs, before: used, now: used };
    const isTurn = nowMs - peaks.turnedMs >= this.#options.afterMs;
    const { sinceMs } = peaks;
    return isTurn
      ? { sinceMs, turnedMs: nowMs, before: peaks.now, now: used }
      : { ...peaks, now: larger(peaks.now, used) };
  }

  #smooth(name: keyof LentAmounts, idle: number): number {
    const said = this.#said[name];
    const step = STEP[name];
    const whole = Math.max(0, Math.floor(idle / step) * step);
    return whole < said || whole >= said + RISE_STEPS * step ? whole : said;
  }
}

const sum = (one: LentAmounts, other: LentAmounts): LentAmounts => ({
  cpus: one.cpus + other.cpus,
  mem: one.mem + other.mem,
});

const larger = (one: LentAmounts, other: LentAmounts): LentAmounts => ({
  cpus: Math.max(one.cpus, other.cpus),
  mem: Math.max(one.mem, other.mem),
});

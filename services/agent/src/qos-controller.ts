// Owns when an agent takes back what it has lent because its host is short of memory or CPU: the QoS controller of Mesos
// ("Oversubscription"). It goes by how long tasks wait for what they lack. Pure; reading the kernel's figures is in
// host-pressure.ts, which task goes in spare-task.ts.

/** Percent of the last ten seconds in which at least one task waited (`some avg10` of PSI); undefined where nobody tells. */
export type Pressure = { readonly memory: number | undefined; readonly cpu: number | undefined };

/** From how much pressure on, in percent, tasks are taken back; 0: never. */
export type QosLimits = { readonly memory: number; readonly cpu: number };

/**
 * A host whose CPUs are all busy is not short of them, as long as their weights give ordinary tasks what they asked for: so
 * nothing is taken back for CPU unless an operator says from where on.
 */
export const DEFAULT_QOS_LIMITS: QosLimits = { memory: 10, cpu: 0 };

/** Until the figures, averages of ten seconds, show what the end of a task has changed. */
const SETTLE_MS = 10_000;

export class QosController {
  readonly #limits: QosLimits;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(limits: QosLimits) {
    this.#limits = limits;
  }

  /**
   * Why one task is to go now; undefined while none is, and for a while after one was. To be asked while there is one
   * that may go. Monotonic milliseconds.
   */
  look({ memory, cpu }: Pressure, nowMs: number): string | undefined {
    if (nowMs < this.#restsUntilMs) return undefined;
    const { memory: memoryLimit, cpu: cpuLimit } = this.#limits;
    const why = shortage('memory', memory, memoryLimit) ?? shortage('CPU', cpu, cpuLimit);
    if (why !== undefined) this.#restsUntilMs = nowMs + SETTLE_MS;
    return why;
  }
}

function shortage(what: string, pressure: number | undefined, limit: number): string | undefined {
  if (limit === 0 || pressure === undefined || pressure < limit) return undefined;
  return `the host is short of ${what}: tasks waited for it ${pressure} % of the last 10 s (from ${limit} % on, what is revocable is taken back)`;
}

// Owns measuring what the allocation interval trades: on a cluster of 50,000 agents in full use tasks end one after the
// other, and what they free is offered and used again. A longer interval decides more at once, and lets each wait longer.
// Time is that of the events; what the allocator itself takes is measured and added to the waiting.
import { SeededRandom } from '@parley/allocation/seeded-random';
import type { Proposal } from '@parley/protocol/allocation';
import type { AgentId } from '@parley/protocol/ids';
import { percentile, type Result, rounded } from '../measurement.ts';
import { BenchMaster } from './bench-master.ts';
import { expectCount, planOf } from './round-cases.ts';
import { beside } from './targets.ts';

const INTERVALS_MS = [0, 10, 100, 1000];
/** As with tasks of 10 s, one on each agent. */
const ENDS_A_SECOND = 5000;
const WARM_UP_MS = 1000;
const MEASURED_MS = 5000;

export const measureIntervals = (): Result[] => INTERVALS_MS.flatMap(measureInterval);

function measureInterval(intervalMs: number): Result[] {
  const stream = new TaskEnds(intervalMs);
  stream.play(WARM_UP_MS);
  stream.forget();
  stream.play(MEASURED_MS);
  const name = `batch.interval.${intervalMs}`;
  const { waitsMs, spentMs, decidingMs, ticks } = stream;
  return [
    beside(name, [(spentMs / waitsMs.length) * 1000], 'us/decision'),
    beside(`${name}.deciding`, [(decidingMs / waitsMs.length) * 1000], 'us/decision'),
    beside(`${name}.ticks`, [ticks / (MEASURED_MS / 1000)], 'ticks/s'),
    beside(`${name}.wait`, waitsMs, 'ms'),
    { ...beside(`${name}.wait.p99`, [], 'ms'), value: rounded(percentile(waitsMs, 99)) },
  ];
}

class TaskEnds {
  readonly #master: BenchMaster;
  readonly #random = new SeededRandom(1);
  readonly #inUse = new Map<AgentId, Proposal>();
  readonly #freedMs = new Map<AgentId, number>();
  /** From the end of a task to the proposal of what it frees. */
  waitsMs: number[] = [];
  /** For hearing and deciding. */
  spentMs = 0;
  /** Part of it. */
  decidingMs = 0;
  ticks = 0;

  constructor(intervalMs: number) {
    const plan = planOf(50_000, 200);
    this.#master = new BenchMaster({ ...plan, intervalMs });
    this.#master.nowMs = intervalMs;
    const { proposals } = this.#master.round();
    expectCount(proposals, plan.agents);
    this.#use(proposals);
  }

  forget(): void {
    this.waitsMs = [];
    this.spentMs = 0;
    this.decidingMs = 0;
    this.ticks = 0;
  }

  play(durationMs: number): void {
    const endMs = this.#master.nowMs + durationMs;
    let eventMs = this.#master.nowMs;
    while (eventMs < endMs) {
      eventMs += this.#gapMs();
      this.#tickUntil(Math.min(eventMs, endMs));
      this.#master.nowMs = eventMs;
      this.#endTask();
    }
  }

  /** From 0 to twice the mean, each as likely. */
  #gapMs(): number {
    return (this.#below(2000) / 1000) * (1000 / ENDS_A_SECOND);
  }

  #below(count: number): number {
    return (this.#random.next() >>> 0) % count;
  }

  #endTask(): void {
    const agentId = this.#master.agents[this.#below(this.#master.agents.length)];
    const task = agentId === undefined ? undefined : this.#inUse.get(agentId);
    // What runs on it has ended already.
    if (agentId === undefined || task === undefined) return;
    this.#inUse.delete(agentId);
    this.#freedMs.set(agentId, this.#master.nowMs);
    this.spentMs += this.#master.hear(this.#master.release([task]));
  }

  #tickUntil(endMs: number): void {
    const { allocator } = this.#master;
    for (;;) {
      const wakeMs = allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY;
      if (wakeMs > endMs) return;
      this.#master.nowMs = Math.max(this.#master.nowMs, wakeMs);
      const beganMs = performance.now();
      const effects = allocator.tick(this.#master.nowMs);
      const tookMs = performance.now() - beganMs;
      this.spentMs += tookMs;
      this.decidingMs += tookMs;
      const proposals = effects.flatMap((one) => (one.kind === 'propose' ? one.proposals : []));
      if (proposals.length === 0) continue;
      this.ticks += 1;
      for (const { agentId } of proposals) {
        const freedMs = this.#freedMs.get(agentId) ?? Number.NaN;
        this.waitsMs.push(this.#master.nowMs - freedMs + tookMs);
      }
      this.spentMs += this.#use(proposals);
    }
  }

  /** The value: the milliseconds that hearing of it took. */
  #use(proposals: readonly Proposal[]): number {
    for (const proposal of proposals) {
      this.#inUse.set(proposal.agentId, proposal);
      this.#freedMs.delete(proposal.agentId);
    }
    const offered = this.#master.offer(proposals);
    return this.#master.hear([...offered, ...this.#master.accept(proposals)]);
  }
}

// Owns measuring the way of facts: from the master's word that a framework needs something to the offer on the wire, in a
// real cluster that does nothing else, both ends seen by this process; and how long an allocator takes to apply all facts
// of a large cluster, read as from the bus.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Allocator } from '@parley/allocation/allocator';
import { chooseIsolation } from '@parley/cli/local-cluster/isolation-choice';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { ClusterName } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { task } from '@parley/scheduler-sdk/task';
import type { NatsConnection } from 'nats';
import { messageOf, snapshotBytes } from './allocation/cluster-facts.ts';
import { against, beside } from './allocation/targets.ts';
import { benchCluster, spyOn } from './bench-cluster.ts';
import { type Benchmark, percentile, type Result, rounded } from './measurement.ts';

const CLUSTER = ClusterName.parse('bench-facts');
const PRINCIPAL = 'batch';
const ALLOCATOR = 'allocator-1';
const WARM_UP_OFFERS = 20;
const OFFERS = 200;
const OFFER_TIMEOUT_MS = 10_000;
/** Longer than anything that follows an answer takes: the cluster is idle again. */
const QUIET_MS = 20;
const SHARE = { cpuMillis: 1000, memoryMib: 512, diskMib: 1024 };
const NEED = {
  count: 1,
  resources: task({ id: 'one', command: ['true'], cpus: 0.5, mem: '64MiB' }).resources,
  constraints: [],
};
const SNAPSHOT = { agents: 50_000, frameworks: 200 };
const SNAPSHOT_RUNS = 7;

export const factsBenchmark: Benchmark = {
  name: 'facts',
  summary: 'from a fact to the offer in a real cluster, and a snapshot of 50,000 agents',
  run: async (say) => {
    say(`a snapshot of ${SNAPSHOT.agents} agents, ${SNAPSHOT_RUNS} times`);
    return [...measureSnapshot(), ...(await measureOffers(say))];
  },
};

/** Reading, checking and applying every part, until the allocator knows everything. */
function measureSnapshot(): Result[] {
  const encodingMs: number[] = [];
  const applyingMs: number[] = [];
  for (let run = 0; run <= SNAPSHOT_RUNS; run += 1) {
    const madeMs = performance.now();
    const parts = [...snapshotBytes(SNAPSHOT)];
    const beganMs = performance.now();
    const allocator = new Allocator({ seed: 1 });
    allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
    for (const bytes of parts) allocator.facts(messageOf(bytes), 0);
    if (!allocator.isInStep) throw new Error('the allocator knows everything after the last part');
    if (run === 0) continue;
    encodingMs.push(beganMs - madeMs);
    applyingMs.push(performance.now() - beganMs);
  }
  return [
    against('facts.snapshot.50000', applyingMs),
    beside('facts.snapshot.50000.encoding', encodingMs, 'ms'),
  ];
}

async function measureOffers(say: (line: string) => void): Promise<Result[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-facts-'));
  const isolation = await chooseIsolation('process');
  const plan = { directory, name: CLUSTER, isolation, share: SHARE, agents: 1 };
  const cluster = benchCluster(plan, say);
  try {
    await cluster.start();
    const asker = await OfferAsker.connect(cluster);
    try {
      await asker.ask(WARM_UP_OFFERS);
      say(`${OFFERS} offers, one after the other`);
      const ways = await asker.ask(OFFERS);
      return [
        against('facts.offer.p50', ways),
        { ...beside('facts.offer.p99', ways, 'ms'), value: rounded(percentile(ways, 99)) },
      ];
    } finally {
      await asker.close();
    }
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** States a need, waits for the offer, takes the need back and declines. */
class OfferAsker {
  readonly #scheduler: Scheduler;
  readonly #spies: readonly NatsConnection[];
  #factMs: number | undefined;
  #offered: ((wayMs: number) => void) | undefined;

  private constructor(scheduler: Scheduler, spies: readonly NatsConnection[]) {
    this.#scheduler = scheduler;
    this.#spies = spies;
  }

  static async connect(cluster: LocalCluster): Promise<OfferAsker> {
    const onFacts = await spyOn(cluster, 'allocator', ALLOCATOR);
    const onOffers = await spyOn(cluster, 'principal', PRINCIPAL);
    const made = Promise.withResolvers<OfferAsker>();
    const scheduler = await connectScheduler({
      credential: cluster.credentialFile('principal', PRINCIPAL),
      name: 'facts',
      role: PRINCIPAL,
      demand: [],
      onOffers: async (offers) => (await made.promise).#decline(offers),
      onUpdate: () => undefined,
    });
    const asker = new OfferAsker(scheduler, [onFacts, onOffers]);
    onFacts.subscribe(wildcardOf(SUBJECTS.facts, CLUSTER), { callback: () => asker.#heardFact() });
    onOffers.subscribe(wildcardOf(SUBJECTS.offers, CLUSTER, { principal: PRINCIPAL }), {
      callback: () => asker.#sawOffer(),
    });
    await Promise.all([onFacts.flush(), onOffers.flush()]);
    made.resolve(asker);
    return asker;
  }

  /** Milliseconds from the fact that tells of the need to the offer. */
  async ask(count: number): Promise<number[]> {
    const waysMs: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const late = setTimeout(
        () => reject(new Error(`no offer came in ${OFFER_TIMEOUT_MS / 1000} s`)),
        OFFER_TIMEOUT_MS,
      );
      this.#factMs = undefined;
      this.#offered = resolve;
      this.#scheduler.setDemand([NEED]);
      waysMs.push(await promise);
      clearTimeout(late);
      await wait(QUIET_MS);
    }
    return waysMs;
  }

  async close(): Promise<void> {
    await this.#scheduler.teardown();
    for (const spy of this.#spies) await spy.close();
  }

  /** The first one after the need was stated tells of it. */
  #heardFact(): void {
    this.#factMs ??= performance.now();
  }

  #sawOffer(): void {
    if (this.#factMs === undefined) return;
    this.#offered?.(performance.now() - this.#factMs);
    this.#offered = undefined;
  }

  #decline(offers: readonly Offer[]): void {
    this.#scheduler.setDemand([]);
    this.#scheduler.decline(offers, { refuseMs: 0 });
  }
}

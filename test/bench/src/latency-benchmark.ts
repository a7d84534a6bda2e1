// Owns measuring the way of one task on an idle cluster, hop by hop: from the offer that the master publishes to the run
// order on the agent's subject, and from the accept to the `running` update in the framework's hands; with plain processes
// and with scopes. Both ends of each way are seen by this process: no two clocks are compared.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chooseIsolation, type Isolation } from '@parley/cli/local-cluster/isolation-choice';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { ClusterName } from '@parley/protocol/ids';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { task } from '@parley/scheduler-sdk/task';
import type { NatsConnection } from 'nats';
import { benchCluster, spyOn } from './bench-cluster.ts';
import { type Benchmark, median, percentile, type Result, rounded } from './measurement.ts';

const CLUSTER = ClusterName.parse('bench-latency');
const PRINCIPAL = 'batch';
const AGENT = 'agent-1';
const WARM_UP_TASKS = 10;
const TASKS = 100;
const TASK_TIMEOUT_MS = 30_000;
const SHARE = { cpuMillis: 1000, memoryMib: 512, diskMib: 1024 };
const TASK = { command: ['true'], cpus: 0.5, mem: '64MiB' } as const;

/** Milliseconds. */
type Way = { readonly offerToOrder: number; readonly acceptToRunning: number };
type Marks = { offer: number; accept: number; order: number };

export const latencyBenchmark: Benchmark = {
  name: 'latency',
  summary: 'the way of one task on an idle cluster: offer to order, accept to running',
  run: async (say) => {
    const scopes = await chooseIsolation('auto');
    const plain = await measure('process', await chooseIsolation('process'), say);
    return scopes.kind === 'process'
      ? plain
      : [...plain, ...(await measure('scopes', scopes, say))];
  },
};

async function measure(
  name: string,
  isolation: Isolation,
  say: (line: string) => void,
): Promise<Result[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-latency-'));
  const plan = { directory, name: CLUSTER, isolation, share: SHARE, agents: 1 };
  const cluster = benchCluster(plan, say);
  try {
    await cluster.start();
    const runner = await TaskRunner.connect(cluster);
    try {
      await runner.run(WARM_UP_TASKS);
      say(`${name}: ${TASKS} tasks, one after the other`);
      return resultsOf(name, await runner.run(TASKS));
    } finally {
      await runner.close();
    }
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function resultsOf(name: string, ways: readonly Way[]): Result[] {
  const offers = ways.map((way) => way.offerToOrder);
  const running = ways.map((way) => way.acceptToRunning);
  const rest = { unit: 'ms', reference: null };
  const figure = (what: string, value: number, aim: number | null): Result => ({
    name: `latency.${name}.${what}`,
    value: rounded(value),
    aim,
    ...rest,
  });
  return [
    figure('offerToOrder.p50', median(offers), 5),
    figure('offerToOrder.p99', percentile(offers, 99), null),
    figure('acceptToRunning.p50', median(running), name === 'scopes' ? 25 : null),
    figure('acceptToRunning.p99', percentile(running, 99), null),
  ];
}

/** Runs one task after the other on the first offer that comes for it. */
class TaskRunner {
  readonly #scheduler: Scheduler;
  readonly #spies: readonly NatsConnection[];
  readonly #marks: Marks = { offer: 0, accept: 0, order: 0 };
  #ran = 0;
  #wanted:
    | { readonly resolve: (way: Way) => void; readonly reject: (error: Error) => void }
    | undefined;
  #running = 0;

  private constructor(scheduler: Scheduler, spies: readonly NatsConnection[]) {
    this.#scheduler = scheduler;
    this.#spies = spies;
  }

  static async connect(cluster: LocalCluster): Promise<TaskRunner> {
    const onOffers = await spyOn(cluster, 'principal', PRINCIPAL);
    const onOrders = await spyOn(cluster, 'agent', AGENT);
    const made = Promise.withResolvers<TaskRunner>();
    const scheduler = await connectScheduler({
      credential: cluster.credentialFile('principal', PRINCIPAL),
      name: 'latency',
      role: PRINCIPAL,
      demand: [],
      onOffers: async (offers) => (await made.promise).#offered(offers),
      onUpdate: async (update) => (await made.promise).#updated(update),
    });
    const runner = new TaskRunner(scheduler, [onOffers, onOrders]);
    onOffers.subscribe(wildcardOf(SUBJECTS.offers, CLUSTER, { principal: PRINCIPAL }), {
      callback: () => runner.#mark('offer'),
    });
    onOrders.subscribe(wildcardOf(SUBJECTS.run, CLUSTER, { agentId: AGENT }), {
      callback: () => runner.#mark('order'),
    });
    await Promise.all([onOffers.flush(), onOrders.flush()]);
    made.resolve(runner);
    return runner;
  }

  async run(count: number): Promise<Way[]> {
    const ways: Way[] = [];
    for (let index = 0; index < count; index += 1) {
      const ended = Promise.withResolvers<Way>();
      this.#wanted = ended;
      const late = setTimeout(
        () => ended.reject(new Error(`a task did not end in ${TASK_TIMEOUT_MS / 1000} s`)),
        TASK_TIMEOUT_MS,
      );
      this.#scheduler.setDemand([
        { count: 1, resources: task({ id: 'shape', ...TASK }).resources, constraints: [] },
      ]);
      ways.push(await ended.promise);
      clearTimeout(late);
    }
    return ways;
  }

  async close(): Promise<void> {
    await this.#scheduler.teardown();
    for (const spy of this.#spies) await spy.close();
  }

  #mark(what: keyof Marks): void {
    this.#marks[what] = performance.now();
  }

  #offered(offers: Parameters<Parameters<typeof connectScheduler>[0]['onOffers']>[0]): void {
    const [offer] = offers;
    if (offer === undefined || this.#wanted === undefined) return;
    this.#ran += 1;
    this.#mark('accept');
    void this.#scheduler.launch(offer, [task({ id: `latency-${this.#ran}`, ...TASK })], {
      refuseMs: 0,
    });
  }

  #updated(update: StatusUpdate): void {
    if (update.state === 'running') this.#running = performance.now();
    if (!isTerminal(update.state)) return;
    const { offer, accept, order } = this.#marks;
    const wanted = this.#wanted;
    this.#wanted = undefined;
    if (update.state === 'finished')
      wanted?.resolve({ offerToOrder: order - offer, acceptToRunning: this.#running - accept });
    else wanted?.reject(new Error(`the task ended as ${update.state}: ${update.message ?? ''}`));
  }
}

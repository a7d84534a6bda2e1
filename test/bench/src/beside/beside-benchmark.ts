// Owns the benchmark of what polled gateways do to offers: how long a framework waits for an offer from the moment that it states
// a need, in a cluster of emulated agents with no gateway and beside two that are polled, in turns in one run.
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { resources } from '@parley/scheduler-sdk/task';
import { PRINCIPALS } from '../emulated/emulated-server.ts';
import { Worker } from '../emulated/worker.ts';
import { FailoverCluster } from '../failover/failover-cluster.ts';
import { sharedConnections } from '../failover/failover-options.ts';
import { type Benchmark, median, percentile, type Result, rounded } from '../measurement.ts';
import { FromPoller, type ToPoller } from './poller-messages.ts';
import { type Halves, halves, keepOn } from './processors.ts';

const POLLER = path.join(import.meta.dirname, 'poller-process.ts');
const NEED = { cpus: 1, mem: '1GiB', disk: '1GiB' } as const;
const NAME = 'asker';
const PAUSE_MS = 50;
const OFFER_TIMEOUT_MS = 60_000;
const SETTLE_MS = 3000;
/** Of a cluster of which the other half is free. */
const TASK_SECONDS = 60;

type Plan = {
  readonly agents: number;
  readonly rounds: number;
  /** Of each kind in each round. */
  readonly seconds: number;
  readonly logs: string | undefined;
  /** The cluster on half of the processors, gateways and who polls them on the other. */
  readonly apart: Halves | undefined;
};

export const besideBenchmark: Benchmark = {
  name: 'beside-gateways',
  summary: 'how long offers take beside gateways that are polled, and without',
  options: {
    ...{ agents: { type: 'string' }, rounds: { type: 'string' }, seconds: { type: 'string' } },
    ...{ logs: { type: 'string' }, apart: { type: 'boolean' } },
  },
  run: async (say, _only, options) => {
    const plan = readPlan(options);
    const { agents, logs } = plan;
    if (plan.apart !== undefined) keepOn(plan.apart.first, process.pid);
    const cluster = new FailoverCluster(
      {
        ...{ agents, connections: sharedConnections(agents), logs, frameworks: 50 },
        ...{ tasks: Math.ceil(agents / 2), taskSeconds: TASK_SECONDS, launchRate: 100 },
      },
      say,
    );
    try {
      await cluster.start();
      return await measure(cluster, plan, say);
    } finally {
      await cluster.close();
    }
  },
};

/** Throws where a number is none. */
function readPlan(options: Readonly<Record<string, string | undefined>>): Plan {
  const number = (name: string, otherwise: number): number => {
    const value = Number(options[name] ?? otherwise);
    if (Number.isFinite(value) && value > 0) return value;
    throw new Error(`--${name} takes a number above 0, not "${options[name]}"`);
  };
  return {
    ...{ agents: number('agents', 10_000), rounds: number('rounds', 5) },
    ...{ seconds: number('seconds', 15), logs: options['logs'] },
    // Counted before this process is kept to some of them.
    apart: options['apart'] === 'true' ? halves() : undefined,
  };
}

async function measure(
  cluster: FailoverCluster,
  { rounds, seconds, apart }: Plan,
  say: (line: string) => void,
): Promise<Result[]> {
  const asker = await Asker.connect(cluster.server.credential('principal', PRINCIPALS[0] ?? ''));
  const alone: number[] = [];
  const beside: number[] = [];
  const polled: FromPoller[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const without = await asker.ask(seconds);
      const gateways = await cluster.startGateways();
      const poller = new Worker<ToPoller, FromPoller>({
        ...{ name: 'the poller', file: POLLER, plan: { urls: gateways.map(({ url }) => url) } },
        parse: (raw) => FromPoller.parse(raw),
      });
      if (apart !== undefined) {
        const pids = [poller.pid, ...gateways.map((gateway) => gateway.process.pid)];
        for (const pid of pids) keepOn(apart.second, pid);
      }
      await wait(SETTLE_MS);
      const within = await asker.ask(seconds);
      const told = poller.hear((message) => message);
      poller.tell({ kind: 'tell' });
      polled.push(await told);
      await poller.close();
      await Promise.all(gateways.map(({ process }) => process.end('SIGTERM')));
      await wait(SETTLE_MS);
      alone.push(...without);
      beside.push(...within);
      const shown = [without, within].map((times) => median(times).toFixed(1)).join(' and ');
      say(`round ${round}/${rounds}: ${shown} ms in the middle without and beside gateways`);
    }
  } finally {
    await asker.close();
  }
  return resultsOf(alone, beside, polled);
}

function resultsOf(alone: number[], beside: number[], polled: readonly FromPoller[]): Result[] {
  const result = (
    name: string,
    value: number,
    unit: string,
    aim: number | null = null,
  ): Result => ({
    ...{ name: `beside.${name}`, value: rounded(value), unit, aim, reference: null },
  });
  const sum = (pick: (one: FromPoller) => number): number =>
    polled.reduce((all, one) => all + pick(one), 0);
  return [
    result('offers.alone', alone.length, 'offers'),
    result('offer.alone.p50', median(alone), 'ms'),
    result('offer.alone.p99', percentile(alone, 99), 'ms'),
    result('offer.gateways.p50', median(beside), 'ms'),
    result('offer.gateways.p99', percentile(beside, 99), 'ms'),
    result('ratio.p50', median(beside) / median(alone), 'x', 1),
    result('ratio.p99', percentile(beside, 99) / percentile(alone, 99), 'x'),
    result(
      'state.answers',
      sum(({ state }) => state.count),
      'answers',
    ),
    result('state.p50', median(polled.map(({ state }) => state.p50)), 'ms'),
    result(
      'list.answers',
      sum(({ list }) => list.count),
      'answers',
    ),
    result('list.p50', median(polled.map(({ list }) => list.p50)), 'ms'),
    result(
      'failed',
      sum(({ state, list }) => state.failed + list.failed),
      'answers',
      0,
    ),
  ];
}

/** A framework that wants an offer, declines it, and wants the next one. */
class Asker {
  readonly #scheduler: Scheduler;
  #offered: () => void = () => undefined;

  private constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  static async connect(credential: string): Promise<Asker> {
    const made = Promise.withResolvers<Asker>();
    const scheduler = await connectScheduler({
      ...{ credential, name: NAME, role: NAME, demand: [], connectTimeoutMs: OFFER_TIMEOUT_MS },
      onOffers: async (offers, self) => {
        (await made.promise).#offered();
        self.setDemand([]);
        self.decline(offers, { refuseMs: 0 });
      },
      onUpdate: () => undefined,
    });
    const asker = new Asker(scheduler);
    made.resolve(asker);
    return asker;
  }

  /** Milliseconds each, one after the other, for so long. */
  async ask(seconds: number): Promise<number[]> {
    const times: number[] = [];
    const endMs = performance.now() + seconds * 1000;
    while (performance.now() < endMs) {
      const offered = Promise.withResolvers<void>();
      this.#offered = offered.resolve;
      const late = setTimeout(
        () => offered.reject(new Error(`no offer in ${OFFER_TIMEOUT_MS / 1000} s`)),
        OFFER_TIMEOUT_MS,
      );
      const beganMs = performance.now();
      this.#scheduler.setDemand([{ count: 1, resources: resources(NEED) }]);
      await offered.promise;
      times.push(performance.now() - beganMs);
      clearTimeout(late);
      await wait(PAUSE_MS);
    }
    return times;
  }

  async close(): Promise<void> {
    await this.#scheduler.teardown();
  }
}

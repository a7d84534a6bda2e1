// Owns measuring the pages of the gateway that tools of Mesos poll, over a large cluster: made for the first time, and made
// again after a little has changed; and for how long others wait meanwhile. In this process, without HTTP. Its lists are
// measured in list-cases.ts; `--only state` or `--only lists` measures one of both.

import type { Model } from '@parley/gateway/read-model/model';
import { PageDesk } from '@parley/gateway/read-model/page-desk';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { against, beside } from '../allocation/targets.ts';
import { type Benchmark, percentile, type Result, rounded } from '../measurement.ts';
import { LargeState } from './large-state.ts';
import { listResults } from './list-cases.ts';

const SIZE = { agents: 10_000, frameworks: 100, tasksAnAgent: 5 };
/** Agents on which a task starts between two looks. */
const CHANGED = 100;
const RUNS = 15;

export const gatewayBenchmark: Benchmark = {
  name: 'gateway',
  summary: 'lists and the pages that tools poll, over 10,000 agents and more',
  run: async (say, only) => {
    const results: Result[] = [];
    if ('lists'.includes(only)) {
      say('asking for lists');
      results.push(...listResults(10_000), ...listResults(50_000));
    }
    if (!'state'.includes(only)) return results;
    say(`making ${SIZE.agents} agents with ${SIZE.tasksAnAgent} tasks each`);
    const bench = new DeskBench();
    say('asking for pages');
    return [...results, ...(await bench.measure())];
  },
};

class DeskBench {
  readonly #large = new LargeState(SIZE);
  readonly #tell: ((event: NumberedEvent) => void)[] = [];
  readonly #desk: PageDesk;

  constructor() {
    const model = (): Model => ({
      cluster: 'bench',
      state: this.#large.state,
      place: { ip: '127.0.0.1', port: 5050 },
      ...{ coreEpochMs: 0, startedMs: 0, electedMs: 0 },
    });
    const large = this.#large;
    const live = {
      get followed() {
        return { cluster: 'bench', state: large.state, sequence: large.sequence };
      },
      onEvent: (tell: (event: NumberedEvent) => void) => {
        this.#tell.push(tell);
        return () => undefined;
      },
      onReset: () => () => undefined,
    };
    this.#desk = new PageDesk({
      ...{ live, model, config: { usersFile: undefined } },
      nowMs: () => performance.now() * 1000,
    });
  }

  async measure(): Promise<Result[]> {
    const stall = new Stall();
    // As a gateway does before it is ready.
    const beganMs = performance.now();
    await this.#desk.warm();
    const warmMs = performance.now() - beganMs;
    const stalledWarming = stall.longestMs();
    stall.begin();
    const before = process.threadCpuUsage();
    const first = await timed(() => this.#desk.state.get());
    const { user, system } = process.threadCpuUsage(before);
    const stalledFirst = stall.longestMs();
    const again: number[] = [];
    const stalls: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      this.#change(run);
      stall.begin();
      again.push((await timed(() => this.#desk.state.get())).ms);
      stalls.push(stall.longestMs());
    }
    const others: Result[] = [];
    for (const page of ['summary', 'slaves', 'frameworks'] as const) {
      const took: number[] = [];
      for (let run = 0; run < 5; run += 1) {
        this.#change(run);
        took.push((await timed(() => this.#desk[page].get())).ms);
      }
      others.push(beside(`gateway.${page}.10000.p50`, took, 'ms'));
    }
    stall.end();
    return [
      against('gateway.state.10000.first', [first.ms]),
      beside('gateway.state.10000.first.cpu', [(user + system) / 1000], 'ms'),
      beside('gateway.state.10000.first.stall', [stalledFirst], 'ms'),
      beside('gateway.state.10000.warm', [warmMs], 'ms'),
      beside('gateway.state.10000.warm.stall', [stalledWarming], 'ms'),
      against('gateway.state.10000.p50', again),
      beside('gateway.state.10000.p95', [rounded(percentile(again, 95))], 'ms'),
      beside('gateway.state.10000.stall.p50', stalls, 'ms'),
      beside('gateway.state.10000.size', [first.bytes / 1e6], 'MB'),
      ...others,
    ];
  }

  #change(run: number): void {
    for (let index = 0; index < CHANGED; index += 1) {
      const agent = (run * CHANGED + index) % SIZE.agents;
      for (const event of this.#large.launch(agent, index % SIZE.frameworks, 1)) {
        const at = { sequence: this.#large.sequence, index: 0, coreTimeMs: 0, wallTimeMs: 0 };
        for (const tell of this.#tell) tell({ ...at, isNew: true, event });
      }
    }
  }
}

async function timed(work: () => Promise<Buffer>): Promise<{ ms: number; bytes: number }> {
  const beganMs = performance.now();
  const { length } = await work();
  return { ms: performance.now() - beganMs, bytes: length };
}

/** For how long at most nothing else got its turn. */
class Stall {
  #lastMs = performance.now();
  #longestMs = 0;
  readonly #timer = setInterval(() => this.#look(), 1);

  begin(): void {
    this.#lastMs = performance.now();
    this.#longestMs = 0;
  }

  /** Since `begin`. */
  longestMs(): number {
    this.#look();
    return this.#longestMs;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }
}

// Owns measuring what it costs an agent to know what its tasks use: 500 scopes that sleep, sampled every five seconds as
// the agent does it, with totals alone and with each task told. The bus itself is left out: messages are encoded only.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { prepareIsolation } from '@parley/agent/isolation-setup';
import { UsageMeter } from '@parley/agent/usage-meter';
import { partsOf } from '@parley/agent/usage-reports';
import { type SampledUnit, UsageSampler } from '@parley/agent/usage-sampling';
import type { LaunchRequest, TaskLauncher } from '@parley/isolation/launcher';
import { createRunRoot } from '@parley/isolation/run-directory';
import { createSandbox, runRootOf } from '@parley/isolation/sandbox';
import { AgentId, ClusterName, TaskRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { type Benchmark, type Result, rounded } from './measurement.ts';

const CLUSTER = ClusterName.parse('bench-usage');
const AGENT = AgentId.parse('agent-1');
const UNITS = 500;
const LAUNCHES_AT_ONCE = 8;
const SAMPLE_MS = 5000;
/** As many as the details of a unit at rest are told again for, and the look that reads them. */
const SAMPLES = 6;
const AIM = 0.01;
const LIMITS = { cpuMillis: 100, memoryMib: 32, pidsMax: 16 };

type Task = { readonly sampled: SampledUnit; readonly request: LaunchRequest };

export const usageBenchmark: Benchmark = {
  name: 'usage',
  summary: 'the share of a core that measuring 500 tasks takes, unwatched and watched',
  run: async (say) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-usage-'));
    const isolation = await prepareIsolation({
      mode: 'auto',
      launcher: 'auto',
      agentId: AGENT,
      workDirectory: directory,
      privateSystemd: undefined,
    });
    if (!isolation.ok) throw new Error(isolation.failure.message);
    const { rootPath, createLauncher, release } = isolation.value;
    const launcher = createLauncher(() => undefined);
    const tasks: Task[] = [];
    try {
      await createRunRoot(runRootOf(directory));
      say(`launching ${UNITS} tasks that sleep`);
      for (let number = 0; number < UNITS; number += 1) tasks.push(await taskOf(directory, number));
      await atOnce(tasks, (task) => launch(launcher, task));
      const cost = new Cost(
        tasks.map(({ sampled }) => sampled),
        rootPath,
      );
      say(`${SAMPLES} samples, one every ${SAMPLE_MS / 1000} s, unwatched and watched`);
      const unwatched = await cost.measure(SAMPLES, SAMPLE_MS, false);
      const watched = await cost.measure(SAMPLES, SAMPLE_MS, true);
      return [
        resultOf('usage.core_share', unwatched),
        resultOf('usage.core_share_watched', watched),
      ];
    } finally {
      await atOnce(tasks, async ({ request }) => {
        await launcher.stop(request.unit, 'SIGKILL');
      });
      await release();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const resultOf = (name: string, value: number): Result => ({
  name,
  value: rounded(value * 100),
  unit: '% of a core',
  aim: AIM * 100,
  reference: null,
});

async function taskOf(directory: string, number: number): Promise<Task> {
  const task = TaskRef.parse({
    principal: 'batch',
    frameworkId: 'sleepers',
    taskId: `sleeper-${number}`,
  });
  const made = await createSandbox(directory, { cluster: CLUSTER, agentId: AGENT, ...task });
  if (!made.ok) throw new Error(made.failure.message);
  const { unit, runDirectory } = made.directories;
  const command = ['sleep', '1000'];
  return {
    sampled: { unit, runDirectory, task },
    request: { ...made.directories, command, environment: {}, limits: LIMITS },
  };
}

async function launch(launcher: TaskLauncher, { request }: Task): Promise<void> {
  const outcome = await launcher.launch(request);
  if (!outcome.ok) throw new Error(outcome.failure.message);
}

async function atOnce(tasks: readonly Task[], work: (task: Task) => Promise<void>): Promise<void> {
  const left = tasks.values();
  const workers = Array.from({ length: LAUNCHES_AT_ONCE }, async () => {
    for (const task of left) await work(task);
  });
  await Promise.all(workers);
}

/** As the agent measures and tells. */
class Cost {
  readonly #units: readonly SampledUnit[];
  readonly #sampler: UsageSampler;
  readonly #meter = new UsageMeter(performance.now());

  constructor(units: readonly SampledUnit[], rootPath: string) {
    this.#units = units;
    this.#sampler = new UsageSampler({ rootPath, nowMs: () => performance.now() });
  }

  /** CPU time of this process by the time that passed, after a look that opens the files it needs. */
  async measure(samples: number, pauseMs: number, isWatched: boolean): Promise<number> {
    await this.#sample(isWatched);
    const before = process.cpuUsage();
    const beganMs = performance.now();
    for (let sample = 0; sample < samples; sample += 1) {
      await this.#sample(isWatched);
      await wait(pauseMs);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / (performance.now() - beganMs);
  }

  async #sample(isWatched: boolean): Promise<void> {
    const { readings } = await this.#sampler.sample(this.#units, isWatched);
    if (readings.length !== UNITS) throw new Error(`${readings.length} of ${UNITS} were measured`);
    const now = { nowMs: performance.now(), wallTimeMs: Date.now() };
    const report = this.#meter.report(readings, now);
    encodeMessage(SUBJECTS.usage, CLUSTER, { agentId: AGENT }, report.totals);
    if (!isWatched) return;
    for (const part of partsOf(report)) {
      encodeMessage(SUBJECTS.unitsUsage, CLUSTER, { agentId: AGENT }, part);
    }
  }
}

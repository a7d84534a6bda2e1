// Owns the four frameworks in small on real agents: processes of the real services, frameworks of the real SDK, tasks that sleep.
// The same jobs once in one cluster, once with each framework on a static quarter of its agents, and once more as the simulator
// has it, which says whether virtual time tells the truth.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { chooseIsolation } from '@parley/cli/local-cluster/isolation-choice';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { ClusterName } from '@parley/protocol/ids';
import { normalise } from '@parley/resources/resources';
import { benchCluster } from '../bench-cluster.ts';
import type { Result } from '../measurement.ts';
import { JobFramework } from './job-framework.ts';
import { type RealMember, RealPlace } from './real-place.ts';
import { draw, PAPER_TIMES, result, timesOf, totalsOf } from './sharing-figures.ts';
import { runShared, runStatic, type Sample, type SharingRun } from './sharing-run.ts';
import { smallWorkloads, warmUps } from './small-workloads.ts';
import type { Workload } from './workloads.ts';

const CLUSTER = ClusterName.parse('bench-sharing');
const PRINCIPAL = 'batch';
const AGENTS = 8;
/** Half of the paper's node. Lends what nobody uses: tasks sleep. */
const SHARE = { cpuMillis: 2000, memoryMib: 7680, diskMib: 64 };
const TOTAL = normalise({ scalars: { cpus: 2000, mem: 7680 * 1000 } });
const SAMPLE_MS = 500;
const TIMEOUT_MS = 240_000;
/** By share of the cluster; the paper measured what was used, by hosts. */
const PAPER_GAIN = 10;

export type RealSharing = {
  readonly seed: number;
  readonly isolation: string;
  readonly pictures: string | undefined;
};

export async function measureReal(
  { seed, isolation, pictures }: RealSharing,
  say: (line: string) => void,
): Promise<Result[]> {
  if (isolation !== 'process' && isolation !== 'auto') {
    throw new Error(`--isolation takes "process" or "auto", not "${isolation}"`);
  }
  const workloads = smallWorkloads(seed);
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-sharing-'));
  const chosen = await chooseIsolation(isolation);
  const plan = { directory, name: CLUSTER, isolation: chosen, share: SHARE, agents: AGENTS };
  const cluster = benchCluster(plan, say);
  try {
    await cluster.start();
    const run = (part: number | undefined) => runReal(cluster, workloads, part, say);
    await runReal(cluster, warmUps(AGENTS), 1, say);
    say(`four frameworks share ${AGENTS} real agents`);
    const shared = await run(undefined);
    const load = { shared: loadavg()[0] ?? 0, static: 0 };
    say(`each has ${AGENTS / workloads.length} of them; sharing took ${seconds(shared.endMs)} s`);
    const apart = await run(AGENTS / workloads.length);
    load.static = loadavg()[0] ?? 0;
    say(`static parts took ${seconds(apart.endMs)} s; now both in virtual time`);
    if (pictures !== undefined) {
      const how = { folder: pictures, name: 'sharing-real', pointMs: SAMPLE_MS };
      draw(how, shared, apart);
    }
    return [...resultsOf(shared, apart), ...loads(load), ...simulated(workloads, seed)];
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

/** `part`: so many agents for each framework, and no others. */
async function runReal(
  cluster: LocalCluster,
  workloads: readonly Workload[],
  part: number | undefined,
  say: (line: string) => void,
): Promise<SharingRun> {
  const members = workloads.map(({ name }, index): RealMember => {
    if (part === undefined) return { name };
    const agents = Array.from({ length: part }, (_, each) => `agent-${index * part + each + 1}`);
    return { name, agents };
  });
  const failures: Error[] = [];
  const place = await RealPlace.connect(
    { credential: cluster.credentialFile('principal', PRINCIPAL), role: PRINCIPAL },
    members,
    (error) => {
      failures.push(error);
      say(error.message);
    },
  );
  try {
    const frameworks = workloads.map((workload) => new JobFramework(place, workload));
    const samples: Sample[] = [];
    for (let index = 0; frameworks.some(({ isDone }) => !isDone); index += 1) {
      samples.push(sampleOf(frameworks, index * SAMPLE_MS));
      await wait(Math.max(0, (index + 1) * SAMPLE_MS - place.nowMs));
      const [failure] = failures;
      if (failure !== undefined) throw failure;
      if (place.nowMs > TIMEOUT_MS) throw new Error(`not over within ${TIMEOUT_MS / 1000} s`);
    }
    const completions = new Map(frameworks.map(({ name, completions: all }) => [name, all]));
    const endMs = Math.max(...[...completions.values()].flat().map((one) => one.endMs));
    return { completions, samples, endMs };
  } finally {
    await place.close();
  }
}

function sampleOf(frameworks: readonly JobFramework[], atMs: number): Sample {
  const partOf = (name: string, amount: number): number =>
    amount / (AGENTS * (TOTAL.scalars[name] ?? Number.NaN));
  const sum = (name: string): number =>
    frameworks.reduce((all, framework) => all + framework.heldOf(name), 0);
  const shares = frameworks.map((framework) => {
    const parts = ['cpus', 'mem'].map((each) => partOf(each, framework.heldOf(each)));
    return [framework.name, Math.max(...parts)];
  });
  return {
    atMs,
    cpus: partOf('cpus', sum('cpus')),
    mem: partOf('mem', sum('mem')),
    shares: Object.fromEntries(shares),
  };
}

/** Seconds of ours are not the paper's: its jobs are longer. */
function resultsOf(shared: SharingRun, apart: SharingRun): Result[] {
  const times = timesOf('sharing.real', PAPER_TIMES, totalsOf(shared), totalsOf(apart));
  const [together, alone] = [meanCpus(shared, shared.endMs), meanCpus(apart, shared.endMs)];
  return [
    ...times.map((one) => (one.unit === 'x' ? one : { ...one, reference: null })),
    result('sharing.real.cpus.static', alone, '%'),
    result('sharing.real.cpus.shared', together, '%'),
    result('sharing.real.cpus.gain', 100 * (together / alone - 1), '%', PAPER_GAIN),
    result('sharing.real.end.static', apart.endMs / 1000, 's'),
    result('sharing.real.end.shared', shared.endMs / 1000, 's'),
  ];
}

/** Of the last minute of each run: the two are to be compared only where the machine had as much else to do. */
const loads = (load: { readonly shared: number; readonly static: number }): Result[] => [
  result('sharing.real.load.static', load.static, 'processes'),
  result('sharing.real.load.shared', load.shared, 'processes'),
];

/** Per cent, from the beginning until then; nothing is allocated after the end. */
function meanCpus({ samples }: SharingRun, endMs: number): number {
  const count = Math.ceil(endMs / SAMPLE_MS);
  const sum = samples.slice(0, count).reduce((all, { cpus }) => all + cpus, 0);
  return (100 * sum) / count;
}

function simulated(workloads: readonly Workload[], seed: number): Result[] {
  const plan = { agents: AGENTS, total: TOTAL, seed, workloads };
  const [shared, apart] = [runShared(plan), runStatic(plan)];
  return timesOf('sharing.simulated', {}, totalsOf(shared), totalsOf(apart));
}

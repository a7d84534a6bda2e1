// Owns the benchmark of the Mesos paper's macrobenchmark (Hindman et al., NSDI 2011, section 6.1) in virtual time: four
// frameworks in one cluster beside each in a static quarter of it; and how far shares come apart when tasks are allocated,
// beside whole agents. Its tables and pictures; what is simulated is in virtual-cluster.ts.
import type { Benchmark, Result } from '../measurement.ts';
import { readSeed, VIRTUAL_OPTIONS } from '../virtual/virtual-options.ts';
import { type Deviation, type Granularity, measureDeviation } from './deviation-case.ts';
import { measureReal } from './real-sharing.ts';
import {
  draw,
  meansOf,
  PAPER_TIMES,
  type PaperTimes,
  result,
  timesOf,
  totalsOf,
} from './sharing-figures.ts';
import { meanUntil, runShared, runStatic, type SharingRun } from './sharing-run.ts';
import { workloads } from './workloads.ts';

const AGENTS = 96;
const DEVIATION_SECONDS = 600;
/** In pictures. */
const POINT_MS = 20_000;

/** By kind of job likewise, one job. */
const PAPER_KINDS: PaperTimes = {
  'selection-1': { static: 24, speedup: 0.84 },
  'text-2': { static: 31, speedup: 0.9 },
  'aggregation-10': { static: 82, speedup: 0.94 },
  'selection-50': { static: 65, speedup: 1.4 },
  'aggregation-100': { static: 192, speedup: 1.26 },
  'selection-200': { static: 136, speedup: 1.71 },
  'text-400': { static: 137, speedup: 2.14 },
  'join-400': { static: 662, speedup: 1.35 },
  'text-2400': { static: 314, speedup: 2.21 },
  als: { static: 337, speedup: 1.36 },
  'tachyon-small': { static: 261, speedup: 0.91 },
  'tachyon-large': { static: 822, speedup: 0.88 },
};
const PAPER_GAINS = { cpus: 10, mem: 17 } as const;

export const sharingBenchmark: Benchmark = {
  name: 'sharing',
  summary:
    'four frameworks in one cluster beside static partitions, in virtual time or (--real) small',
  options: { ...VIRTUAL_OPTIONS, real: { type: 'boolean' }, isolation: { type: 'string' } },
  run: async (say, _only, options) => {
    const seed = readSeed(options);
    if (options['real'] !== undefined) {
      const { isolation = 'process', pictures } = options;
      return measureReal({ seed, isolation, pictures }, say);
    }
    const plan = { agents: AGENTS, seed, workloads: workloads(seed) };
    say(`four frameworks share ${AGENTS} agents`);
    const shared = runShared(plan);
    say(`each has ${AGENTS / plan.workloads.length} of them`);
    const apart = runStatic(plan);
    const deviations = (['tasks', 'agents'] as const).map((granularity) => {
      say(`shares while everybody wants more, ${granularity} allocated`);
      const seconds = DEVIATION_SECONDS;
      const deviation = measureDeviation({ agents: AGENTS, seed, seconds, granularity });
      return { granularity, deviation };
    });
    const folder = options['pictures'];
    if (folder !== undefined) draw({ folder, name: 'sharing', pointMs: POINT_MS }, shared, apart);
    return [
      ...timesOf('sharing', PAPER_TIMES, totalsOf(shared), totalsOf(apart)),
      ...utilisationOf(shared, apart),
      ...deviations.flatMap(deviationResults),
      ...timesOf('sharing.job', PAPER_KINDS, meansOf(shared), meansOf(apart)),
    ];
  },
};

/** Until the shared run has ended: by then the same was submitted to both. */
function utilisationOf(shared: SharingRun, apart: SharingRun): Result[] {
  return (['cpus', 'mem'] as const).flatMap((name) => {
    const mean = (run: SharingRun): number =>
      100 * meanUntil(run, shared.endMs, (sample) => sample[name]);
    const [together, alone] = [mean(shared), mean(apart)];
    return [
      result(`sharing.${name}.static`, alone, '%'),
      result(`sharing.${name}.shared`, together, '%'),
      result(`sharing.${name}.gain`, 100 * (together / alone - 1), '%', PAPER_GAINS[name]),
    ];
  });
}

type Deviating = { readonly granularity: Granularity; readonly deviation: Deviation };
const deviationResults = ({ granularity, deviation }: Deviating): Result[] => [
  result(`sharing.deviation.${granularity}.greatest`, deviation.greatest, '% of the cluster'),
  result(`sharing.deviation.${granularity}.mean`, deviation.mean, '% of the cluster'),
];

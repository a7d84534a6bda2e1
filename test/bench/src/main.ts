// Owns the command `npm run bench [-- NAME] [--only TEXT] [--json]`: which benchmarks there are, which run, where output goes.
// With --json the results are one object on standard output; what is going on is told on standard error.
import { parseArgs } from 'node:util';
import { allocationGridBenchmark } from './allocation/grid-benchmark.ts';
import { allocationBenchmark } from './allocation-benchmark.ts';
import { besideBenchmark } from './beside/beside-benchmark.ts';
import { beyondBenchmark } from './beyond/beyond-benchmark.ts';
import { coldstartBenchmark } from './coldstart-benchmark.ts';
import { factsBenchmark } from './facts-benchmark.ts';
import { failoverBenchmark } from './failover/failover-benchmark.ts';
import { gatewayBenchmark } from './gateway/gateway-benchmark.ts';
import { heedInterruptions } from './interruption.ts';
import { isolationBenchmark } from './isolation/isolation-benchmark.ts';
import { journalBenchmark } from './journal-benchmark.ts';
import { latencyBenchmark } from './latency-benchmark.ts';
import { launchBenchmark } from './launch/launch-benchmark.ts';
import { localityBenchmark } from './locality/locality-benchmark.ts';
import type { Benchmark, Result } from './measurement.ts';
import { replayBenchmark } from './replay-benchmark.ts';
import { asTable, describeMachine, type Report } from './report.ts';
import { restartBenchmark } from './restart-benchmark.ts';
import { scaleBenchmark } from './scale/scale-benchmark.ts';
import { sharingBenchmark } from './sharing/sharing-benchmark.ts';
import { soakBenchmark } from './soak/soak-benchmark.ts';
import { stormBenchmark } from './storm/storm-benchmark.ts';
import { usageBenchmark } from './usage-benchmark.ts';

const BENCHMARKS: readonly Benchmark[] = [
  allocationBenchmark,
  allocationGridBenchmark,
  factsBenchmark,
  journalBenchmark,
  launchBenchmark,
  latencyBenchmark,
  coldstartBenchmark,
  failoverBenchmark,
  replayBenchmark,
  usageBenchmark,
  restartBenchmark,
  isolationBenchmark,
  scaleBenchmark,
  beyondBenchmark,
  sharingBenchmark,
  localityBenchmark,
  gatewayBenchmark,
  soakBenchmark,
  stormBenchmark,
  besideBenchmark,
];

heedInterruptions();
process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: { ...ownOptions(), json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [name, ...others] = positionals;
  const chosen = BENCHMARKS.filter((one) => name === undefined || one.name === name);
  if (chosen.length === 0 || others.length > 0) {
    const lines = BENCHMARKS.map((one) => `  ${one.name.padEnd(17)}${one.summary}`);
    process.stderr.write(
      `usage: npm run bench [-- NAME] [--only TEXT] [--json]\n${lines.join('\n')}\n`,
    );
    return 2;
  }
  const { json, ...told } = values;
  const options = Object.fromEntries(
    Object.entries(told).map(([key, value]) => [key, String(value)]),
  );
  const only = options['only'] ?? '';
  const results: Result[] = [];
  for (const benchmark of chosen) {
    results.push(
      ...(await benchmark.run(
        (line) => process.stderr.write(`${benchmark.name}: ${line}\n`),
        only,
        options,
      )),
    );
  }
  const report: Report = { benchmark: name ?? 'all', machine: describeMachine(), results };
  process.stdout.write(`${json === true ? JSON.stringify(report) : asTable(report)}\n`);
  return results.some(({ isBroken }) => isBroken === true) ? 1 : 0;
}

/** Of all benchmarks: each heeds its own. */
function ownOptions(): Record<string, { readonly type: 'string' | 'boolean' }> {
  const all: Record<string, { readonly type: 'string' | 'boolean' }> = { only: { type: 'string' } };
  for (const { options } of BENCHMARKS) Object.assign(all, options);
  return all;
}

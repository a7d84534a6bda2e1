// Owns `npm run sim`: one seed, or a number of seeds one after another, with a line for each.
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '20' },
  },
});

process.exitCode = run(
  values.seed === undefined
    ? range(Number(values.from), Number(values.count))
    : [Number(values.seed)],
);

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

function run(seeds: readonly number[]): number {
  let failed = 0;
  for (const seed of seeds) {
    try {
      const report = simulate(seed);
      process.stdout.write(
        `seed ${seed}: ${report.tasks} tasks, ${report.entries} entries, ${report.terms} terms, ${Math.round(report.virtualMs / 1000)} s of virtual time\n`,
      );
    } catch (error) {
      failed += 1;
      process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  process.stdout.write(`${seeds.length - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

// Owns `npm run sim`: one seed with everything that was drawn for it, or a number of seeds with a line for each.
import { parseArgs } from 'node:util';
import { drawPlan } from './plan.ts';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '20' },
    'until-failed': { type: 'boolean', default: false },
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
  const begunMs = performance.now();
  let failed = 0;
  let passed = 0;
  for (const seed of seeds) {
    if (values.seed !== undefined) print(JSON.stringify(drawPlan(seed), undefined, 2));
    try {
      const report = simulate(seed);
      passed += 1;
      print(
        `seed ${seed}: ${report.tasks} tasks, ${report.entries} entries, ${report.terms} terms, ${report.skipped} left out, ${Math.round(report.virtualMs / 1000)} s of virtual time, ends in ${report.hash.slice(0, 16)}`,
      );
    } catch (error) {
      failed += 1;
      print(error instanceof Error ? error.message : String(error));
      if (values['until-failed']) break;
    }
  }
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  print(`${passed} passed, ${failed} failed, in ${seconds} s`);
  return failed === 0 ? 0 : 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

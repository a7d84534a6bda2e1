// Owns the seeds that once broke a rule and are run for good: `36` is one of the random runs, `S8 123` of a scenario.
import { readFileSync } from 'node:fs';

const lines = readFileSync(new URL('../seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => line.split('#')[0]?.trim() ?? '')
  .filter((line) => line !== '');

/** Of the random runs, or of the scenario of this name. */
export function keptSeeds(scenario?: string): number[] {
  return lines.flatMap((line) => {
    const [seed, name] = line.split(/\s+/).reverse();
    return name === scenario ? [Number(seed)] : [];
  });
}

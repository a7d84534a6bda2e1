// Owns `npm run sim`: one seed with everything that was drawn for it, or a number of seeds with a line for each; of the
// random runs, or of a named scenario.
import { parseArgs } from 'node:util';
import { drawPlan } from './plan.ts';
import { playScenario } from './scenario.ts';
import { SCENARIOS, scenarioOf } from './scenarios/all.ts';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '20' },
    /** A name, or `list`. */
    scenario: { type: 'string' },
    'until-failed': { type: 'boolean', default: false },
  },
});

if (values.scenario === 'list') for (const { name, about } of SCENARIOS) print(`${name}: ${about}`);
else process.exitCode = run(seeds(), values.scenario ? playerOf(values.scenario) : simulateOne);

function seeds(): number[] {
  if (values.seed !== undefined) return [Number(values.seed)];
  return Array.from({ length: Number(values.count) }, (_, index) => Number(values.from) + index);
}

/** The value is a line about the run; throws what broke. */
type Player = (seed: number) => string;

function playerOf(name: string): Player {
  const scenario = scenarioOf(name);
  return (seed) => {
    playScenario(scenario, seed);
    return `${name}, seed ${seed}: ${scenario.about}`;
  };
}

function simulateOne(seed: number): string {
  if (values.seed !== undefined) print(JSON.stringify(drawPlan(seed), undefined, 2));
  const { tasks, entries, terms, skipped, virtualMs, hash } = simulate(seed);
  return `seed ${seed}: ${tasks} tasks, ${entries} entries, ${terms} terms, ${skipped} left out, ${Math.round(virtualMs / 1000)} s of virtual time, ends in ${hash.slice(0, 16)}`;
}

function run(all: readonly number[], play: Player): number {
  const begunMs = performance.now();
  let failed = 0;
  let passed = 0;
  for (const seed of all) {
    try {
      print(play(seed));
      passed += 1;
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

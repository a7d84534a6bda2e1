// Owns `npm run sim`: one seed with everything that was drawn for it, or a number of seeds with a line for each; of the
// random runs, or of a named scenario.
import { unreachable } from '@parley/protocol/unreachable';
import { readConfig, type SimulationConfig, USAGE } from './config.ts';
import { drawPlan } from './plan.ts';
import { playScenario, type Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { simulate } from './simulation.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const config = readConfig(words);
  if (!config.ok) {
    process.stderr.write(`sim: ${config.failure.message}\n`);
    return 2;
  }
  switch (config.value.kind) {
    case 'help':
      print(USAGE);
      return 0;
    case 'listScenarios':
      for (const { name, about } of SCENARIOS) print(`${name}: ${about}`);
      return 0;
    case 'run':
      return run(config.value);
    default:
      return unreachable(config.value);
  }
}

type RunConfig = Extract<SimulationConfig, { kind: 'run' }>;

async function run({ seeds, isSingle, scenario, untilFailed }: RunConfig): Promise<number> {
  const begunMs = performance.now();
  let failed = 0;
  let passed = 0;
  for (const seed of seeds) {
    try {
      if (isSingle && !scenario) print(JSON.stringify(drawPlan(seed), undefined, 2));
      print(await (scenario ? playOne(scenario, seed) : simulateOne(seed)));
      passed += 1;
    } catch (error) {
      failed += 1;
      print(error instanceof Error ? error.message : String(error));
      if (untilFailed) break;
    }
  }
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  print(`${passed} passed, ${failed} failed, in ${seconds} s`);
  return failed === 0 ? 0 : 1;
}

/** The value is a line about the run; throws what broke. */
async function playOne(scenario: Scenario, seed: number): Promise<string> {
  await playScenario(scenario, seed);
  return `${scenario.name}, seed ${seed}: ${scenario.about}`;
}

/** Likewise. */
async function simulateOne(seed: number): Promise<string> {
  const { tasks, entries, terms, skipped, virtualMs, hash } = await simulate(seed);
  return `seed ${seed}: ${tasks} tasks, ${entries} entries, ${terms} terms, ${skipped} left out, ${Math.round(virtualMs / 1000)} s of virtual time, ends in ${hash.slice(0, 16)}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

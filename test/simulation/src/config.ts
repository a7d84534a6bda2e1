// Owns what `npm run sim` is told: the arguments of its command line, and what it tells of itself.
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';

const DEFAULT_COUNT = 20;
const MAX_COUNT = 1_000_000;
/** What is drawn from: 32 bits. */
const MAX_SEED = 2 ** 32 - 1;

export const USAGE = `usage: npm run sim -- [--seed N | --from N --seeds N] [--scenario NAME] [--until-failed]
Runs whole clusters in one process, in virtual time, under faults drawn from a seed, and checks every rule that must
hold. The same seed makes the same run.
  --seed N            one run; of a random one, what was drawn is shown too
  --from N            first of several seeds (default: 1)
  --seeds N           how many of them (default: ${DEFAULT_COUNT})
  --scenario NAME     the named scenario instead of random runs; "list" shows which there are
  --until-failed      ends with the first run that fails
Examples:
  npm run sim                                      seeds 1 to ${DEFAULT_COUNT}
  npm run sim -- --from 1000 --seeds 500 --until-failed
  npm run sim -- --seed 36                         repeats one run
  npm run sim -- --scenario S8 --seed 7            repeats one run of a scenario
Output: a line for each run. Of a random one: tasks started, entries of the journal, terms that leaders were given,
inputs left out because the master's core threw, virtual time, and the hash of the final state, by which two runs are
compared. Of a run that fails: the rule that broke, the command that repeats it, its faults, and the last of what
happened. Ends with 0 when all hold, 1 when one failed, 2 when an argument is wrong. A seed that broke a rule is kept
in test/simulation/seeds.txt: the tests run it for good.`;

export type SimulationConfig =
  | { readonly kind: 'help' | 'listScenarios' }
  | {
      readonly kind: 'run';
      readonly seeds: readonly number[];
      /** One run was asked for by its seed. */
      readonly isSingle: boolean;
      /** Undefined: random runs. */
      readonly scenario: Scenario | undefined;
      readonly untilFailed: boolean;
    };

const OPTIONS = {
  help: { type: 'boolean', short: 'h', default: false },
  seed: { type: 'string' },
  from: { type: 'string', default: '1' },
  seeds: { type: 'string', default: String(DEFAULT_COUNT) },
  scenario: { type: 'string' },
  'until-failed': { type: 'boolean', default: false },
} as const;

/** Fails with `malformed`; the message is one line that names the argument and what it may be. */
export function readConfig(words: readonly string[]): Outcome<SimulationConfig> {
  try {
    const { values } = parseArgs({ args: [...words], options: OPTIONS });
    if (values.help) return succeed({ kind: 'help' });
    if (values.scenario === 'list') return succeed({ kind: 'listScenarios' });
    return succeed({
      kind: 'run',
      seeds: seedsOf(values),
      isSingle: values.seed !== undefined,
      scenario: values.scenario === undefined ? undefined : scenarioOf(values.scenario),
      untilFailed: values['until-failed'],
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Those of parseArgs may have several lines.
    const what = message.replaceAll('\n', ' ').replace(/\.$/, '');
    return fail('malformed', `${what}; npm run sim -- --help shows what there is`);
  }
}

type SeedWords = { readonly seed?: string; readonly from: string; readonly seeds: string };

function seedsOf({ seed, from, seeds }: SeedWords): number[] {
  if (seed !== undefined) return [wholeNumber('--seed', seed, 0, MAX_SEED)];
  const first = wholeNumber('--from', from, 0, MAX_SEED);
  const length = wholeNumber('--seeds', seeds, 1, MAX_COUNT);
  return Array.from({ length }, (_, index) => first + index);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new TypeError(`${name} ${text}: must be a whole number from ${least} to ${most}`);
}

function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario !== undefined) return scenario;
  const names = SCENARIOS.map((one) => one.name).join(', ');
  throw new TypeError(`--scenario ${name}: there is none of this name, only ${names}`);
}

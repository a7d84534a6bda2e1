// Owns the arguments of `npm run mutants`.
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

const SEEDS = 500;

const USAGE = `usage: npm run mutants -- [--only NAME] [--seeds N]
Makes deliberate defects, one after the other, in a copy of the tree, and has the simulator of that copy look for them.
  --only NAME   one of test/simulation/mutants/NAME.patch
  --seeds N     how many seeds it may need (default: ${SEEDS})
Output: a line for each mutant: its name, after how many seeds it was caught, and by which rule. Ends with 0 when all were
caught, 1 when one was not or its patch does not apply any more, 2 when an argument is wrong. The copy is removed.`;

export type MutantsConfig = {
  readonly only: string | undefined;
  readonly seeds: number;
  readonly isHelp: boolean;
  readonly usage: string;
};

const OPTIONS = {
  help: { type: 'boolean', short: 'h', default: false },
  only: { type: 'string' },
  seeds: { type: 'string', default: String(SEEDS) },
} as const;

/** Fails with `malformed`; the message is one line. */
export function readMutantsConfig(words: readonly string[]): Outcome<MutantsConfig> {
  try {
    const { values } = parseArgs({ args: [...words], options: OPTIONS });
    const seeds = Number(values.seeds);
    if (!/^\d+$/.test(values.seeds) || seeds < 1)
      return fail('malformed', `--seeds ${values.seeds}: must be a whole number of at least 1`);
    return succeed({ only: values.only, seeds, isHelp: values.help, usage: USAGE });
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}

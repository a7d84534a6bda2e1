// Owns what `npm run chaos` is told: the arguments of its command line, and what it tells of itself.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

const MAX_SEED = 2 ** 32 - 1;
const DEFAULT_MINUTES = 2;
const MAX_MINUTES = 24 * 60;
const DEFAULT_AGENTS = 3;
const MAX_AGENTS = 16;
const MINUTE_MS = 60_000;

export const USAGE = `usage: npm run chaos -- [--seed N] [--minutes M] [--agents K] [--keep]
Runs a whole cluster of real processes, each on a network host of its own, does to it what the seed says, heals it, and
checks that nothing was lost, run twice or left behind. Needs root, Linux with network namespaces, nft and libfaketime.
  --seed N      what is done, to whom and when (default: drawn)
  --minutes M   how long things are done; then it heals (default: ${DEFAULT_MINUTES})
  --agents K    how many agents there are, 1 to ${MAX_AGENTS} (default: ${DEFAULT_AGENTS})
  --keep        logs are kept whatever the outcome
Examples:
  npm run chaos
  npm run chaos -- --seed 7 --minutes 30
Output: each fault as it happens, what is waited for afterwards, and a summary. Of a run that fails: the rules that broke, the whole plan, and where the
logs are kept. Ends with 0 when all holds, 1 when a rule broke, 2 when an argument is wrong, 3 when this host cannot run it.
See infra/docs/chaos.md.`;

export type ChaosConfig = { readonly kind: 'help' } | RunConfig;
export type RunConfig = {
  readonly kind: 'run';
  readonly seed: number;
  readonly faultsMs: number;
  readonly agents: number;
  readonly keep: boolean;
};

const OPTIONS = {
  help: { type: 'boolean', short: 'h', default: false },
  seed: { type: 'string' },
  minutes: { type: 'string', default: String(DEFAULT_MINUTES) },
  agents: { type: 'string', default: String(DEFAULT_AGENTS) },
  keep: { type: 'boolean', default: false },
} as const;

/** Fails with `malformed`; the message is one line that names the argument and what it may be. */
export function readConfig(words: readonly string[]): Outcome<ChaosConfig> {
  try {
    const { values } = parseArgs({ args: [...words], options: OPTIONS });
    if (values.help) return succeed({ kind: 'help' });
    return succeed({
      kind: 'run',
      seed:
        values.seed === undefined
          ? randomInt(MAX_SEED)
          : wholeNumber('--seed', values.seed, 0, MAX_SEED),
      faultsMs: minutesOf(values.minutes) * MINUTE_MS,
      agents: wholeNumber('--agents', values.agents, 1, MAX_AGENTS),
      keep: values.keep,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Those of parseArgs may have several lines.
    const what = message.replaceAll('\n', ' ').replace(/\.$/, '');
    return fail('malformed', `${what}; npm run chaos -- --help shows what there is`);
  }
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && minutes > 0 && minutes <= MAX_MINUTES) return minutes;
  throw new TypeError(`--minutes ${text}: must be a number above 0, up to ${MAX_MINUTES}`);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new TypeError(`${name} ${text}: must be a whole number from ${least} to ${most}`);
}

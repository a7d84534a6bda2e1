// Owns what a file of a mutant says, and what the output of the simulator says about it.

export type Mutant = {
  readonly name: string;
  /** What it breaks. */
  readonly sentence: string;
  /** The named scenario that must catch it; undefined: the random runs. */
  readonly scenario: string | undefined;
  readonly patch: string;
};

export type Verdict =
  /** `rule`: what the simulator found broken, with which seed. */
  | { readonly kind: 'caught'; readonly seeds: number; readonly rule: string }
  | { readonly kind: 'survived' }
  | { readonly kind: 'stale'; readonly why: string }
  | { readonly kind: 'broken'; readonly why: string };

const HEAD = /^(?<sentence>.+)\nHunted by: (?<scenario>\S+)\n\n(?=diff --git )/;
const SUMMARY = /^(\d+) passed, (\d+) failed, in \d+ s$/m;
const SEED_LINE = /^(?:\S+, )?seed (\d+): (.+)$/;
/** Some lines below the one that says what broke. */
const REPEAT_LINE = /^at \d+ ms; repeat with/;
const MAX_RULE_LENGTH = 160;

/** A sentence, who hunts it, and the patch. Throws on anything else. */
export function readMutant(name: string, text: string): Mutant {
  const head = HEAD.exec(text);
  const { sentence, scenario } = head?.groups ?? {};
  if (head === null || sentence === undefined)
    throw new Error(`mutant ${name}: its file begins with a sentence and a line "Hunted by: ..."`);
  return {
    name,
    sentence,
    scenario: scenario === 'random' ? undefined : scenario,
    patch: text.slice(head[0].length),
  };
}

/** Of a run that ends with the first seed that fails. */
export function verdictOf(stdout: string, stderr: string): Verdict {
  const [, passed, failed] = SUMMARY.exec(stdout) ?? [];
  if (passed === undefined) return { kind: 'broken', why: (stderr || stdout).slice(0, 300) };
  if (failed === '0') return { kind: 'survived' };
  const lines = stdout.split('\n');
  const before = lines.slice(
    0,
    lines.findIndex((line) => REPEAT_LINE.test(line)),
  );
  const line = before.findLast((one) => SEED_LINE.test(one)) ?? '';
  const [, seed, what = 'it failed'] = SEED_LINE.exec(line) ?? [];
  return {
    kind: 'caught',
    seeds: Number(passed) + 1,
    rule: `${what.slice(0, MAX_RULE_LENGTH)} (seed ${seed})`,
  };
}

// Tests what is read of a mutant and of the run that looks for it, and that every mutant still fits the tree.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readMutant, verdictOf } from './mutant.ts';
import { readMutantsConfig } from './mutants-config.ts';
import { SCENARIOS } from './scenarios/all.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = fileURLToPath(new URL('../mutants', import.meta.url));
const files = readdirSync(folder);

describe('the mutants', () => {
  test('are eleven', () => expect(files).toHaveLength(11));

  test.each(files)('%s fits the tree, and something hunts it', (file) => {
    const { patch, scenario } = readMutant(file, readFileSync(join(folder, file), 'utf8'));
    const words = ['apply', '--check', '-'];
    const { stderr } = spawnSync('git', words, { cwd: root, input: patch, encoding: 'utf8' });
    expect(stderr).toBe('');
    const names = [undefined, ...SCENARIOS.map(({ name }) => name)];
    expect(names).toContain(scenario);
  });

  test('have a file that begins with what is broken and who hunts it', () => {
    const text = 'It breaks.\nHunted by: S5\n\ndiff --git a/x b/x\n';
    expect(readMutant('m', text)).toEqual({
      name: 'm',
      sentence: 'It breaks.',
      scenario: 'S5',
      patch: 'diff --git a/x b/x\n',
    });
    expect(() => readMutant('m', 'diff --git a/x b/x\n')).toThrow('mutant m: its file begins with');
  });
});

describe('a run that looks for a mutant', () => {
  test('has caught it when a seed failed, by the rule that the seed broke', () => {
    const output = [
      'seed 1: 3 tasks, 4 entries',
      'seed 2: order x is said and no stored entry says so',
      'more about it',
      'at 70 ms; repeat with: npm run sim -- --seed 2',
      '{}',
      '1 passed, 1 failed, in 3 s',
    ].join('\n');
    expect(verdictOf(output, '')).toEqual({
      kind: 'caught',
      seeds: 2,
      rule: 'order x is said and no stored entry says so (seed 2)',
    });
  });

  test('has not when all seeds passed', () => {
    expect(verdictOf('500 passed, 0 failed, in 9 s\n', '')).toEqual({ kind: 'survived' });
  });

  test('says nothing when it did not come to its end', () => {
    expect(verdictOf('', 'SyntaxError')).toEqual({ kind: 'broken', why: 'SyntaxError' });
  });
});

test('the arguments are refused in one line where they are wrong', () => {
  expect(readMutantsConfig([])).toMatchObject({ ok: true, value: { seeds: 500 } });
  expect(readMutantsConfig(['--only', 'x', '--seeds', '7'])).toMatchObject({
    value: { only: 'x', seeds: 7 },
  });
  expect(readMutantsConfig(['--seeds', '0'])).toMatchObject({
    failure: { message: '--seeds 0: must be a whole number of at least 1' },
  });
});

// Each test file of the repository is run by exactly one stage of `npm test`: one that none runs would never fail, and
// one that two run costs twice. Which files a stage runs is read from its command, as vitest does.
import { globSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { propertyFiles } from './property-files.ts';
import { SUITES } from './test-stages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = globSync('**/*.{test,spec}.{ts,mts,js,mjs}', {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
});
const isNamedProperty = (file: string): boolean => file.endsWith('.property.test.ts');
const isLong = (file: string): boolean => file.endsWith('.long.test.ts');

/** A filter is a part of the path; `--exclude` is followed by a pattern, and every other option stands by itself. */
function isRun(file: string, command: readonly string[]): boolean {
  const [, , ...rest] = command;
  const excluded = rest.filter((_, index) => rest[index - 1] === '--exclude');
  const filters = rest.filter((word) => !word.startsWith('--') && !excluded.includes(word));
  const isWanted = filters.some((filter) => file.includes(filter));
  return isWanted && !excluded.some((pattern) => matchesGlob(file, pattern));
}

function stagesOf(suite: string, file: string): string[] {
  return (SUITES[suite] ?? [])
    .filter(({ kind, command }) => kind === 'vitest' && isRun(file, command))
    .map(({ name }) => name);
}

test('every test file is run by exactly one stage of npm test, and a long one by none', () => {
  expect(files.length).toBeGreaterThan(100);
  const wrong = files
    .map((file) => ({ file, stages: stagesOf('all', file) }))
    .filter(({ file, stages }) => stages.length !== (isLong(file) ? 0 : 1));
  expect(wrong).toEqual([]);
});

test('npm run test:long runs every long test file, and once more every file with properties', () => {
  const ofStage = (name: string): string[] =>
    files.filter((file) => stagesOf('long', file).includes(name));
  expect(ofStage('long variants')).toEqual(files.filter(isLong));
  expect(files.filter(isLong)).not.toEqual([]);
  const withProperties = ofStage('properties from new seeds');
  expect(withProperties.toSorted()).toEqual(propertyFiles());
  expect(withProperties).toEqual(expect.arrayContaining(files.filter(isNamedProperty)));
});

test('what has the host to itself is named as it is', () => {
  const alone = files.filter((file) =>
    stagesOf('all', file).includes('integration, one at a time'),
  );
  const named = SUITES['all']?.find(({ name }) => name === 'integration, one at a time')?.command;
  expect(named?.filter((word) => word.endsWith('.test.ts')).toSorted()).toEqual(alone.toSorted());
});

test('the quick tests are a part of the unit tests', () => {
  const quick = files.filter((file) => stagesOf('quick', file).length > 0);
  expect(quick).not.toEqual([]);
  for (const file of quick) expect(stagesOf('all', file)).toEqual(['unit and property']);
});

test.each([
  ['libs/test-kit/src/x.test.ts', 'unit and property'],
  ['libs/executor-sdk/src/x.test.ts', 'unit and property'],
  ['services/agent/src/x.integration.test.ts', 'integration'],
  ['libs/scheduler-sdk/src/deep/x.integration.test.ts', 'integration'],
  ['libs/actor/src/nats/x.test.ts', 'integration'],
  ['libs/isolation/src/x.test.ts', 'integration'],
  ['test/integration/src/bad-tasks.test.ts', 'integration, one at a time'],
  ['test/integration/src/x.test.ts', 'integration'],
  ['test/conformance/src/x.test.ts', 'integration'],
  ['test/browser/src/x.test.ts', 'integration'],
  ['test/simulation/src/x.test.ts', 'simulation'],
])('a test file %s would be run by the stage "%s"', (file, stage) => {
  expect(stagesOf('all', file)).toEqual([stage]);
});

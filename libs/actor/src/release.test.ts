import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RELEASE_VERSION } from './release.ts';

test('the version that is told to others is that of the release', () => {
  const file = new URL('../../../package.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8')).version).toBe(RELEASE_VERSION);
});

// Tests that the services of one test run find their code compiled: a cache that nobody uses would cost and help nobody.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CACHE_VARIABLE, fillCompileCache } from './compile-cache.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('a service that is started after the cache was filled takes all its code from there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-compiled-'));
  try {
    await fillCompileCache(root, directory);
    expect(readdirSync(directory)).not.toEqual([]);
    const { stderr } = spawnSync(
      process.execPath,
      [join(root, 'services/master/src/main.ts'), '--no-such-option'],
      {
        encoding: 'utf8',
        env: { ...process.env, [CACHE_VARIABLE]: directory, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
      },
    );
    const ofService = stderr.split('\n').filter((line) => line.includes('/src/'));
    const accepted = ofService.filter((line) => line.includes('was accepted'));
    expect(accepted.length).toBeGreaterThan(100);
    expect(ofService.filter((line) => line.includes('was not initialized'))).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 120_000);

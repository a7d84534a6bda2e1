// Owns the cache of compiled code that all processes of one test run share: without it each of some hundreds of masters,
// agents and commands takes the types out of the same files again. Node keeps it; this only says where, and fills it.
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

/** Node's own name: with it every process of Node reads and writes the cache. */
export const CACHE_VARIABLE = 'NODE_COMPILE_CACHE';

/** An argument that no service knows: it has loaded all its code when it says so and leaves. */
const UNKNOWN_OPTION = '--no-such-option';
const LIMIT_MS = 120_000;

/** Processes that are killed, as most in tests are, write no cache: so each service is run once until it leaves by itself. */
export async function fillCompileCache(root: string, directory: string): Promise<void> {
  const env = { ...process.env, [CACHE_VARIABLE]: directory };
  for (const main of globSync('services/*/src/main.ts', { cwd: root })) {
    const child = spawn(process.execPath, [join(root, main), UNKNOWN_OPTION], {
      env,
      stdio: 'ignore',
      timeout: LIMIT_MS,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve());
    });
  }
}

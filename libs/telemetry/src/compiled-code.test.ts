// Tests that a process which is killed leaves what it has compiled, where it was asked to, and nothing where it was not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const MODULE = fileURLToPath(new URL('compiled-code.ts', import.meta.url));
const LOADED = `const { keepCompiledCode } = await import(${JSON.stringify(MODULE)});`;
const LIVING = `console.log('up'); setInterval(() => undefined, 1000)`;

/** What lies in the directory after somebody killed the process that ran it, once it had said that it is up. */
async function leftBy(script: string, isNamed: boolean): Promise<string[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-compiled-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env;
  const env = isNamed ? { ...environment, NODE_COMPILE_CACHE: directory } : environment;
  const argv = ['--input-type=module', '--eval', `${LOADED} ${script} ${LIVING}`];
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes(path.sep),
  );
}

test('what a service has compiled is kept though it is killed', async () => {
  expect(await leftBy('keepCompiledCode();', true)).not.toEqual([]);
  expect(await leftBy('', true)).toEqual([]);
});

test('nothing is kept where nobody named a directory', async () => {
  expect(await leftBy('keepCompiledCode();', false)).toEqual([]);
});

// Tests `parley init` against a nats-server that is not ours to start: credentials and accounts first, then streams.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateNatsServer } from '@parley/setup/nats-server';
import { afterAll, expect, it } from 'vitest';

const main = new URL('../../../services/cli/src/main.ts', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'parley-init-'));
const environment = { ...process.env, PARLEY_DIRECTORY: directory };
let server: ChildProcess | undefined;

afterAll(async () => {
  if (server?.exitCode === null) {
    const ended = new Promise((resolve) => server?.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
});

const parley = (...words: string[]) =>
  promisify(execFile)(process.execPath, [main, ...words], { env: environment });

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

it('prepares a NATS that exists: says what to do first, then makes everything once, and a second time nothing', async () => {
  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  const words = [
    'init',
    '--cluster',
    'prod',
    '--nats',
    url,
    '--principals',
    'alice',
    '--agents',
    'a1,a2',
    '--json',
  ];
  const accounts = join(directory, 'init', 'prod', 'parley-prod.conf');
  const first = await parley(...words).catch((error) => error);
  expect(first.code).toBe(5);
  expect(first.stderr).toContain(accounts);
  expect(first.stderr).toContain('include parley-prod.conf');
  const configuration = `listen: "127.0.0.1:${port}"
jetstream { store_dir: "${join(directory, 'store')}", sync_interval: always, max_file_store: 1TB }
accounts { include "init/prod/parley-prod.conf" }
`;
  writeFileSync(join(directory, 'nats.conf'), configuration);
  const { path } = await locateNatsServer({ tier: 'reference' });
  server = spawn(path, ['-c', join(directory, 'nats.conf'), '-l', join(directory, 'log')]);
  await expect.poll(() => readLog(), { timeout: 30_000 }).toContain('Server is ready');
  const made = JSON.parse((await parley(...words)).stdout);
  expect(made.made).toContain('PARLEY_prod_JOURNAL');
  const again = JSON.parse((await parley(...words)).stdout);
  expect(again.made).toEqual([]);
  expect(again.present).toEqual(made.made);
  // No master has led yet: the journal is empty, and that can be read with the operator's new credential.
  const status = JSON.parse((await parley('status', '--json', '--context', 'prod')).stdout);
  expect(status).toMatchObject({ cluster: 'prod', journalSequence: 0, agents: [] });
}, 120_000);

it('prints what it would make, and changes nothing', async () => {
  const { stdout } = await parley('init', '--cluster', 'other', '--principals', 'bob', '--print');
  expect(stdout).toContain('PARLEY_other_JOURNAL');
  expect(stdout).toContain('principal_bob');
  expect(() => readFileSync(join(directory, 'init', 'other', 'parley-other.conf'))).toThrow(
    'ENOENT',
  );
});

function readLog(): string {
  try {
    return readFileSync(join(directory, 'log'), 'utf8');
  } catch {
    return '';
  }
}

// Owns the proof that a word count on a whole cluster of real processes is exact, and leaves nothing behind however it
// ends. The framework runs as its users run it: as a process with arguments.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedUpdates } from '@parley/actor/nats/provision';
import { addPrincipal } from '@parley/nats-server/principals';
import { PrincipalName, RoleName } from '@parley/protocol/ids';
import { workBucketName } from '@parley/protocol/streams';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import {
  alice,
  type Books,
  ClusterFixture,
  cluster,
  TEST_TIMEOUT_MS,
  until,
  WatchedProcess,
} from './cluster-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const MAIN = fileURLToPath(
  new URL('../../../services/framework-mapreduce/src/main.ts', import.meta.url),
);
const REFERENCE = `find "$1" -type f -print0 | while IFS= read -r -d '' f; do cat "$f"; echo; done |
LC_ALL=C tr -cs A-Za-z '\\n' | LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c`;
const run = promisify(execFile);

let fixture: ClusterFixture;
let books: Books;
let folder = '';
let input = '';
let job: WatchedProcess | undefined;

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  books = await fixture.follow();
});
afterAll(() => fixture?.close());

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'parley-wordcount-'));
  input = path.join(folder, 'input');
  mkdirSync(input);
});
afterEach(async () => {
  await job?.close();
  job = undefined;
  rmSync(folder, { recursive: true });
});

function write(name: string | Buffer, bytes: string | Uint8Array): void {
  const place = Buffer.concat([Buffer.from(`${input}/`), Buffer.from(name)]);
  mkdirSync(path.dirname(place.toString('latin1')), { recursive: true });
  writeFileSync(place, bytes);
}

function nastyInput(): void {
  write('plain.txt', "The the THE don't caf\u00e9 na\u00efve x\n");
  write('bytes', Uint8Array.from([0, 65, 0, 66, 255, 254, 97, 98, 128, 10, 13, 9, 99]));
  write('empty', '');
  write('ends', 'endsinword');
  write('folder/begins', 'beginsinword\n\n\n  \n');
  write('folder/-rf *', 'option like name');
  write('folder/new\nline "quoted" $x', 'a file of an odd name, the last word');
  write(Buffer.from([0xff, 0xfe, 0x80]), 'a name that is no text');
  write('long', `a ${'Xy'.repeat(3000)} b ${'xY'.repeat(3000)}`);
  write(
    'many',
    Array.from({ length: 3000 }, (_, n) => `word${'abcdefghij'[n % 10]}${n}`).join(' '),
  );
}

function start(...words: readonly string[]): WatchedProcess {
  const creds = ['--creds', fixture.credential('principal', 'alice')];
  job = new WatchedProcess('framework-mapreduce', [MAIN, ...creds, ...words]).start();
  return job;
}

async function count(...words: readonly string[]): Promise<{ code: number; output: string }> {
  const argv = [MAIN, '--creds', fixture.credential('principal', 'alice'), ...words];
  const limits = { timeout: TEST_TIMEOUT_MS };
  const ended = run(process.execPath, argv, limits).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  );
  return await ended;
}

/** `word<TAB>count` lines, as the plain pipeline of the shell counts. */
async function reference(): Promise<string> {
  const { stdout } = await run('bash', ['-c', REFERENCE, 'bash', input]);
  return stdout.replace(/^ *(\d+) (.*)$/gm, '$2\t$1');
}

async function objectsOfAlice(): Promise<string[]> {
  const identity = succeeded(readCredentialFile(fixture.credential('principal', 'alice')));
  const connection = succeeded(await openConnection(identity, 'work'));
  try {
    const objects = new Objm(jetstream(connection, { checkAPI: false }));
    const store = await objects.open(workBucketName(cluster, alice), false);
    return (await store.list()).map(({ name }) => name);
  } finally {
    await connection.close();
  }
}

/** No framework is left, so no task; nothing lies in the bucket or beside the table. */
async function expectNothingLeft(): Promise<void> {
  await until(
    () => books.state.frameworks.size === 0,
    () => 'every framework is removed',
  );
  expect(await objectsOfAlice()).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
}

describe('a word count', () => {
  test('of files that are meant to hurt equals what the shell counts, and leaves nothing', async () => {
    nastyInput();
    const table = path.join(folder, 'words');
    const small = ['--split-bytes', '2000', '--reducers', '3', '--mem', '32MiB'];
    const { code, output } = await count('--input', input, '--output', table, ...small, '--json');
    expect(code, output).toBe(0);
    const expected = await reference();
    expect(readFileSync(table, 'utf8')).toBe(expected);
    const lines = output.split('\n').filter((line) => line !== '');
    const done: unknown = JSON.parse(lines.at(-1) ?? '');
    const counts = expected
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([word = '', number]) => ({ word, count: Number(number) }));
    const commonest = counts.sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1));
    expect(done).toMatchObject({
      event: 'done',
      words: counts.reduce((sum, each) => sum + each.count, 0),
      distinct: counts.length,
      commonest: commonest.slice(0, 20),
    });
    await expectNothingLeft();
  });

  test('of no files ends with no words', async () => {
    const { code, output } = await count('--input', input);
    expect(code, output).toBe(0);
    expect(output).toContain('0 words');
    await expectNothingLeft();
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'that is interrupted by %s while maps run ends with 130, and leaves nothing',
    async (signal) => {
      nastyInput();
      const table = path.join(folder, 'words');
      const slow = ['--split-bytes', '2000', '--min-map-time', '120000'];
      const running = start(
        '--input',
        input,
        '--output',
        table,
        ...slow,
        '--mem',
        '32MiB',
        '--json',
      );
      await running.says('"waiting":0,"staging":0,"running":');
      expect(await running.end(signal), running.output).toBe(130);
      expect(readdirSync(folder)).toEqual(['input']);
      await expectNothingLeft();
    },
  );

  test('goes on when the server dies and comes back, and is exact', async () => {
    nastyInput();
    const table = path.join(folder, 'words');
    const paced = ['--split-bytes', '2000', '--min-map-time', '2000', '--mem', '32MiB', '--json'];
    const running = start('--input', input, '--output', table, ...paced);
    await running.says('"waiting":0,"staging":0,"running":');
    await fixture.killServer();
    await fixture.startServer();
    await running.says('"event":"done"');
    // It ends by itself: this signal does nothing to a process that runs.
    expect(await running.end('SIGCONT'), running.output).toBe(0);
    expect(readFileSync(table, 'utf8')).toBe(await reference());
    await expectNothingLeft();
  });
});

describe('what cannot be done is said with what to do', () => {
  test('an input folder that is missing', async () => {
    const missing = path.join(folder, 'missing');
    const { code, output } = await count('--input', missing);
    expect(code).toBe(2);
    expect(output).toContain(`"${missing}" does not exist. Check the path.`);
  });

  test('a table that cannot be written, before anything is counted', async () => {
    nastyInput();
    const { code, output } = await count('--input', input, '--output', `${folder}/no/words`);
    expect(code).toBe(2);
    expect(output).toContain('its folder does not exist');
    expect(output).not.toContain('counting');
  });

  test('a role that the principal may not use', async () => {
    const carol = PrincipalName.parse('carol');
    const member = { name: carol, roles: [RoleName.parse('ours')] };
    await addPrincipal(fixture.server, member, async (connection) => {
      succeeded(await provision(connection, [wantedUpdates(carol, { cluster, replicas: 1 })]));
    });
    const creds = ['--creds', fixture.credential('principal', carol)];
    const { code, output } = await count('--input', input, '--role', 'theirs', ...creds);
    expect(code).toBe(1);
    expect(output).toContain('principal carol may not use role theirs');
  });
});

// `parley task logs`, `files`, `exec` and `attach` on a whole cluster: what a person reads, what lands on the disk, and the
// exit codes. One task, first running and then over.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { alice, ClusterFixture, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { ClusterTerminal, type Typed } from './cluster-terminal.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const directory = mkdtempSync(path.join(tmpdir(), 'parley-task-files-'));
const fixture = new ClusterFixture();
const framework = new QueueFramework();
const TASK = 'alice/web/t1';
let terminal: ClusterTerminal;

beforeAll(async () => {
  await fixture.start();
  terminal = new ClusterTerminal({ fixture, directory, knowsContext: true });
  const script = `
    mkdir -p out/deep
    printf 'one\\ntwo\\nthree\\n' | tee out/lines
    head -c 1500000 /dev/zero | tr '\\0' x > out/deep/large
    printf '#!/bin/sh\\n' > out/tool; chmod 700 out/tool
    ln -s /etc/passwd out/link; mkfifo out/fifo; : > "$(printf 'out/two\\nlines')"
    : > ready
    ${fixture.waitAt('gate')}
    echo four; echo five >&2; exit 4`;
  await framework.connect(fixture, alice, 'web');
  framework.add([fixture.scriptTask('t1', script)]);
  await framework.untilRunning(1);
  const isReady = async () => (await type('files', 'list', TASK, 'ready')).exitCode === 0;
  await vi.waitUntil(isReady, WAITING);
});
afterAll(async () => {
  fixture.open();
  await framework.close();
  await fixture.close();
  rmSync(directory, { recursive: true, force: true });
});

const WAITING = { timeout: 30_000, interval: 200 };
const type = (...words: string[]): Promise<Typed> => terminal.type('task', ...words);

async function said(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await type(...words);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

test('a directory is listed with names that move no cursor, and one file by itself', async () => {
  const list = await said('files', TASK, 'out');
  expect(list).toMatch(/^0700 +file +10 +\S+Z +tool$/m);
  expect(list).toMatch(/^\d{4} +link +\d+ +\S+Z +link$/m);
  expect(list).toMatch(/^\d{4} +file +0 +\S+Z +two\\x0alines$/m);
  expect(await terminal.read('task', 'files', 'list', TASK, 'out/lines')).toEqual([
    expect.objectContaining({ name: 'lines', kind: 'file', size: 14 }),
  ]);
});

test('a file is read whole, by range and by its last lines', async () => {
  expect(await said('files', 'read', TASK, 'out/lines')).toBe('one\ntwo\nthree\n');
  expect(await said('files', 'read', TASK, 'out/lines', '--offset', '4', '--bytes', '3')).toBe(
    'two',
  );
  expect(await said('files', 'read', TASK, 'out/lines', '--offset', '-6')).toBe('three\n');
  expect(await said('logs', TASK, '--tail', '2')).toBe('two\nthree\n');
  expect((await said('files', 'read', TASK, 'out/deep/large')).length).toBe(1_500_000);
});

test('what is refused is said with why and what to do, and leaves with a code', async () => {
  const refusals: [string, number, RegExp][] = [
    ['out/link', 1, /is a link, and no regular file; links are not followed, .* \(notPermitted\)/],
    ['out/fifo', 1, /is a fifo, and no regular file; only regular files are read/],
    ['../../secret', 1, /it holds ".."; name a file in the sandbox without it/],
    ['out/two\\x0alines', 1, /it holds a newline or another control character; rename the file/],
    ['out/none', 3, /there is no "out\/none" in the sandbox of alice\/web\/t1/],
    ['out\\none', 2, /must have \\\\ for a backslash/],
  ];
  for (const [name, exitCode, why] of refusals) {
    const typed = await type('files', 'read', TASK, name);
    expect(typed, name).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(why) });
  }
  expect((await type('files', 'list', 'alice/web/t9')).stderr).toContain('add --agent AGENT');
  const elsewhere = await type('files', 'list', TASK, '--agent', 'a2');
  const hasIt = elsewhere.exitCode === 0;
  const other = await type('files', 'list', TASK, '--agent', hasIt ? 'a1' : 'a2');
  expect(hasIt ? other : elsewhere).toMatchObject({ exitCode: 3 });
});

test('a text is looked for as it is typed', async () => {
  expect(await said('files', 'search', TASK, 'out/lines', 't')).toBe('4: two\n8: three\n');
  expect(await type('files', 'search', TASK, 'out/lines', '.')).toMatchObject({ exitCode: 3 });
});

test('a folder is downloaded whole, without what would lead elsewhere, and nothing is written over', async () => {
  const place = path.join(directory, 'copy');
  const { exitCode, stdout, stderr } = await type('files', 'download', TASK, 'out', '--to', place);
  expect([exitCode, stdout]).toEqual([0, `${place}: 3 files, 1500024 bytes\n`]);
  expect(stderr.split('\n').sort()).toEqual([
    '',
    'left out: "out/fifo": it is a fifo',
    'left out: "out/link": links are not followed',
    'left out: "out/two\\x0alines": its name holds a newline or another control character',
  ]);
  expect(readFileSync(path.join(place, 'lines'), 'utf8')).toBe('one\ntwo\nthree\n');
  expect(readFileSync(path.join(place, 'deep/large'), 'utf8')).toBe('x'.repeat(1_500_000));
  expect(statSync(path.join(place, 'tool')).mode & 0o777).toBe(0o755);

  const file = path.join(directory, 'lines');
  writeFileSync(file, 'mine');
  const refused = await type('files', 'download', TASK, 'out/lines', '--to', directory);
  expect(refused).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('is there already'),
  });
  expect(readFileSync(file, 'utf8')).toBe('mine');
  await said('files', 'download', TASK, 'out/lines', '--to', directory, '--force');
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\n');
  expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('a command beside the task has its input, its outputs come apart, and its exit code is passed on', async () => {
  const script = 'pwd | grep -o "[^/]*$"; echo trouble >&2; exit 7';
  expect(await type('exec', TASK, '--', 'sh', '-c', script)).toEqual({
    exitCode: 7,
    stdout: 't1\n',
    stderr: 'trouble\n',
  });
  expect(await type('exec', TASK, '--', 'sh', '-c', 'kill -9 $$')).toMatchObject({ exitCode: 137 });
  expect(await said('exec', TASK, '--', 'cat')).toBe('');
  const large = await said('exec', TASK, '--', 'cat', 'out/deep/large');
  expect(large).toBe('x'.repeat(1_500_000));
  expect(await type('exec', '-t', TASK, '--', 'true')).toMatchObject({ exitCode: 2 });
  expect(await type('exec', 'alice/web/t9', '--', 'true')).toMatchObject({ exitCode: 3 });
});

test('at a terminal a command is told of its size and hears the keys, Ctrl-C as well', async () => {
  const script =
    'trap "echo caught; exit 5" INT; stty size; echo ready; while :; do sleep 0.1; done';
  const typed = await terminal.typeAtTerminal(
    { after: 'ready', keys: '\x03' },
    ...['task', 'exec', '-it', TASK, '--', 'sh', '-c', script],
  );
  // Node's raw mode still puts a carriage return before each line break, which a terminal shows as one.
  expect(typed.stdout).toMatch(/^40 120\r+\n/);
  expect(typed.stdout).toContain('caught');
  expect(typed.exitCode).toBe(5);
});

test('a command whose output nobody reads any more ends at once, and not only when its agent has waited for its client', async () => {
  const isThere = async (file: string): Promise<boolean> => {
    const pid = Number(await said('files', 'read', TASK, file));
    expect(pid).toBeGreaterThan(1);
    return existsSync(`/proc/${pid}`);
  };
  const waiting = 'echo $$ > killed; echo up; while [ -d "$HOME" ]; do sleep 0.1; done';
  const killed = terminal.watch('task', 'exec', TASK, '--', 'sh', '-c', waiting);
  await killed.says('up');
  await killed.end('SIGKILL');
  const endless = ['sh', '-c', 'echo $$ > piped; exec yes'];
  const piped = await terminal.typeInto('head -n 1', 'task', 'exec', TASK, '--', ...endless);
  expect(piped).toEqual({ exitCode: 0, stdout: 'y\n', stderr: '' });
  await vi.waitUntil(async () => !(await isThere('piped')), WAITING);
  expect(await isThere('killed')).toBe(true);
});

test('who runs a command, or is attached, is told why and what to do when the agent is killed', async () => {
  const [row] = (await terminal.read('task', 'list')) as { agent: 'a1' | 'a2' }[];
  const agent = fixture.service(row?.agent ?? 'a1');
  // It outlives its agent, but not what the test leaves.
  const script = 'echo up; while [ -d "$HOME" ]; do sleep 1; done';
  const executing = terminal.watch('task', 'exec', TASK, '--', 'sh', '-c', script);
  const attached = terminal.watch('task', 'attach', TASK, '--tail', '1');
  await Promise.all([executing.says('up'), attached.says('three')]);
  await agent.end('SIGKILL');
  const running = () => [executing, attached].filter(({ isRunning }) => isRunning);
  await expect.poll(() => running().map(({ name }) => name), WAITING).toEqual([]);
  expect(executing.output).toMatch(/was cut off: its agent a\d does not answer any more/);
  expect(executing.output).toMatch(/why: .*\n +what to do: .*begin it again/);
  expect(attached.output).toMatch(/its agent a\d does not answer\n +why: /);
  expect(attached.output).toMatch(/what to do: the task may go on; .*attach again/);
  expect([await executing.end('SIGTERM'), await attached.end('SIGTERM')]).toEqual([5, 5]);
  agent.start();
  const isBack = async () => (await type('files', 'list', TASK, 'ready')).exitCode === 0;
  await vi.waitUntil(isBack, WAITING);
});

test('who follows or is attached sees what comes, and is done when the task is over; its files stay', async () => {
  const attached = terminal.watch('task', 'attach', TASK, '--tail', '1');
  const following = terminal.watch('task', 'logs', TASK, '-f', '--tail', '1');
  await Promise.all([following.says('three'), attached.says('three')]);
  fixture.open();
  await following.says('four');
  await expect.poll(() => following.isRunning, WAITING).toBe(false);
  expect(following.output).toBe('three\nfour\n');
  expect(await said('files', 'read', TASK, 'stdout')).toBe('one\ntwo\nthree\nfour\n');
  await expect.poll(() => attached.isRunning, WAITING).toBe(false);
  expect(attached.output.split('\n').sort()).toEqual(['', 'five', 'four', 'three']);
  expect(await attached.end('SIGTERM')).toBe(4);
});

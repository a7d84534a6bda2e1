// Tests `parley start` as a user meets it: real server, real scopes, real frameworks; the commands on a kept cluster; the
// README's example; and that nothing is left. One cluster is kept for the whole file.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { ask } from '@parley/actor/nats/jetstream-requests';
import { openConnection } from '@parley/actor/nats/open-connection';
import { journalStreamName, snapshotStreamName } from '@parley/protocol/streams';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';

const clone = new URL('../../..', import.meta.url).pathname;
const main = join(clone, 'services/cli/src/main.ts');
const directory = mkdtempSync(join(tmpdir(), 'parley-start-'));
const input = join(directory, 'input');
const MINUTE_MS = 60_000;
const environment = { ...process.env, PARLEY_DIRECTORY: directory };

/** Names, bytes and shapes that break careless readers. */
function writeNastyInput(): void {
  mkdirSync(join(input, 'deep', 'er'), { recursive: true });
  writeFileSync(join(input, 'plain.txt'), 'The cat sat. THE CAT!\nno end of line: cat');
  writeFileSync(join(input, 'starts-where-the-other-ends'), 'cat\n');
  writeFileSync(
    join(input, 'deep', 'er', '-rf *; $(x) "q"\n.bin'),
    Buffer.from([0, 99, 97, 116, 0, 255, 254, 99, 97, 116]),
  );
  writeFileSync(
    Buffer.concat([Buffer.from(`${input}/deep/`), Buffer.from([0xff, 0xfe])]),
    'dog dog',
  );
  writeFileSync(join(input, 'long'), `${'x'.repeat(300_000)} ${'word '.repeat(5000)}`);
  writeFileSync(join(input, 'empty'), '');
  symlinkSync('/etc/passwd', join(input, 'link'));
}

/** The counts by the pipeline that defines them. */
function countsByPipeline(): string {
  const script = `find "$1" -type f -print0 | while IFS= read -r -d '' f; do cat "$f"; echo; done |
    LC_ALL=C tr -cs A-Za-z '\\n' | LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c |
    awk '{ print $2 "\\t" $1 }'`;
  return execFileSync('bash', ['-c', script, 'count', input], { encoding: 'utf8', maxBuffer: 1e8 });
}

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function start(words: readonly string[]): {
  child: ChildProcess;
  ended: Promise<Ended>;
  said: (text: string) => Promise<void>;
} {
  const child = spawn(process.execPath, [main, 'start', ...words], { env: environment });
  let stdout = '';
  let stderr = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout.on('data', (data) => {
    stdout += String(data);
    for (const one of waiting) if (stdout.includes(one.text)) one.resolve();
  });
  child.stderr.on('data', (data) => {
    stderr += String(data);
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  const said = (text: string) => new Promise<void>((resolve) => waiting.push({ text, resolve }));
  return { child, ended, said };
}

async function parley(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words], {
    env: environment,
    maxBuffer: 1e8,
  });
  return stdout;
}

/** By an allocator's log: a term of it has begun and not ended, and it knows what it needs to know. */
function isProposing(log: string): boolean {
  const count = (text: string): number => log.split(text).length - 1;
  const isLeading = count('term began') === count('term ended') + 1;
  return isLeading && count('proposes') > count('facts were lost');
}

/** Processes whose command line or environment names the folder of these tests. */
function processesLeft(): string[] {
  const left: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (commandLine.includes(directory)) left.push(`${pid} ${commandLine}`);
    } catch {
      // It has ended meanwhile.
    }
  }
  return left;
}

/** As only the provisioner may. */
async function deleteBooks(): Promise<void> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const file = files.find((name) => /provisioner[^/]*\.(creds|json)$/.test(name));
  if (file === undefined) throw new Error(`no provisioner among ${files.join(', ')}`);
  const identity = succeeded(readCredentialFile(join(directory, file)));
  const connection = succeeded(await openConnection(identity, 'books'));
  for (const name of [journalStreamName(identity.cluster), snapshotStreamName(identity.cluster)]) {
    const deleted = await ask(connection, `$JS.API.STREAM.DELETE.${name}`, '');
    expect(deleted.kind).toBe('answered');
  }
  await connection.close();
}

const mountsLeft = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory));

beforeAll(() => writeNastyInput());

afterAll(async () => {
  await parley('stop', '--name', 'kept').catch(() => '');
  rmSync(directory, { recursive: true, force: true });
});

describe('a kept cluster', () => {
  it(
    'counts every word of every file exactly, and goes on when it is kept',
    async () => {
      const output = join(directory, 'counts');
      const { ended } = start(['--keep', '--name', 'kept', '--input', input, '--output', output]);
      const { code, stdout, stderr } = await ended;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toMatch(/started in [\d.]+ s/);
      // Before the first task of the first framework.
      const link = /^console: (http:\/\/127\.0\.0\.1:\d+\/sign-in\?token=\S+)$/m.exec(stdout);
      expect(link?.index).toBeLessThan(stdout.indexOf('batch      share'));
      expect(stdout).toContain('The twenty commonest words:');
      for (const metric of ['ramp-up', 'job completion', 'allocated', 'slots'])
        expect(stdout).toContain(metric);
      expect(stdout).toContain('npx parley stop --name kept');
      expect(readFileSync(output, 'utf8')).toBe(countsByPipeline());
    },
    4 * MINUTE_MS,
  );

  it(
    'shows its state, its metrics and its tasks, also as JSON',
    async () => {
      const status = JSON.parse(await parley('status', '--json'));
      expect(status.cluster).toBe('kept');
      expect(['master-1', 'master-2']).toContain(status.leader.masterId);
      expect(status.agents).toHaveLength(3);
      const completed = status.metrics.jobs.filter(
        (job: { completionMs?: number }) => job.completionMs !== undefined,
      );
      expect(completed.length).toBeGreaterThanOrEqual(2);
      expect(status.metrics.utilisation.length).toBeGreaterThan(0);
      expect(await parley('status')).toContain(`led by ${status.leader.masterId}`);
      const { masters } = JSON.parse(await parley('master', 'list', '--json'));
      expect(masters.map(({ phase }: { phase: string }) => phase)).toEqual([
        'leading',
        'following',
      ]);
      // They answer over the bus themselves, and one of them proposes.
      for (const allocator of ['allocator-1', 'allocator-2']) {
        const answer = JSON.parse(await parley('log-level', allocator, 'info', '--json'));
        expect(answer).toEqual({ previous: 'info', level: 'info' });
      }
      const logs = [await parley('logs', 'allocator-1'), await parley('logs', 'allocator-2')];
      expect(logs.filter(isProposing)).toHaveLength(1);
      expect(JSON.parse(await parley('task', 'list', '--json'))).toEqual([]);
    },
    2 * MINUTE_MS,
  );

  it(
    'runs a command many times and passes its exit code on',
    async () => {
      const words = ['run', '--instances', '8', '--cpus', '0.1', '--mem', '32MiB', '--'];
      expect(await parley(...words, 'sh', '-c', 'exit 0')).toContain('8 of 8 runs finished');
      await expect(parley('run', '--instances', '1', '--', 'false')).rejects.toMatchObject({
        code: 1,
      });
    },
    MINUTE_MS,
  );

  it(
    'shows what a task wrote, and stops a task',
    async () => {
      const child = spawn(
        process.execPath,
        [main, 'run', '--', 'sh', '-c', 'echo from the sandbox; sleep 600'],
        { env: environment },
      );
      const ended = new Promise((resolve) => child.once('close', resolve));
      const running = await waitFor(async () => {
        const tasks = JSON.parse(await parley('task', 'list', '--json'));
        return tasks.find((task: { state: string }) => task.state === 'running');
      });
      expect(
        await waitFor(async () => (await parley('task', 'logs', running.task)) || undefined),
      ).toBe('from the sandbox\n');
      expect(await parley('task', 'kill', running.task, '--yes')).toContain('killed');
      // A killed run is not tried again: the command ends with a failed run.
      expect(await ended).toBe(1);
    },
    MINUTE_MS,
  );

  it('changes the level of a log while it runs', async () => {
    expect(JSON.parse(await parley('log-level', 'master-1', 'debug', '--json'))).toEqual({
      previous: 'info',
      level: 'debug',
    });
    expect(await parley('logs', 'master-1')).toContain('log level');
  });

  it(
    "lets a newcomer connect a framework of their own: the README's example",
    async () => {
      const added = JSON.parse(
        await parley('principal', 'add', 'newcomer', '--roles', 'demo', '--json'),
      );
      const output = await runReadmeExample(added.credential);
      expect(output).toContain('hello-0 is finished');
      expect(output.match(/is finished/g)).toHaveLength(10);
      expect(await parley('principal', 'list')).toContain('newcomer');
      await parley('principal', 'remove', 'newcomer');
      expect(await parley('principal', 'list')).not.toContain('newcomer');
    },
    MINUTE_MS,
  );

  it(
    'a second start beside it has a cluster of its own, counts exactly though its leader is killed, and leaves nothing',
    async () => {
      const output = join(directory, 'counts-of-two-leaders');
      const words = ['--exit', '--kill-leader', '--input', input, '--output', output];
      const { code, stdout, stderr } = await start(words).ended;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toContain('cluster local:');
      expect(stdout).toMatch(/master-\d was killed half-way: nobody led for [\d.]+ s/);
      expect(readFileSync(output, 'utf8')).toBe(countsByPipeline());
      expect(JSON.parse(await parley('status', '--json')).cluster).toBe('kept');
    },
    4 * MINUTE_MS,
  );

  it(
    'makes the streams of its books again when somebody deletes them, and the books with them',
    async () => {
      await deleteBooks();
      const isNew = async () =>
        (await parley('status')).includes('the books were lost (recreated)');
      await vi.waitUntil(() => isNew().catch(() => false), { timeout: MINUTE_MS, interval: 500 });
      // In books that are new an agent is away until it registers.
      const states = async (): Promise<string[]> => {
        const { agents } = JSON.parse(await parley('status', '--json'));
        return agents.map(({ state }: { state: string }) => state);
      };
      const areBack = { timeout: MINUTE_MS, interval: 500 };
      await expect.poll(states, areBack).toEqual(Array(3).fill('registered'));
      const logs = await Promise.all(['master-1', 'master-2'].map((id) => parley('logs', id)));
      expect(logs.join()).toContain('made anew from agents');
    },
    2 * MINUTE_MS,
  );

  it(
    'is gone after a stop: no process, no mount, no context',
    async () => {
      await parley('stop', '--name', 'kept');
      expect(processesLeft()).toEqual([]);
      expect(mountsLeft()).toEqual([]);
      await expect(parley('status')).rejects.toMatchObject({ code: expect.any(Number) });
    },
    MINUTE_MS,
  );
});

describe('an interrupted start', () => {
  it(
    'takes everything down at Ctrl-C',
    async () => {
      const { child, ended, said } = start(['--input', input]);
      await said('started in');
      child.kill('SIGINT');
      expect((await ended).code).toBe(130);
      expect(processesLeft()).toEqual([]);
      expect(mountsLeft()).toEqual([]);
    },
    2 * MINUTE_MS,
  );
});

describe('a keeper that is killed', () => {
  it('ends the start that it kept, and leaves nothing that a stop does not clear away', async () => {
    const { ended, said } = start(['--name', 'orphan', '--input', input]);
    await said('started in');
    const context = JSON.parse(readFileSync(join(directory, 'contexts', 'orphan.json'), 'utf8'));
    process.kill(context.local.keeper.pid, 'SIGKILL');
    expect((await ended).code).toBe(1);
    expect(await parley('stop', '--name', 'orphan')).toContain('had ended by itself');
    expect(processesLeft()).toEqual([]);
    expect(mountsLeft()).toEqual([]);
  }, 120_000);
});

describe('a start that cannot go well', () => {
  it('says what is wrong with a missing input folder before anything is started', async () => {
    const { code, stderr } = await start(['--input', join(directory, 'nowhere')]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('nowhere');
    expect(stderr).toContain('what to do:');
    expect(processesLeft()).toEqual([]);
  });
});

async function waitFor<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
  }
}

/** The first TypeScript block of the README, compiled by the project's settings and run in a fresh shell. */
async function runReadmeExample(credential: string): Promise<string> {
  const readme = readFileSync(join(clone, 'README.md'), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  if (example === undefined) throw new Error('the README has no TypeScript block');
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(30);
  const place = mkdtempSync(join(clone, '.parley-example-'));
  try {
    writeFileSync(join(place, 'hello.ts'), example);
    const settings = { extends: '../infra/tsconfig.base.json', include: ['hello.ts'] };
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(settings));
    await promisify(execFile)('npx', ['tsc', '-p', place], { cwd: clone });
    const shell = ['-c', 'npx node "$1" "$2"', 'sh', join(place, 'hello.ts'), credential];
    const { stdout } = await promisify(execFile)('sh', shell, { cwd: clone });
    return stdout;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

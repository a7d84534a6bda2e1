// The real agent process on a real bus with real scopes, led by the test.
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';
import { jetstream } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { LogsResult, type UsageReport } from '@parley/protocol/agents';
import type { PrincipalName } from '@parley/protocol/ids';
import { workBucketName } from '@parley/protocol/streams';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, bob, cluster, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
const OK = { ok: true, value: {} };

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start('--attribute', 'rack=7');
  await leader.registered();
}, WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

async function bucketOf(principal: PrincipalName): Promise<ObjectStore> {
  const { connection } = await bus.as('principal', principal, 'work');
  const objects = new Objm(jetstream(connection, { checkAPI: false }));
  return objects.open(workBucketName(cluster, principal), false);
}

async function textOf(taskId: string, stream: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
  const answer = await leader.logs(taskId, stream);
  if (!answer.ok) throw new Error(answer.failure.message);
  return new TextDecoder().decode(LogsResult.parse(answer.value).data);
}

/** As the host's own programs tell it; a processor may have no name. */
function hostFacts(): Record<string, unknown> {
  const said = (script: string): string =>
    execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim();
  const cpu = said("sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1");
  const isUnified = said('stat -f -c %T /sys/fs/cgroup') === 'cgroup2fs';
  return {
    os: said('. /etc/os-release; printf "%s" "$ID"; [ -z "$VERSION_ID" ] || echo "-$VERSION_ID"'),
    systemd: said("systemd-run --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p'"),
    cgroup: isUnified ? 'v2' : expect.stringMatching(/^(hybrid|v1)$/),
    ...(cpu !== '' && { cpu }),
  };
}

test('the agent registers with what it was told to offer', () => {
  expect(leader.registrations[0]).toMatchObject({
    total: {
      scalars: { cpus: 2000, mem: 1_024_000, disk: 1_024_000 },
      ports: [[31_000, 31_010]],
    },
    // What it finds out about this host by itself, too.
    attributes: { rack: '7', kernel: release(), ...hostFacts() },
    tasks: [],
  });
});

test(
  'an order becomes a running task and then a finished one',
  async () => {
    const order = aShellTask('hello', 'echo "$PARLEY_TASK_ID $(pwd)"; sleep 0.2');
    expect(await leader.order(order)).toEqual(OK);
    expect(await leader.ended('hello')).toMatchObject({ state: 'finished', exitCode: 0 });
    const states = (await leader.history('hello')).map(({ state }) => state);
    expect(states.filter((state) => state !== 'starting')).toEqual(['running', 'finished']);
    expect(await textOf('hello')).toMatch(/^hello \/.*\/sandboxes\/alice\/fw\/hello\n$/);
  },
  WAIT_MS,
);

test(
  'a task sees the environment that it asked for and nothing of the agent',
  async () => {
    const command = { argv: ['env'], environment: { COLOUR: 'blue', PARLEY_TASK_ID: 'forged' } };
    await leader.order(aShellTask('environment', '', { command }));
    await leader.ended('environment');
    const names = (await textOf('environment'))
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .toSorted();
    expect(names).toEqual([
      'COLOUR',
      'HOME',
      'LANG',
      'PARLEY_AGENT_ID',
      'PARLEY_FRAMEWORK_ID',
      'PARLEY_PRINCIPAL',
      'PARLEY_SANDBOX',
      'PARLEY_TASK_ID',
      'PATH',
    ]);
    expect(await textOf('environment')).toContain('PARLEY_TASK_ID=environment\n');
  },
  WAIT_MS,
);

test(
  'a task over its memory limit fails with the limit and the peak',
  async () => {
    const greedy = 'head -c 200000000 /dev/zero | tail -c 150000000 | wc -c';
    const script = `set -e; x=$(${greedy}); [ "$x" = 150000000 ]`;
    await leader.order(aShellTask('greedy', script));
    const end = await leader.ended('greedy');
    expect(end).toMatchObject({ state: 'failed', reason: 'memoryLimit' });
    expect(end.memory?.limitMib).toBe(64);
    expect(end.memory?.peakMib).toBeGreaterThan(32);
    expect(end.cause).toMatchObject({ kind: 'memoryLimit', limit: 64 });
    const limits = { mem: 100_000, cpus: 'infinity' } as const;
    await leader.order(aShellTask('larger', script, { limits }));
    expect(await leader.ended('larger')).toMatchObject({
      ...{ reason: 'memoryLimit', memory: { limitMib: 100, peakMib: 100 } },
    });
    await leader.order(aShellTask('enough', script, { limits: { mem: 300_000 } }));
    expect(await leader.ended('enough')).toMatchObject({ state: 'finished' });
  },
  WAIT_MS,
);

test(
  'a task that meets its limit of processes, or whose command is not there, fails with that cause',
  async () => {
    const script = 'for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; echo all';
    await leader.order(aShellTask('many', script, { limits: { pids: 5 } }));
    expect(await leader.ended('many')).toMatchObject({
      ...{ state: 'failed', reason: 'commandExited' },
      cause: { kind: 'pidsLimit', limit: 5, peak: 5 },
    });
    const command = { argv: ['no-such-program'] };
    await leader.order(aShellTask('nowhere', '', { command }));
    expect(await leader.ended('nowhere')).toMatchObject({
      ...{ state: 'failed', reason: 'launchFailed', exitCode: 127 },
      cause: { kind: 'commandNotFound' },
    });
    await leader.order(aShellTask('own', 'exit 127'));
    const own = await leader.ended('own');
    expect(own).toMatchObject({ state: 'failed', reason: 'commandExited', exitCode: 127 });
    expect(own).not.toHaveProperty('cause');
  },
  WAIT_MS,
);

test(
  'a task whose command dies of a signal fails with that signal as its cause',
  async () => {
    await leader.order(aShellTask('crashed', 'kill -SEGV $$'));
    expect(await leader.ended('crashed')).toMatchObject({
      ...{ state: 'failed', reason: 'commandSignaled', signal: 'SIGSEGV' },
      cause: { kind: 'signal' },
      message: expect.stringContaining('SIGSEGV'),
    });
    // A shell exits with 128 and the number of the signal that ended its program: that is told likewise. 128 is none.
    await leader.order(aShellTask('crash-inside', "sh -c 'kill -SEGV $$'; exit $?"));
    expect(await leader.ended('crash-inside')).toMatchObject({
      ...{ reason: 'commandSignaled', signal: 'SIGSEGV', cause: { kind: 'signal' } },
    });
    await leader.order(aShellTask('no-crash', 'exit 128'));
    const noCrash = await leader.ended('no-crash');
    expect(noCrash).toMatchObject({ reason: 'commandExited', exitCode: 128 });
    expect(noCrash).not.toHaveProperty('cause');
  },
  WAIT_MS,
);

test(
  'a task that ignores SIGTERM is killed after its grace',
  async () => {
    await leader.order(
      aShellTask('stubborn', 'trap "" TERM; echo up; while :; do sleep 0.1; done'),
    );
    await leader.untilState('stubborn', 'running');
    await expect.poll(() => textOf('stubborn'), { timeout: WAIT_MS }).toBe('up\n');
    expect(await leader.kill('stubborn', 300)).toEqual(OK);
    expect(await leader.ended('stubborn')).toMatchObject({
      state: 'killed',
      reason: 'killedByFramework',
    });
    const states = (await leader.history('stubborn')).map(({ state }) => state);
    expect(states.slice(-3)).toEqual(['running', 'killing', 'killed']);
  },
  WAIT_MS,
);

test(
  'inputs are copied into the sandbox and outputs out of it',
  async () => {
    const objects = await bucketOf(alice);
    const text = new TextEncoder().encode('some words\n'.repeat(50_000));
    await objects.putBlob({ name: 'job/in' }, text);
    const transfers = {
      inputs: [{ object: 'job/in', path: 'data/in.txt' }],
      outputs: [
        { object: 'job/out', path: 'out/upper.txt' },
        { object: 'job/empty', path: 'empty' },
      ],
    };
    const script = 'mkdir out; tr a-z A-Z < data/in.txt > out/upper.txt; : > empty';
    await leader.order(aShellTask('copies', script, transfers));
    expect(await leader.ended('copies')).toMatchObject({ state: 'finished' });
    const out = new TextDecoder().decode((await objects.getBlob('job/out')) ?? undefined);
    expect(out).toBe('SOME WORDS\n'.repeat(50_000));
    expect(await objects.getBlob('job/empty')).toHaveLength(0);
  },
  WAIT_MS,
);

test(
  'a missing input, a missing output and an output that is a link fail the task with the reason',
  async () => {
    const missing = [{ object: 'job/nothing', path: 'x' }];
    await leader.order(aShellTask('no-input', 'true', { inputs: missing }));
    await leader.order(aShellTask('no-output', 'true', { outputs: missing }));
    await leader.order(aShellTask('link', 'ln -s /etc/passwd x', { outputs: missing }));
    const ends = await Promise.all(['no-input', 'no-output', 'link'].map((id) => leader.ended(id)));
    expect(ends.map(({ state, reason }) => [state, reason])).toEqual([
      ['failed', 'inputsFailed'],
      ['failed', 'outputsFailed'],
      ['failed', 'outputsFailed'],
    ]);
    expect(ends.map(({ message }) => message)).toEqual([
      expect.stringContaining('no such object'),
      expect.stringContaining('no file x'),
      expect.stringContaining('link'),
    ]);
  },
  WAIT_MS,
);

test(
  "an object that links to another principal's bucket is not followed",
  async () => {
    const info = await (await bucketOf(bob)).putBlob({ name: 'private' }, new Uint8Array([1]));
    await (await bucketOf(alice)).link('job/link', info);
    const inputs = [{ object: 'job/link', path: 'stolen' }];
    await leader.order(aShellTask('thief', 'true', { inputs }));
    const end = await leader.ended('thief');
    expect(end).toMatchObject({ state: 'failed', reason: 'inputsFailed' });
    expect(end.message).toContain('link');
    expect(agent.has('sandboxes/alice/fw/thief/stolen')).toBe(false);
  },
  WAIT_MS,
);

test(
  'what the tasks use is reported, and nothing once they have ended',
  async () => {
    await leader.order(aShellTask('busy', 'while [ ! -e go ]; do :; done'));
    await expect.poll(() => agent.has('sandboxes/alice/fw/busy')).toBe(true);
    const before = leader.usage.length;
    // One may still be of tasks that ended before: they used CPU time, and hold nothing.
    const isOfIt = ({ cpuMillis, memoryMib }: UsageReport): boolean =>
      cpuMillis > 100 && memoryMib > 0;
    await expect
      .poll(() => leader.usage.slice(before).some(isOfIt), { timeout: WAIT_MS, interval: 200 })
      .toBe(true);
    agent.touch('busy', 'go');
    await leader.ended('busy');
    await expect
      .poll(() => leader.usage.at(-1), { timeout: WAIT_MS, interval: 200 })
      .toMatchObject({ cpuMillis: 0, memoryMib: 0 });
  },
  WAIT_MS,
);

test('an order that does not parse is refused with what is wrong', async () => {
  expect(await leader.orderBytes(new Uint8Array([0xc1]))).toMatchObject({
    ok: false,
    failure: { code: 'malformed' },
  });
});

test('an order of an earlier term is refused', async () => {
  const earlier = { bucketCreatedMs: 1, revision: 4 };
  expect(await leader.order(aShellTask('late', 'true'), earlier)).toMatchObject({
    ok: false,
    failure: { code: 'staleEpoch' },
  });
});

test('the log of a task that is not there is an unknown task', async () => {
  expect(await leader.logs('nobody')).toMatchObject({
    ok: false,
    failure: { code: 'unknownTask' },
  });
});

test(
  'after kill -9 the next agent takes its tasks up: each ran once and ends with its own status',
  async () => {
    const patient = 'echo started; while [ ! -e go ]; do sleep 0.05; done; exit 7';
    await leader.order(aShellTask('survivor', patient));
    await leader.order(aShellTask('meanwhile', 'echo started; sleep 1; exit 5'));
    await leader.order(aShellTask('killed-later', 'echo started; sleep 1000'));
    await leader.untilState('survivor', 'running');
    await leader.untilState('killed-later', 'running');
    await leader.untilState('meanwhile', 'running');
    await agent.end('SIGKILL');
    leader.awaitsNobody();
    await expect
      .poll(() => agent.runFile('meanwhile', 'exit'), { timeout: WAIT_MS })
      .toContain('status=5');
    agent.start();
    const { tasks } = await leader.registered();
    expect(tasks.map(({ task }) => task.taskId)).toContain('survivor');
    expect(await leader.ended('meanwhile')).toMatchObject({ state: 'failed', exitCode: 5 });
    expect(await leader.order(aShellTask('survivor', patient))).toEqual(OK);
    agent.touch('survivor', 'go');
    expect(await leader.ended('survivor')).toMatchObject({ state: 'failed', exitCode: 7 });
    await leader.kill('killed-later', 5000);
    expect(await leader.ended('killed-later')).toMatchObject({ state: 'killed' });
    for (const taskId of ['survivor', 'meanwhile', 'killed-later']) {
      expect(await textOf(taskId)).toBe('started\n');
    }
  },
  2 * WAIT_MS,
);

test(
  'a task whose end is journalled is forgotten, and its output can still be read',
  async () => {
    await leader.ended('hello');
    await leader.watermark();
    const file = 'tasks/alice.fw.hello.task';
    await expect
      .poll(
        async () => {
          // Sent again until the stream's present life is known to the agent.
          await leader.watermark();
          return agent.has(file);
        },
        { timeout: WAIT_MS },
      )
      .toBe(false);
    expect(await textOf('hello')).toContain('hello');
  },
  WAIT_MS,
);

test(
  'on SIGTERM the agent stops cleanly, its task goes on, and a damaged record does not keep it from starting',
  async () => {
    await leader.order(aShellTask('onwards', 'while [ ! -e go ]; do sleep 0.05; done'));
    await leader.untilState('onwards', 'running');
    expect(await agent.end('SIGTERM')).toBe(0);
    leader.awaitsNobody();
    agent.write('tasks/alice.fw.torn.task', 'torn');
    agent.touch('onwards', 'go');
    agent.start();
    await leader.registered();
    expect(await leader.ended('onwards')).toMatchObject({ state: 'finished' });
    expect(agent.output).toContain('task record set aside');
    expect(agent.has('damaged-tasks/alice.fw.torn.task')).toBe(true);
  },
  WAIT_MS,
);

test(
  'an agent that is started again refuses a leader that the one before knew to be deposed',
  async () => {
    const { epoch } = leader;
    await agent.end('SIGKILL');
    leader.epoch = { ...epoch, revision: epoch.revision - 1 };
    const before = leader.registrations.length;
    agent.start();
    const hasRegistered = () => leader.registrations.length > before;
    await expect.poll(hasRegistered, { timeout: WAIT_MS }).toBe(true);
    expect(await leader.order(aShellTask('deposed', 'true'))).toMatchObject({
      ok: false,
      failure: { code: 'staleEpoch' },
    });
    leader.epoch = epoch;
    expect(await leader.order(aShellTask('current', 'true'))).toEqual(OK);
    expect(await leader.ended('current')).toMatchObject({ state: 'finished' });
  },
  2 * WAIT_MS,
);

test(
  'an agent that is told no sizes offers what its host has, less what the system keeps; a fact that it is told counts instead, an empty one is left out',
  async () => {
    await agent.end('SIGTERM');
    leader.awaitsNobody();
    agent.sizes = [];
    const facts = ['--attribute', 'kernel=mine', '--attribute', 'cpu='];
    agent.start('--system-reserve', 'cpus=0.5,mem=1.5GiB,disk=100MiB', ...facts);
    const { total, attributes } = await leader.registered();
    const { blocks, bsize } = statfsSync(agent.workDirectory);
    const inMib = (bytes: number): number => Math.floor(bytes / 1024 ** 2);
    expect(total).toMatchObject({
      scalars: {
        cpus: availableParallelism() * 1000 - 500,
        mem: (inMib(totalmem()) - 1536) * 1000,
        disk: (inMib(blocks * bsize) - 100) * 1000,
      },
      ports: [[31_000, 32_000]],
    });
    const { cpu: _, ...found } = hostFacts();
    expect(attributes).toEqual({ ...found, kernel: 'mine' });
  },
  WAIT_MS,
);

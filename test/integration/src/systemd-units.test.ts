// Tests the units of infra/systemd: that systemd takes them as they are, and a cluster that they really run. Needs root.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from '@parley/isolation/run-command';
import { unitNameFor } from '@parley/isolation/unit-name';
import { TaskDescription } from '@parley/protocol/tasks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { alice, bob, ClusterFixture, cluster, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { ClusterTerminal } from './cluster-terminal.ts';
import { textInClone, UnitHost, unitFiles } from './systemd-units.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const MASTER = 'parley-master@master-1';
const ALLOCATOR = 'parley-allocator@allocator-1';
const AGENT = 'parley-agent@a1';
const GATEWAY = 'parley-gateway@olga';
const WAIT = { timeout: 60_000, interval: 100 };
const WATCHDOG_SECONDS = 5;
const MIB = 1024 * 1024;
const TASK_MIB = 32;
const HELD_BYTES = 4_000_000;
const AGENT_SIZE = '--cpus 4 --mem 4GiB --disk 1GiB --network-bandwidth 0 --ports 31000-31010';

const TopRows = z.object({
  rows: z.array(z.object({ cpuTotalUs: z.int(), memoryBytes: z.int(), pids: z.int() })),
});

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'parley-units-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** An instance of each, in the place of a file of its own. */
function written(name: string): string {
  const file = path.join(directory, name.replace('@.', '@one.'));
  writeFileSync(file, textInClone(name));
  return file;
}

test('systemd finds nothing wrong with any unit', async () => {
  const files = unitFiles().map(written);
  const { code, stdout, stderr } = await runCommand(['systemd-analyze', 'verify', ...files]);
  expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: '' });
});

test.each(['parley-master@.service', 'parley-allocator@.service', 'parley-gateway@.service'])(
  '%s leaves its service little to do harm with: systemd rates its exposure 2 of 10 at most',
  async (name) => {
    const words = ['security', '--offline=yes', '--threshold=20', '--no-pager', written(name)];
    const { code, stdout } = await runCommand(['systemd-analyze', ...words]);
    expect(code, stdout).toBe(0);
  },
);

const isRoot = process.getuid?.() === 0;
describe.runIf(isRoot)('run by a systemd of the test, as root', () => {
  const fixture = new ClusterFixture();
  const work = new QueueFramework();
  let host: UnitHost;

  beforeAll(async () => {
    await fixture.startServer();
    await fixture.provision();
    host = await UnitHost.start(directory);
    for (const [kind, id] of [
      ['master', 'master-1'],
      ['master', 'master-2'],
      ['allocator', 'allocator-1'],
      ['agent', 'a1'],
      ['operator', 'olga'],
    ] as const) {
      copyFileSync(fixture.credential(kind, id), path.join(host.etc, `${kind}-${id}.json`));
    }
    const carried = path.join(host.etc, 'gateway');
    mkdirSync(carried);
    copyFileSync(fixture.credential('principal', alice), path.join(carried, 'alice.json'));
    const options = [`AGENT_OPTIONS=${AGENT_SIZE}`, 'GATEWAY_OPTIONS=--listen 127.0.0.1:0'];
    writeFileSync(path.join(host.etc, 'parley.env'), `${options.join('\n')}\n`);
  });
  afterAll(async () => {
    await work.close();
    await host?.close();
    await fixture.close();
  });

  const sandbox = (taskId: string, file: string): string =>
    path.join(host.state, 'a1/sandboxes/alice/units', taskId, file);
  /** It leaves a line a run, does what `first` says, and ends when its sandbox holds a file `go`. */
  const task = (taskId: string, first = ':'): TaskDescription => {
    const script = `echo $$ >> runs; ${first}; while [ ! -e go ]; do sleep 0.1; done`;
    return TaskDescription.parse({
      taskId,
      resources: { scalars: { cpus: 100, mem: TASK_MIB * 1000 } },
      command: { argv: ['sh', '-c', script] },
    });
  };
  const pidOf = (unit: string): Promise<string> => host.property(unit, 'MainPID');
  const stateOf = (unit: string): Promise<string> => host.property(unit, 'ActiveState');

  test('each is up when systemctl start returns, and says what it does', async () => {
    for (const unit of [MASTER, ALLOCATOR, AGENT, GATEWAY]) {
      const { code, stderr } = await host.systemctl('start', unit);
      expect({ unit, code, stderr }).toEqual({ unit, code: 0, stderr: '' });
      expect(await stateOf(unit)).toBe('active');
    }
    const statusOf = (unit: string) => () => host.property(unit, 'StatusText');
    await expect.poll(statusOf(MASTER), WAIT).toMatch(/^leading, at entry \d+ of the journal$/);
    await expect.poll(statusOf(ALLOCATOR), WAIT).toBe('allocates');
    await expect.poll(statusOf(AGENT), WAIT).toMatch(/^connected to 127\.0\.0\.1:/);
    await expect.poll(statusOf(GATEWAY), WAIT).toMatch(/^answers at http:\/\/127\.0\.0\.1:\d+$/);
  });

  test('a gateway answers, and carries frameworks of the principals whose credentials lie in its folder, of no others', async () => {
    expect(await (await fetch(`${await gatewayUrl()}/healthz`)).json()).toEqual({ alive: true });
    // Until it has heard who leads, it refuses everybody.
    await expect.poll(() => subscribe(bob), WAIT).toContain('names no principal');
    const said = await subscribe(alice);
    expect(said).toContain('"SUBSCRIBED"');
    expect(said).toContain('"alice.carried');
  });

  test('what systemd has loaded for a service nobody reads but root and that service', async () => {
    for (const unit of [MASTER, ALLOCATOR, AGENT, GATEWAY]) {
      const loaded = host.credentials(unit);
      const gateways = unit === GATEWAY ? ['gateway_alice.json'] : [];
      expect([...loaded.keys()].sort()).toEqual(['.', 'credential.json', ...gateways]);
      for (const [name, mode] of loaded) {
        expect({ unit, name, others: mode & 0o007 }).toEqual({ unit, name, others: 0 });
      }
    }
  });

  test('master, allocator and gateway run as users of their own, without capabilities and behind a filter of system calls', async () => {
    const users = new Set<string>();
    for (const unit of [MASTER, ALLOCATOR, GATEWAY]) {
      const [user = ''] = (await host.processLine(unit, 'Uid')).split('\t');
      users.add(user);
      expect(Number(user)).toBeGreaterThan(0);
      expect(await host.processLine(unit, 'CapBnd')).toMatch(/^0+$/);
      expect(await host.processLine(unit, 'NoNewPrivs')).toBe('1');
      expect(await host.processLine(unit, 'Seccomp')).toBe('2');
    }
    expect(users.size).toBe(3);
  });

  test('tasks run in the slice of all tasks, outlive a restart of their agent and its kill -9, and each is run and told once', async () => {
    await work.connect(fixture, alice, 'units');
    const tasks = [task('restarted'), task('killed')];
    work.add(tasks);
    await work.untilRunning(2);
    const slice = await host.systemctl(
      'show',
      '--value',
      '-p',
      'TasksCurrent',
      'parley-tasks.slice',
    );
    expect(Number(slice.stdout)).toBeGreaterThanOrEqual(2);
    const before = await pidOf(AGENT);
    expect(await host.systemctl('restart', AGENT)).toMatchObject({ code: 0 });
    expect(await pidOf(AGENT)).not.toBe(before);
    appendFileSync(sandbox('restarted', 'go'), '');
    await work.untilEnded(tasks.slice(0, 1));
    const second = await pidOf(AGENT);
    await host.systemctl('kill', '--signal=SIGKILL', '--kill-whom=main', AGENT);
    await expect.poll(() => pidOf(AGENT), WAIT).not.toMatch(new RegExp(`^(0|${second})$`));
    appendFileSync(sandbox('killed', 'go'), '');
    await work.untilEnded(tasks);
    expect(work.ends).toEqual([
      { taskId: 'restarted', state: 'finished' },
      { taskId: 'killed', state: 'finished' },
    ]);
    for (const { taskId } of tasks) {
      expect(readFileSync(sandbox(taskId, 'runs'), 'utf8')).toMatch(/^\d+\n$/);
    }
  });

  test('parley top shows what a task uses, as its scope has it', async () => {
    const ids = { cluster, agentId: 'a1', principal: alice, frameworkId: 'units' };
    const scope = `${unitNameFor({ ...ids, taskId: 'measured' })}.scope`;
    const holds = `held=$(head -c ${HELD_BYTES} /dev/zero | tr '\\0' x)`;
    const measured = task('measured', `${holds}; sleep 1000 & sleep 1000 & : > holding`);
    const fromMs = performance.now();
    work.add([measured]);
    await vi.waitUntil(() => existsSync(sandbox('measured', 'holding')), WAIT);
    const terminal = new ClusterTerminal({ fixture, directory, knowsContext: true });
    const view = await terminal.read('top', '--once', '--framework', 'alice/units');
    expect(view).toMatchObject({
      agents: [{ agentId: 'a1', units: 1 }],
      rows: [{ agentId: 'a1', kind: 'task', name: 'alice/units/measured' }],
      missing: [],
    });
    const [row] = TopRows.parse(view).rows;
    expect(row?.cpuTotalUs).toBeGreaterThan(0);
    const elapsedUs = (performance.now() - fromMs) * 1000;
    expect(row?.cpuTotalUs).toBeLessThanOrEqual(elapsedUs * availableParallelism());
    expect(row?.memoryBytes).toBeGreaterThan(HELD_BYTES);
    expect(row?.memoryBytes).toBeLessThanOrEqual(TASK_MIB * MIB);
    // The one that waits begins a process again and again.
    const inScope = Number(await host.property(scope, 'TasksCurrent'));
    expect(Math.abs((row?.pids ?? 0) - inScope)).toBeLessThanOrEqual(1);
    appendFileSync(sandbox('measured', 'go'), '');
    await work.untilEnded([measured]);
  });

  test.each([ALLOCATOR, GATEWAY])(
    '%s: when its event loop stands still it is ended and started again',
    async (unit) => {
      await host.set(`${unit}.service`, '[Service]\nWatchdogSec=3\n');
      await host.systemctl('restart', unit);
      await hang(unit);
    },
  );

  test('an agent shows that it lives; when it stands still it is started again, and its task goes on', async () => {
    await host.set(`${AGENT}.service`, `[Service]\nWatchdogSec=${WATCHDOG_SECONDS}\n`);
    await host.systemctl('restart', AGENT);
    const watched = task('watched');
    work.add([watched]);
    await work.untilRunning(1);
    const alive = await pidOf(AGENT);
    const stampOf = async (name: string) =>
      Number(await host.property(AGENT, `${name}TimestampMonotonic`));
    const shownForUs = async () => (await stampOf('Watchdog')) - (await stampOf('ActiveEnter'));
    await expect.poll(shownForUs, WAIT).toBeGreaterThan(2 * WATCHDOG_SECONDS * 1_000_000);
    expect(await host.property(AGENT, 'NRestarts')).toBe('0');
    expect(await pidOf(AGENT)).toBe(alive);
    await hang(AGENT);
    appendFileSync(sandbox('watched', 'go'), '');
    await work.untilEnded([watched]);
    expect(work.ends.filter(({ taskId }) => taskId === 'watched')).toEqual([
      { taskId: 'watched', state: 'finished' },
    ]);
    expect(readFileSync(sandbox('watched', 'runs'), 'utf8')).toMatch(/^\d+\n$/);
  });

  test('wrong arguments: systemctl start fails, the log says why, and nobody tries again', async () => {
    const other = 'parley-master@master-2';
    await host.set(`${other}.service`, '[Service]\nEnvironment=MASTER_OPTIONS=--no-such-word\n');
    expect((await host.systemctl('start', other)).code).not.toBe(0);
    expect(await stateOf(other)).toBe('failed');
    expect(await host.property(other, 'ExecMainStatus')).toBe('2');
    expect(host.logOf(other)).toContain('--no-such-word');
  });

  test('each stops when it is told to, in order', async () => {
    for (const unit of [GATEWAY, AGENT, ALLOCATOR, MASTER]) {
      expect(await host.systemctl('stop', unit)).toMatchObject({ code: 0 });
      expect(await host.property(unit, 'Result')).toBe('success');
      expect(await stateOf(unit)).toBe('inactive');
    }
  });

  /** Stops the process for good, and waits until systemd has another one at work. */
  async function hang(unit: string): Promise<void> {
    const hung = await pidOf(unit);
    await host.systemctl('kill', '--signal=SIGSTOP', '--kill-whom=main', unit);
    await expect.poll(() => pidOf(unit), WAIT).not.toMatch(new RegExp(`^(0|${hung})$`));
    await expect.poll(() => stateOf(unit), WAIT).toBe('active');
    expect(Number(await host.property(unit, 'NRestarts'))).toBeGreaterThan(0);
  }

  async function gatewayUrl(): Promise<string> {
    const [url = ''] = /http:\S+/.exec(await host.property(GATEWAY, 'StatusText')) ?? [];
    return url;
  }

  /** As a framework of Mesos that nobody has signed in for; it is over when the first words have come. */
  async function subscribe(principal: string): Promise<string> {
    const framework_info = { user: 'nobody', name: 'carried', principal };
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info, suppressed_roles: ['*'] } };
    const over = new AbortController();
    const answer = await fetch(`${await gatewayUrl()}/api/v1/scheduler`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(call),
      signal: over.signal,
    });
    const first = await answer.body?.getReader().read();
    over.abort();
    return Buffer.from(first?.value ?? []).toString();
  }
});

// Tests the units of infra/systemd: that systemd takes them as they are, and a cluster that they really run. Needs root.
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCommand } from '@parley/isolation/run-command';
import { TaskDescription } from '@parley/protocol/tasks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { alice, ClusterFixture, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { textInClone, UnitHost, unitFiles } from './systemd-units.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const MASTER = 'parley-master@master-1';
const ALLOCATOR = 'parley-allocator@allocator-1';
const AGENT = 'parley-agent@a1';
const WAIT = { timeout: 60_000, interval: 100 };
const AGENT_SIZE = '--cpus 4 --mem 4GiB --disk 1GiB --network-bandwidth 0 --ports 31000-31010';

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
    ] as const) {
      copyFileSync(fixture.credential(kind, id), path.join(host.etc, `${kind}-${id}.json`));
    }
    writeFileSync(path.join(host.etc, 'parley.env'), `AGENT_OPTIONS=${AGENT_SIZE}\n`);
  });
  afterAll(async () => {
    await work.close();
    await host?.close();
    await fixture.close();
  });

  const sandbox = (taskId: string, file: string): string =>
    path.join(host.state, 'a1/sandboxes/alice/units', taskId, file);
  /** It leaves a line a run and ends when its sandbox holds a file `go`. */
  const task = (taskId: string): TaskDescription =>
    TaskDescription.parse({
      taskId,
      resources: { scalars: { cpus: 100, mem: 32_000 } },
      command: { argv: ['sh', '-c', 'echo $$ >> runs; while [ ! -e go ]; do sleep 0.1; done'] },
    });
  const pidOf = (unit: string): Promise<string> => host.property(unit, 'MainPID');
  const stateOf = (unit: string): Promise<string> => host.property(unit, 'ActiveState');

  test('each is up when systemctl start returns, and says what it does', async () => {
    for (const unit of [MASTER, ALLOCATOR, AGENT]) {
      const { code, stderr } = await host.systemctl('start', unit);
      expect({ unit, code, stderr }).toEqual({ unit, code: 0, stderr: '' });
      expect(await stateOf(unit)).toBe('active');
    }
    const statusOf = (unit: string) => () => host.property(unit, 'StatusText');
    await expect.poll(statusOf(MASTER), WAIT).toMatch(/^leading, at entry \d+ of the journal$/);
    await expect.poll(statusOf(ALLOCATOR), WAIT).toBe('allocates');
    await expect.poll(statusOf(AGENT), WAIT).toMatch(/^connected to 127\.0\.0\.1:/);
  });

  test('master and allocator run as users of their own, without capabilities and behind a filter of system calls', async () => {
    const users = new Set<string>();
    for (const unit of [MASTER, ALLOCATOR]) {
      const [user = ''] = (await host.processLine(unit, 'Uid')).split('\t');
      users.add(user);
      expect(Number(user)).toBeGreaterThan(0);
      expect(await host.processLine(unit, 'CapBnd')).toMatch(/^0+$/);
      expect(await host.processLine(unit, 'NoNewPrivs')).toBe('1');
      expect(await host.processLine(unit, 'Seccomp')).toBe('2');
    }
    expect(users.size).toBe(2);
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

  test('a service whose event loop stands still is ended and started again', async () => {
    await host.set(`${ALLOCATOR}.service`, '[Service]\nWatchdogSec=3\n');
    await host.systemctl('restart', ALLOCATOR);
    const hung = await pidOf(ALLOCATOR);
    await host.systemctl('kill', '--signal=SIGSTOP', '--kill-whom=main', ALLOCATOR);
    await expect.poll(() => pidOf(ALLOCATOR), WAIT).not.toMatch(new RegExp(`^(0|${hung})$`));
    await expect.poll(() => stateOf(ALLOCATOR), WAIT).toBe('active');
    expect(Number(await host.property(ALLOCATOR, 'NRestarts'))).toBeGreaterThan(0);
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
    for (const unit of [AGENT, ALLOCATOR, MASTER]) {
      expect(await host.systemctl('stop', unit)).toMatchObject({ code: 0 });
      expect(await host.property(unit, 'Result')).toBe('success');
    }
  });
});

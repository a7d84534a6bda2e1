// Owns the proof that nothing is lost when the nats-server is killed under load, or when its disk is full for a while.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { watchDisk } from '@parley/nats-server/disk-watch';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const SERVICES = ['master-1', 'allocator-1', 'a1', 'a2'] as const;
let fixture: ClusterFixture;
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startCluster(
  ...options: ConstructorParameters<typeof ClusterFixture>
): Promise<QueueFramework> {
  fixture = new ClusterFixture(...options);
  cleanups.push(() => fixture.close());
  await fixture.start();
  const connected = await new QueueFramework().connect(fixture, 'alice', 'steady');
  cleanups.push(() => connected.close());
  return connected;
}

const tasksAt = (gate: string, count: number) =>
  Array.from({ length: count }, (_, index) => fixture.task(`${gate}-${index}`, gate));

/** What was told once, and run once. */
function expectEachOnce(work: QueueFramework, count: number): void {
  const names = work.ends.map(({ taskId }) => taskId);
  expect(names).toHaveLength(count);
  expect(new Set(names).size).toBe(count);
  expect(work.ends.filter(({ state }) => state !== 'finished')).toEqual([]);
  expect(names.filter((taskId) => fixture.runs(taskId) !== 1)).toEqual([]);
  expect(work.launched.filter((taskId) => !names.includes(taskId))).toEqual([]);
}

function expectNobodyEnded(): void {
  for (const name of SERVICES) expect(fixture.service(name).isRunning, name).toBe(true);
}

test('a server that is killed again and again under load costs time and nothing else', async () => {
  const work = await startCluster();
  fixture.open();
  const tasks = tasksAt('gate', 120);
  work.add(tasks);
  for (const share of [20, 60]) {
    await until(
      () => work.ends.length >= share,
      () => work.said,
    );
    await fixture.killServer();
    await fixture.startServer();
  }
  await work.untilEnded(tasks);
  expectEachOnce(work, tasks.length);
  expectNobodyEnded();
});

test('everything but the tasks may be killed at once: they go on, and all ends are told when all is there again', async () => {
  const work = await startCluster();
  const early = tasksAt('early', 10);
  const late = tasksAt('late', 15);
  work.add([...early, ...late]);
  await work.untilRunning(20);
  await Promise.all([
    fixture.killServer(),
    ...SERVICES.map((name) => fixture.service(name).end('SIGKILL')),
  ]);
  fixture.open('early');
  for (const name of SERVICES) fixture.service(name).start();
  await fixture.service('a1').says('no bus yet');
  await fixture.startServer();
  await work.untilEnded(early);
  fixture.open('late');
  await work.untilEnded([...early, ...late]);
  expectEachOnce(work, 25);
  expectNobodyEnded();
});

/** Takes the last byte of a disk. The returned function gives it all back. */
function fill(directory: string): () => void {
  const file = path.join(directory, 'ballast');
  const ballast = openSync(file, 'w');
  const chunk = Buffer.alloc(1024 * 1024, 1);
  for (let size = chunk.length; size >= 1; ) {
    try {
      if (writeSync(ballast, chunk, 0, size) < size) size = Math.floor(size / 2);
    } catch {
      size = Math.floor(size / 2);
    }
  }
  closeSync(ballast);
  return () => rmSync(file);
}

describe.runIf(process.getuid?.() === 0)('as root, who can mount a small disk', () => {
  // A server of 2.15 answers nothing on a full disk and has to be started again; one of 2.10 says why and goes on by itself.
  test.each([
    { tier: 'reference', why: 'no answer', again: true },
    { tier: 'compatibility', why: 'diskFull', again: false },
  ] as const)(
    'on a full disk requests wait, nobody gives up, and all goes on when there is room ($tier server)',
    async ({ tier, why, again }) => {
      const disk = mkdtempSync(path.join(tmpdir(), 'parley-cluster-disk-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', disk]);
      cleanups.push(() => {
        execFileSync('umount', [disk]);
        rmSync(disk, { recursive: true });
      });
      const work = await startCluster({ tier, serverDirectory: path.join(disk, 'server') });
      const early = tasksAt('early', 10);
      work.add(early);
      await work.untilRunning(10);

      const told: string[] = [];
      const endWatch = watchDisk(fixture.server, {
        onFull: ({ message }) => void told.push(message),
        onRoom: (restart) => void told.push(`room, restart: ${restart}`),
      });
      cleanups.push(endWatch);
      const empty = fill(disk);
      const late = tasksAt('late', 15);
      fixture.open('early');
      work.add(late);
      const master = fixture.service('master-1');
      await master.says('the journal takes nothing: requests wait');
      expect(master.output).toContain(why);
      await until(
        () => told.length > 0,
        () => 'the disk is told to be full',
      );
      expect(told).toEqual([expect.stringContaining('is full')]);
      expectNobodyEnded();

      empty();
      await until(
        () => told.length > 1,
        () => 'room is told',
      );
      if (again) {
        expect(told[1]).toBe('room, restart: true');
        await fixture.server.stop();
        await fixture.startServer();
      }
      fixture.open('late');
      await work.untilEnded([...early, ...late]);
      expectEachOnce(work, early.length + late.length);
      expectNobodyEnded();
    },
  );
});

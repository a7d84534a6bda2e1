// What a real agent tells of the use of real scopes, as an operator hears it: true by the kernel's own counters, in
// sum what the agent's totals say, and only while somebody watches. What a launcher asks of systemd, that a scope be counted
// and limited, is tried with each; the rest with the one that an agent takes by itself.
import { probeHost } from '@parley/isolation/host-probe';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { UnitsUsage, UnitUsage } from '@parley/protocol/usage';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, cluster, startBus } from './bus-fixture.ts';
import { eachLauncher, isRoot } from './each-launcher.ts';
import { PlayedLeader } from './played-leader.ts';

const MIB = 1024 * 1024;
const POLL = { timeout: WAIT_MS, interval: 100 };
let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
let operator: NatsConnection;
const parts: UnitsUsage[] = [];

function watch(leaseMs: number): void {
  const { subject, bytes } = encodeMessage(SUBJECTS.watchUsage, cluster, {}, { leaseMs });
  operator.publish(subject, bytes);
}

const unitOf = (taskId: string, part = parts.at(-1)): UnitUsage | undefined =>
  part?.units.find(({ task }) => task?.taskId === taskId);

async function begin(launcher: 'direct' | 'systemd-run'): Promise<void> {
  parts.length = 0;
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start('--launcher', launcher);
  await leader.registered();
  operator = (await bus.as('operator', 'olga')).connection;
  operator.subscribe(wildcardOf(SUBJECTS.unitsUsage, cluster), {
    callback: (_, { subject, data }) => {
      const part = decodeMessage(SUBJECTS.unitsUsage, cluster, subject, data);
      if (!part.ok) throw new Error(part.failure.message);
      parts.push(part.value.body);
    },
  });
  await operator.flush();
}

async function close(): Promise<void> {
  await agent?.close();
  await bus?.close();
}

eachLauncher(['direct', 'systemd-run'])('with the launcher %s', (launcher) => {
  beforeAll(() => begin(launcher), WAIT_MS);
  afterAll(close, WAIT_MS);

  test(
    'a task that spins uses the CPU time that its limit lets it, is throttled, and the units are the total',
    async () => {
      const resources = { scalars: { cpus: 300, mem: 64_000 } };
      const cpus = { resources, limits: { cpus: 300 } };
      await leader.order(aShellTask('spin', 'while [ ! -e go ]; do :; done', cpus));
      await leader.untilState('spin', 'running');
      watch(60_000);
      await expect.poll(() => unitOf('spin')?.throttledUs, POLL).toBeGreaterThan(0);
      const from = parts.length;
      await expect.poll(() => parts.length, POLL).toBeGreaterThan(from + 2);
      const sample = parts.at(-1);
      const unit = unitOf('spin');
      if (sample === undefined || unit === undefined) throw new Error('the task is not told');
      // What the intervals say adds up to what the kernel counts.
      const counted = unit.cpuTotalUs - (unitOf('spin', parts[from])?.cpuTotalUs ?? 0);
      const told = parts.slice(from + 1).reduce((sum, part) => {
        return sum + (unitOf('spin', part)?.cpuUs ?? 0);
      }, 0);
      expect(Math.abs(told - counted)).toBeLessThan(parts.length * 2);
      expect(unit.pids).toBeGreaterThanOrEqual(2);
      const totals = leader.usage.find(({ wallTimeMs }) => wallTimeMs === sample.wallTimeMs);
      const usedUs = sample.units.reduce((sum, { cpuUs }) => sum + cpuUs, sample.endedCpuUs);
      expect(Math.abs(usedUs / sample.intervalMs - (totals?.cpuMillis ?? 0))).toBeLessThan(2);
      const memory = sample.units.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
      expect(totals?.memoryMib).toBe(Math.ceil(memory / MIB));
      agent.touch('spin', 'go');
      await leader.ended('spin');
      await expect.poll(() => unitOf('spin'), POLL).toBeUndefined();
    },
    WAIT_MS,
  );

  test(
    'a task with a buffer of 50 MiB shows it, and the peak stays when it is freed',
    async () => {
      const script = [
        'head -c 52428800 /dev/zero | tail -c 52428800 > /dev/null &',
        'wait; touch freed; while [ ! -e go ]; do sleep 0.1; done',
      ].join('\n');
      const memory = { resources: { scalars: { cpus: 500, mem: 128_000 } } };
      await leader.order(aShellTask('buffer', script, memory));
      await leader.untilState('buffer', 'running');
      watch(60_000);
      await expect.poll(() => agent.has('sandboxes/alice/fw/buffer/freed'), POLL).toBe(true);
      // A sample of before it was freed may be the last one for a moment.
      const isFreed = (unit: ReturnType<typeof unitOf>): boolean =>
        unit !== undefined &&
        unit.memoryBytes < 40 * MIB &&
        (unit.memoryPeakBytes ?? 0) >= 50 * MIB;
      await expect.poll(() => unitOf('buffer'), POLL).toSatisfy(isFreed);
      agent.touch('buffer', 'go');
      await leader.ended('buffer');
    },
    WAIT_MS,
  );

  test(
    'a task that reads and writes past the cache moves its counters of bytes and requests',
    async ({ skip }) => {
      const { userManager } = await probeHost();
      const isGiven = isRoot || userManager?.controllers.includes('io') === true;
      skip(!isGiven, 'the systemd of this user was not given the controller io');
      const script = [
        'dd if=/dev/zero of=direct bs=1M count=8 oflag=direct 2> /dev/null',
        'dd if=direct of=/dev/null bs=1M iflag=direct 2> /dev/null',
        'touch done; while [ ! -e go ]; do sleep 0.1; done',
      ].join('; ');
      await leader.order(aShellTask('disk', script));
      watch(60_000);
      await expect.poll(() => agent.has('sandboxes/alice/fw/disk/done'), POLL).toBe(true);
      await expect.poll(() => unitOf('disk')?.ioReadBytes, POLL).toBeGreaterThanOrEqual(8 * MIB);
      const unit = unitOf('disk');
      expect(unit?.ioWriteBytes).toBeGreaterThanOrEqual(8 * MIB);
      expect(unit?.ioReadOperations).toBeGreaterThanOrEqual(8);
      expect(unit?.ioWriteOperations).toBeGreaterThanOrEqual(8);
      agent.touch('disk', 'go');
      await leader.ended('disk');
    },
    WAIT_MS,
  );
});

describe('with the launcher that an agent takes by itself', () => {
  beforeAll(() => begin('direct'), WAIT_MS);
  afterAll(close, WAIT_MS);

  test(
    'nothing is told of single tasks while nobody watches, at once when somebody does, and no more after the lease',
    async () => {
      await expect.poll(() => leader.usage.length, POLL).toBeGreaterThan(1);
      expect(parts).toEqual([]);
      watch(1000);
      await expect.poll(() => parts.length, { timeout: 1500, interval: 20 }).toBe(1);
      expect(parts[0]).toMatchObject({ part: 0, parts: 1, units: [] });
      const totals = leader.usage.length;
      await expect.poll(() => leader.usage.length, POLL).toBeGreaterThan(totals + 1);
      expect(parts).toHaveLength(1);
    },
    WAIT_MS,
  );

  test(
    'the CPU time of a task before a restart of the agent is not counted in its first interval',
    async () => {
      await leader.order(
        aShellTask(
          'old',
          'i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; touch done; sleep 100',
        ),
      );
      watch(60_000);
      await expect.poll(() => agent.has('sandboxes/alice/fw/old/done'), POLL).toBe(true);
      await expect.poll(() => unitOf('old')?.cpuTotalUs, POLL).toBeGreaterThan(500_000);
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      const before = leader.usage.length;
      agent.start();
      await leader.registered();
      await expect.poll(() => leader.usage.length, POLL).toBeGreaterThan(before);
      expect(leader.usage[before]?.cpuMillis).toBeLessThan(100);
      await leader.kill('old', 0);
      await leader.ended('old');
    },
    WAIT_MS,
  );
});

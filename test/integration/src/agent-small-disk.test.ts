// A real agent whose work directory is on a small disk that its tasks fill: sandboxes of what is over make room. When which of
// them go is tested beside the agent's own code, in sandbox-collector.test.ts. Only root can mount a disk.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { isRoot } from './each-launcher.ts';
import { PlayedLeader } from './played-leader.ts';

const MIB = 1024 * 1024;
const POLL = { timeout: WAIT_MS, interval: 200 };

describe.runIf(isRoot)('on a disk of 64 MiB, which only root can mount', () => {
  let disk: string;
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;

  beforeAll(async () => {
    disk = mkdtempSync(path.join(tmpdir(), 'parley-small-disk-'));
    // What lies above the work directory is for everybody, as /tmp is.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=755', 'tmpfs', disk]);
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    agent = new AgentUnderTest(bus, 'auto', [], disk).start('--sandbox-keep-free', '0');
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  }, WAIT_MS);

  const freeMib = (): number => {
    const { bavail, bsize } = statfsSync(disk);
    return (bavail * bsize) / MIB;
  };
  const sandboxes = (): string[] =>
    readdirSync(path.join(agent.workDirectory, 'sandboxes/alice/fw')).toSorted();

  test(
    'the oldest sandboxes go until so much of the disk is free as the agent is told, and no more of them',
    async () => {
      const ids = ['a-oldest', 'b-older', 'c-newest'];
      for (const taskId of ids) {
        await leader.order(aShellTask(taskId, 'head -c 16M /dev/zero > file'));
        expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
      }
      expect(freeMib()).toBeLessThan(64 - 3 * 16);
      // Until the journal has their ends they are not over for the agent.
      const left = async (): Promise<string[]> => {
        await leader.watermark();
        return readdirSync(path.join(agent.workDirectory, 'tasks'));
      };
      await expect.poll(left, POLL).toEqual([]);
      expect(sandboxes()).toEqual(ids);
      await agent.end('SIGTERM');
      leader.awaitsNobody();
      // 38 of 64 MiB: one of them is not enough, two are.
      agent.start('--sandbox-keep-free', '60%');
      await leader.registered();
      await expect.poll(freeMib, POLL).toBeGreaterThan(38);
      await expect.poll(() => agent.output, POLL).toContain('sandboxes removed for want of room');
      expect(sandboxes()).toEqual(['c-newest']);
    },
    WAIT_MS,
  );
});

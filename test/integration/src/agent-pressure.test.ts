// Tests what a real agent takes back while the kernel says that its host is short of memory or CPU. That tasks wait for CPU is
// real; a host that is short of memory would take the tests along, so there the kernel's file is one of the test's, put in its
// place where the agent sees it.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

const BIND = 'mount --bind "$0" /proc/pressure/memory && exec "$@"';

describe.runIf(process.getuid?.() === 0)('as root, who can put a file in place of another', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-pressure-'));
  const file = path.join(directory, 'memory');
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;

  const press = (percent: number): void => {
    const averages = `avg10=${percent.toFixed(2)} avg60=0.00 avg300=0.00 total=1`;
    writeFileSync(file, `some ${averages}\nfull ${averages}\n`);
  };

  beforeAll(async () => {
    press(0);
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    const through = ['unshare', '--mount', '--', 'sh', '-c', BIND, file];
    agent = new AgentUnderTest(bus, 'auto', through).start('--oversubscribe', 'cpus=1,mem=256MiB');
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
    rmSync(directory, { recursive: true });
  }, WAIT_MS);

  test(
    'a task on what is lent ends, and its end says why; one on what is not lent goes on',
    async () => {
      const waits = 'while [ ! -e go ]; do sleep 0.1; done';
      await leader.order(aShellTask('own', waits));
      await leader.order(aShellTask('lent', waits, { revocable: true }));
      await expect.poll(() => agent.has('sandboxes/alice/fw/lent')).toBe(true);
      press(34);
      expect(await leader.ended('lent')).toMatchObject({
        state: 'killed',
        reason: 'revoked',
        message: expect.stringContaining('short of memory: tasks waited for it 34 % of'),
      });
      agent.touch('own', 'go');
      expect(await leader.ended('own')).toMatchObject({ state: 'finished' });
    },
    WAIT_MS,
  );
});

const CPU_PRESSURE = '/proc/pressure/cpu';

describe.runIf(existsSync(CPU_PRESSURE))(`on a kernel that has ${CPU_PRESSURE}`, () => {
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;

  beforeAll(async () => {
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    const lending = ['--oversubscribe', 'cpus=1,mem=256MiB', '--qos-cpu-pressure', '30'];
    agent = new AgentUnderTest(bus, 'auto').start(...lending);
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
  }, WAIT_MS);

  test(
    'tasks that wait for CPU cost what is lent, not what is not, and the end says how long they waited',
    async () => {
      const spins = availableParallelism() * 2;
      const script = `trap 'kill $(jobs -p)' EXIT; for n in $(seq ${spins}); do while :; do :; done & done;`;
      await leader.order(aShellTask('own', `${script} while [ ! -e go ]; do sleep 0.1; done`));
      await leader.order(aShellTask('lent', `${script} wait`, { revocable: true }));
      expect(await leader.ended('lent')).toMatchObject({
        state: 'killed',
        reason: 'revoked',
        message: expect.stringMatching(
          /short of CPU: tasks waited for it [\d.]+ % of the last 10 s/,
        ),
      });
      agent.touch('own', 'go');
      expect(await leader.ended('own')).toMatchObject({ state: 'finished' });
    },
    WAIT_MS,
  );
});

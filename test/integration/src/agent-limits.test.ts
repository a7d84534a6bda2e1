// A real agent whose tasks ask for what is not everybody's: CPUs of their own. Tasks see and are limited by the kernel.
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, PlayedLeader, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';

const POLL = { timeout: WAIT_MS, interval: 100 };
/** The agent says that it has so many; the host may have more. */
const CPUS = availableParallelism();

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start();
  await leader.registered();
}, WAIT_MS);

afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

const allowed = (file: string): string => `grep Cpus_allowed_list /proc/self/status > ${file}`;
/** Of the CPUs that the kernel lets a process of it have. */
const cpusIn = (taskId: string, file: string): string =>
  /:\s*(.*)/.exec(agent.sandboxFile(taskId, file))?.[1] ?? '';

const pinned = (taskId: string, cpus: number, script: string) => ({
  ...aShellTask(taskId, script),
  resources: { scalars: { cpus: cpus * 1000, mem: 32_000 } },
  limits: { pinCpus: true },
});
const lasting = `${allowed('at-first')}; until [ -e go ]; do sleep 0.1; done`;

test(
  'tasks with CPUs of their own run nowhere else and have none in common, over a restart of the agent too',
  async () => {
    await leader.order(pinned('first', 1, lasting));
    await expect.poll(() => cpusIn('first', 'at-first'), POLL).toBe('0');
    await agent.end('SIGKILL');
    agent.start();
    await leader.registered();
    const probe = { kind: 'command', command: { argv: ['sh', '-c', allowed('probed')] } } as const;
    const check = { intervalMs: 100, probe };
    await leader.order({ ...pinned('second', 1, lasting), check });
    await expect.poll(() => cpusIn('second', 'at-first'), POLL).toBe('1');
    // What runs beside a task is bound like it.
    await expect.poll(() => cpusIn('second', 'probed'), POLL).toBe('1');
    await leader.order(aShellTask('anywhere', allowed('at-first')));
    expect((await leader.ended('anywhere')).state).toBe('finished');
    expect(cpusIn('anywhere', 'at-first')).toBe(`0-${CPUS - 1}`);
  },
  2 * WAIT_MS,
);

test(
  'a task for which not enough CPUs are left is told so, and what has ended leaves its own to others',
  async () => {
    await leader.order(pinned('too-many', CPUS - 1, 'true'));
    expect(await leader.ended('too-many')).toMatchObject({
      state: 'failed',
      reason: 'launchFailed',
      message: expect.stringContaining('whole CPUs of its own'),
    });
    agent.touch('first', 'go');
    expect((await leader.ended('first')).state).toBe('finished');
    await leader.order(pinned('third', 1, lasting));
    await expect.poll(() => cpusIn('third', 'at-first'), POLL).toBe('0');
    // One that ends while there is no agent, too.
    await agent.end('SIGKILL');
    for (const taskId of ['second', 'third']) agent.touch(taskId, 'go');
    agent.start();
    await leader.registered();
    for (const taskId of ['second', 'third'])
      expect((await leader.ended(taskId)).state).toBe('finished');
    await leader.order(pinned('all', CPUS, allowed('at-first')));
    expect((await leader.ended('all')).state).toBe('finished');
    expect(cpusIn('all', 'at-first')).toBe(`0-${CPUS - 1}`);
  },
  2 * WAIT_MS,
);

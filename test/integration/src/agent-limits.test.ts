// A real agent whose tasks ask for what is not everybody's: CPUs of their own, with each launcher; devices and directories of
// their host, with the one that an agent takes by itself.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { probeHost } from '@parley/isolation/host-probe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { eachLauncher, isRoot } from './each-launcher.ts';
import { PlayedLeader } from './played-leader.ts';

const POLL = { timeout: WAIT_MS, interval: 100 };
/** The agent says that it has so many; the host may have more. */
const CPUS = availableParallelism();

const DEVICE = `/dev/parley-agent-${process.pid}`;
/** Two that stand for graphics processors: they are named so, and open without doing anything. */
const GPUS = [
  { node: `/dev/nvidia${process.pid}1`, minor: '235' },
  { node: `/dev/nvidia${process.pid}2`, minor: '237' },
] as const;
/** Of the host: what tasks may have lies in it. */
let shared: string;
let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

function makeDevices(): void {
  // As /dev/autofs, which does nothing by itself.
  execFileSync('mknod', ['-m', '600', DEVICE, 'c', '10', '235']);
  for (const { node, minor } of GPUS) execFileSync('mknod', ['-m', '666', node, 'c', '10', minor]);
}

async function begin(...options: string[]): Promise<void> {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start(...options);
  await leader.registered();
}

async function close(): Promise<void> {
  await agent?.close();
  await bus?.close();
}

const allowing = (): string[] => [
  ...['--host-volumes', path.join(shared, 'results'), '--task-devices', DEVICE],
  ...['--host-volumes', `${path.join(shared, 'sets')}:ro`],
];

const allowed = (file: string): string => `grep Cpus_allowed_list /proc/self/status > ${file}`;
/** Of the CPUs that the kernel lets a process of it have. */
const cpusIn = (taskId: string, file: string): string =>
  /:\s*(.*)/.exec(agent.sandboxFile(taskId, file))?.[1] ?? '';

/** From this one on, as the kernel lists them. */
const listed = (first: number): string =>
  first === CPUS - 1 ? String(first) : `${first}-${CPUS - 1}`;

const pinned = (taskId: string, cpus: number, script: string) => ({
  ...aShellTask(taskId, script),
  resources: { scalars: { cpus: cpus * 1000, mem: 32_000 } },
  limits: { pinCpus: true },
});
const lasting = `${allowed('at-first')}; until [ -e go ]; do sleep 0.1; done`;

eachLauncher(['direct', 'systemd-run'])('with the launcher %s', (launcher) => {
  let isV1: boolean;
  let lacksCpusets: boolean;
  const why = 'the systemd of this user was not given the controller cpuset';

  beforeAll(async () => {
    const { cgroupLayout, userManager } = await probeHost();
    isV1 = cgroupLayout !== 'unified';
    lacksCpusets = !isRoot && userManager?.controllers.includes('cpuset') !== true;
    await begin('--launcher', launcher);
  }, WAIT_MS);
  afterAll(close, WAIT_MS);

  test(
    'tasks with CPUs of their own run nowhere else and have none in common, over a restart of the agent too',
    async ({ skip }) => {
      skip(lacksCpusets, why);
      // One that runs already, and has a process that left it.
      const watching = `(while [ ! -e go ]; do ${allowed('now')}; sleep 0.1; done) & wait`;
      await leader.order(aShellTask('before', watching));
      await expect.poll(() => cpusIn('before', 'now'), POLL).toBe(listed(0));
      await leader.order(pinned('first', 1, lasting));
      await expect.poll(() => cpusIn('first', 'at-first'), POLL).toBe('0');
      await expect.poll(() => cpusIn('before', 'now'), POLL).toBe(listed(isV1 ? 1 : 0));
      await leader.order(aShellTask('beside', allowed('at-first')));
      expect((await leader.ended('beside')).state).toBe('finished');
      expect(cpusIn('beside', 'at-first')).toBe(listed(isV1 ? 1 : 0));
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      agent.start('--launcher', launcher);
      await leader.registered();
      const command = { argv: ['sh', '-c', allowed('probed')] };
      const probe = { kind: 'command' as const, command };
      const check = { intervalMs: 100, probe };
      await leader.order({ ...pinned('second', 1, lasting), check });
      await expect.poll(() => cpusIn('second', 'at-first'), POLL).toBe('1');
      // What runs beside a task is bound like it.
      await expect.poll(() => cpusIn('second', 'probed'), POLL).toBe('1');
      await leader.order(aShellTask('anywhere', allowed('at-first')));
      expect((await leader.ended('anywhere')).state).toBe('finished');
      // Where all are somebody's own, the others run by weight.
      expect(cpusIn('anywhere', 'at-first')).toBe(listed(isV1 && CPUS > 2 ? 2 : 0));
    },
    2 * WAIT_MS,
  );

  test(
    'a task for which not enough CPUs are left is told so, and what has ended leaves its own to others',
    async ({ skip }) => {
      skip(lacksCpusets, why);
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
      leader.awaitsNobody();
      for (const taskId of ['second', 'third']) agent.touch(taskId, 'go');
      agent.start('--launcher', launcher);
      await leader.registered();
      for (const taskId of ['second', 'third'])
        expect((await leader.ended(taskId)).state).toBe('finished');
      await expect.poll(() => cpusIn('before', 'now'), POLL).toBe(listed(0));
      agent.touch('before', 'go');
      expect((await leader.ended('before')).state).toBe('finished');
      await leader.order(pinned('all', CPUS, allowed('at-first')));
      expect((await leader.ended('all')).state).toBe('finished');
      expect(cpusIn('all', 'at-first')).toBe(`0-${CPUS - 1}`);
    },
    2 * WAIT_MS,
  );
});

describe('with what the agent allows of its host', () => {
  beforeAll(async () => {
    shared = realpathSync(mkdtempSync(path.join(tmpdir(), 'parley-shared-')));
    for (const name of ['sets', 'results', 'secret']) mkdirSync(path.join(shared, name));
    writeFileSync(path.join(shared, 'sets/one'), 'of the host\n');
    chmodSync(shared, 0o755);
    chmodSync(path.join(shared, 'results'), 0o777);
    if (isRoot) makeDevices();
    await begin(...allowing());
  }, WAIT_MS);
  afterAll(async () => {
    await close();
    for (const node of [DEVICE, ...GPUS.map((gpu) => gpu.node)]) rmSync(node, { force: true });
    rmSync(shared, { recursive: true, force: true });
  }, WAIT_MS);

  test(
    'directories of the host are in the sandbox, as the agent allows, and stay when the task has gone',
    async () => {
      const hostVolumes = [
        { hostPath: path.join(shared, 'results'), path: 'out/results' },
        { hostPath: path.join(shared, 'sets'), path: 'sets', readOnly: true },
      ];
      const script =
        'cat sets/one; echo made > out/results/by-task && echo wrote; (echo x > sets/two) 2>/dev/null || echo kept; cat out/results/by-task';
      await leader.order(aShellTask('volumes', script, { hostVolumes }));
      expect((await leader.ended('volumes')).state).toBe('finished');
      expect(agent.stdoutOf('volumes')).toBe('of the host\nwrote\nkept\nmade\n');
      expect(readFileSync(path.join(shared, 'results/by-task'), 'utf8')).toBe('made\n');
    },
    WAIT_MS,
  );

  test(
    'what the agent does not give to tasks is refused with the option that would',
    async () => {
      const wishes = [
        [
          { hostVolumes: [{ hostPath: path.join(shared, 'secret'), path: 'in' }] },
          '--host-volumes',
        ],
        [
          { hostVolumes: [{ hostPath: path.join(shared, 'sets'), path: 'in' }] },
          '"readOnly": true',
        ],
        [{ devices: ['/dev/tty0'] }, '--task-devices /dev/tty0'],
      ] as const;
      for (const [index, [wish, option]] of wishes.entries()) {
        const taskId = `refused-${index}`;
        const description = aShellTask(taskId, 'true', structuredClone(wish) as object);
        await leader.order(description);
        expect(await leader.ended(taskId)).toMatchObject({
          ...{ state: 'failed', reason: 'launchFailed' },
          message: expect.stringContaining(option),
        });
      }
    },
    2 * WAIT_MS,
  );

  describe.runIf(isRoot)('as root, who can make devices', () => {
    test(
      'a device is opened by the task that asked for it, and by no other',
      async () => {
        const script = `(: < ${DEVICE}) 2> /dev/null && echo opened`;
        await leader.order(aShellTask('with', script, { devices: [DEVICE] }));
        expect((await leader.ended('with')).state).toBe('finished');
        expect(agent.stdoutOf('with')).toBe('opened\n');
        chmodSync(DEVICE, 0o666);
        await leader.order(aShellTask('without', `${script}; true`));
        expect((await leader.ended('without')).state).toBe('finished');
        expect(agent.stdoutOf('without')).toBe('');
      },
      WAIT_MS,
    );

    test(
      'a task opens the graphics processors that it was given, and not those of others, over a restart of the agent',
      async () => {
        const look = `for each in ${GPUS.map(({ node }) => node).join(' ')}; do (: < $each) 2> /dev/null && echo $each; done`;
        const holding = (taskId: string, gpus: number, script: string) => ({
          ...aShellTask(taskId, script),
          resources: { scalars: { cpus: 100, mem: 32_000, gpus } },
        });
        const stays = `${look}; echo; until [ -e go ]; do sleep 0.1; done`;
        await leader.order(holding('gpu-1', 1000, stays));
        await expect.poll(() => agent.stdoutOf('gpu-1'), POLL).toBe(`${GPUS[0].node}\n\n`);
        await agent.end('SIGKILL');
        leader.awaitsNobody();
        agent.start(...allowing());
        await leader.registered();
        await leader.order(holding('gpu-2', 1000, `${look}; true`));
        expect((await leader.ended('gpu-2')).state).toBe('finished');
        expect(agent.stdoutOf('gpu-2')).toBe(`${GPUS[1].node}\n`);
        await leader.order(holding('gpu-3', 2000, look));
        expect(await leader.ended('gpu-3')).toMatchObject({
          reason: 'launchFailed',
          message: expect.stringContaining('holds 2 gpus'),
        });
        agent.touch('gpu-1', 'go');
        await leader.ended('gpu-1');
      },
      WAIT_MS,
    );
  });
});

// Tasks and executors that name a user of their agent's host, on one real agent: whom they are, what they own, and that
// nobody becomes a user that the agent does not list.
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { FrameworkRef } from '@parley/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

// With these numbers everywhere.
const [DAEMON, NOBODY] = [1, 65_534];
const isRoot = process.getuid?.() === 0;
const other = FrameworkRef.parse({ principal: alice, frameworkId: 'other' });
let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto');
  if (!isRoot) return;
  agent.start('--task-users', 'daemon,nobody');
  await leader.registered();
}, WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

const rootTest = test.runIf(isRoot);

type Changes = Parameters<typeof aShellTask>[2];

/** What a task of the first framework writes that ends well. */
async function saidBy(taskId: string, script: string, changes: Changes): Promise<string> {
  expect(await leader.order(aShellTask(taskId, script, changes))).toMatchObject({ ok: true });
  expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
  return agent.stdoutOf(taskId);
}

rootTest(
  'a task that names a user is that user, in no other group and without capabilities; so is its sandbox, and a command beside it',
  async () => {
    const command = { argv: ['sh', '-c', 'id -un > asked'] };
    const probe = { kind: 'command', command } as const;
    const script =
      'id -un; id -G; grep -c " /run/user tmpfs" /proc/self/mounts; grep -E "^(CapBnd|NoNewPrivs)" /proc/self/status; until [ -s asked ]; do sleep 0.05; done; cat asked; echo end >> /dev/stdout';
    const said = await saidBy('named', script, {
      user: 'daemon',
      healthCheck: { probe, delayMs: 0, intervalMs: 200 },
    });
    expect(said).toBe(`daemon\n1\n1\nCapBnd:\t${'0'.repeat(16)}\nNoNewPrivs:\t1\ndaemon\nend\n`);
    const file = path.join(agent.workDirectory, 'sandboxes', alice, 'fw', 'named', 'asked');
    expect((await stat(file)).uid).toBe(DAEMON);
  },
  WAIT_MS,
);

rootTest.each(['root', 'www-data'])(
  'a task that names %s, whom its agent does not list, fails and is told whom it may name',
  async (user) => {
    await leader.order(aShellTask(`as-${user}`, 'id', { user }));
    expect(await leader.ended(`as-${user}`)).toMatchObject({
      ...{ state: 'failed', reason: 'launchFailed', cause: { kind: 'userNotFound' } },
      message: `user ${user}: tasks may name daemon, nobody (--task-users of the agent)`,
    });
    expect(agent.stdoutOf(`as-${user}`)).toBe('');
  },
  WAIT_MS,
);

rootTest(
  'a volume is handed over to the user that the next task names, and back',
  async () => {
    const volumes = [{ volumeId: 'v1', path: 'data' }];
    const script = 'set -e; id -u >> data/file; cat data/file';
    const first = await saidBy('own', script, { volumes });
    expect(await saidBy('to-nobody', script, { volumes, user: 'nobody' })).toBe(
      `${first}${NOBODY}\n`,
    );
    expect(await saidBy('back', script, { volumes })).toBe(`${first}${NOBODY}\n${first}`);
  },
  WAIT_MS,
);

rootTest(
  'tasks of a user do not see each other’s processes and files, whose framework ever they are',
  async () => {
    const hidden = aShellTask('hidden', 'echo treasure > note; sleep 1000', { user: 'daemon' });
    await leader.order(hidden, leader.epoch, other);
    await leader.untilState('hidden', 'running');
    const note = path.join(agent.workDirectory, 'sandboxes', alice, 'other', 'hidden', 'note');
    await expect.poll(() => readFile(note, 'utf8').catch(() => '')).toBe('treasure\n');
    const spy = `{ cat '${note}'; pkill -U daemon sleep; } 2> /dev/null; echo done`;
    expect(await saidBy('spy', spy, { user: 'daemon' })).toBe('done\n');
    await leader.kill('hidden', 0, other);
    expect(await leader.ended('hidden')).toMatchObject({ state: 'killed' });
  },
  WAIT_MS,
);

rootTest(
  'a custom executor is the user that it names, with its sandbox and its tasks’ volumes',
  async () => {
    const script =
      'id -un > who; until [ -e data ]; do sleep 0.05; done; touch data/written; sleep 1000';
    const executor = {
      ...{ executorId: 'e1', user: 'nobody', command: { argv: ['sh', '-c', script] } },
      resources: { scalars: { cpus: 100, mem: 32_000 } },
    };
    const volumes = [{ volumeId: 'v2', path: 'data' }];
    await leader.order(aShellTask('inside', '', { command: undefined, executor, volumes }));
    const root = path.join(agent.workDirectory, 'executor-sandboxes');
    const find = async (): Promise<string> => {
      const [name = ''] = await readdir(root).catch(() => []);
      return path.join(root, name);
    };
    const written = async () => (await stat(path.join(await find(), 'data/written'))).uid;
    await expect.poll(() => written().catch(() => undefined), { timeout: WAIT_MS }).toBe(NOBODY);
    expect(await readFile(path.join(await find(), 'who'), 'utf8')).toBe('nobody\n');
    await leader.kill('inside', 0);
    expect(await leader.ended('inside')).toMatchObject({ state: 'killed' });
  },
  WAIT_MS,
);

rootTest(
  'the tasks of a group are one user, since they share a directory',
  async () => {
    await leader.orderGroup([
      aShellTask('one', 'sleep 1000', { user: 'daemon' }),
      aShellTask('two', 'sleep 1000', { user: 'nobody' }),
    ]);
    const ends = [await leader.ended('one'), await leader.ended('two')];
    expect(ends.map(({ message }) => message)).toContain(
      'the tasks of a group share a directory, so they run as one user',
    );
  },
  WAIT_MS,
);

rootTest(
  'a task is root where its agent lists root, and then without capabilities, on files that it cannot change',
  async () => {
    await agent.end('SIGTERM');
    leader.awaitsNobody();
    agent.start('--task-users', 'root');
    await leader.registered();
    const credential = bus.server.credentialFile('agent', agentId);
    const script = [
      'id -u; id -G; grep -E "^(CapEff|CapBnd|NoNewPrivs):" /proc/self/status',
      `{ cat '${credential}' || ls '${agent.workDirectory}/tasks'; } 2> /dev/null || echo hidden`,
      '(: > /etc/by-root) 2> /dev/null || echo kept; mount -t tmpfs none /mnt 2> /dev/null || echo refused',
    ];
    const none = '0'.repeat(16);
    expect(await saidBy('as-listed-root', script.join('; '), { user: 'root' })).toBe(
      `0\n0\nCapEff:\t${none}\nCapBnd:\t${none}\nNoNewPrivs:\t1\nhidden\nkept\nrefused\n`,
    );
    // Nobody is who does not ask for it.
    expect(Number(await saidBy('asks-nothing', 'id -u', {}))).toBeGreaterThanOrEqual(1_900_000_000);
  },
  WAIT_MS,
);

rootTest(
  'an agent that is told of none lets no task name a user',
  async () => {
    await agent.end('SIGTERM');
    leader.awaitsNobody();
    agent.start();
    await leader.registered();
    await leader.order(aShellTask('none', 'id', { user: 'nobody' }));
    expect(await leader.ended('none')).toMatchObject({
      state: 'failed',
      message: 'user nobody: tasks may not name users here (--task-users of the agent)',
    });
  },
  WAIT_MS,
);

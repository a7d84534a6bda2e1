// What tasks of two frameworks on one real agent cannot learn of each other and of the agent, tried when nobody asks for
// anything; and that what a task is meant to share and to keep is there all the same.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { LogsResult } from '@parley/protocol/agents';
import { FrameworkRef } from '@parley/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

const isRoot = process.getuid?.() === 0;
const other = FrameworkRef.parse({ principal: alice, frameworkId: 'other' });
const OK = { ok: true, value: {} };
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

async function textOf(taskId: string): Promise<string> {
  const answer = await leader.logs(taskId);
  if (!answer.ok) throw new Error(answer.failure.message);
  return new TextDecoder().decode(LogsResult.parse(answer.value).data);
}

/** What a task of the first framework says; it ends well. */
async function saidBy(
  taskId: string,
  script: string,
  changes?: Parameters<typeof aShellTask>[2],
): Promise<string> {
  expect(await leader.order(aShellTask(taskId, script, changes))).toEqual(OK);
  expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
  return textOf(taskId);
}

/** The same of the other framework. */
async function saidByOther(taskId: string, script: string): Promise<string> {
  expect(await leader.order(aShellTask(taskId, script), leader.epoch, other)).toEqual(OK);
  expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
  return readFile(placeOf('sandboxes', alice, 'other', taskId, 'stdout'), 'utf8');
}

const placeOf = (...parts: string[]): string => path.join(agent.workDirectory, ...parts);

test(
  'a task of one framework sees no file, process or variable of another’s, and nothing that the agent keeps',
  async () => {
    const command = {
      argv: ['sh', '-c', 'umask 0; echo treasure > note; chmod 777 . note; sleep 1000'],
      environment: { PASSWORD: 'treasure' },
    };
    await leader.order(aShellTask('victim', '', { command }), leader.epoch, other);
    await leader.untilState('victim', 'running');
    const note = placeOf('sandboxes', alice, 'other', 'victim', 'note');
    await expect
      .poll(() => readFile(note, 'utf8').catch(() => ''), { timeout: WAIT_MS })
      .not.toBe('');
    const secrets = [
      note,
      placeOf('tasks', 'alice.other.victim.task'),
      placeOf('leader-epoch.json'),
      bus.server.credentialFile('agent', agentId),
    ];
    // The test itself finds them there.
    for (const file of secrets) expect((await readFile(file)).length).toBeGreaterThan(0);
    const spy = [
      ...secrets.map((file) => `cat '${file}';`),
      `ls '${agent.workDirectory}' '${placeOf('sandboxes', alice, 'other')}';`,
      'cat /proc/[0-9]*/environ | tr "\\0" "\\n" | grep "treasur[e]"; grep -l "treasur[e]" /proc/[0-9]*/cmdline;',
    ];
    const said = await saidBy('spy', `{ ${spy.join(' ')} } 2> /dev/null; echo done`);
    expect(said).toBe('done\n');
    await leader.kill('victim', 0, other);
    await leader.ended('victim');
  },
  WAIT_MS,
);

test(
  'what a task writes is its framework’s, the same after a restart of the agent, and never root’s or another framework’s',
  async () => {
    const script = 'id -u; id -G; touch file';
    const mine = await saidBy('mine', script);
    const theirs = await saidByOther('theirs', script);
    await agent.end('SIGKILL');
    leader.awaitsNobody();
    agent.start();
    await leader.registered();
    // The other one comes first this time.
    expect(await saidByOther('theirs-after', script)).toBe(theirs);
    expect(await saidBy('mine-after', script)).toBe(mine);
    const ownerOf = async (...names: string[]): Promise<number> =>
      (await stat(placeOf('sandboxes', alice, ...names, 'file'))).uid;
    const owners = [await ownerOf('fw', 'mine'), await ownerOf('other', 'theirs')];
    expect(owners.map(String)).toEqual([mine.split('\n')[0], theirs.split('\n')[0]]);
    // All tasks of an agent that is not root are its own user's.
    if (!isRoot) return;
    expect(new Set(owners).size).toBe(2);
    for (const uid of owners) expect(uid).toBeGreaterThanOrEqual(1_900_000_000);
  },
  WAIT_MS,
);

test(
  'system calls of a task are filtered, while programs with threads run; not where the agent is told so',
  async () => {
    const threads =
      'const { Worker } = require("node:worker_threads"); new Worker("require(`node:child_process`).execFileSync(`true`); console.log(`threads`)", { eval: true })';
    const script = `grep Seccomp: /proc/self/status; unshare --user true || echo refused; '${process.execPath}' -e '${threads}'`;
    expect(await saidBy('filtered', script)).toBe('Seccomp:\t2\nrefused\nthreads\n');
    await agent.end('SIGTERM');
    leader.awaitsNobody();
    agent.start('--confine-syscalls', 'none');
    await leader.registered();
    const own = /Seccomp:.*\n/.exec(await readFile('/proc/self/status', 'utf8'))?.[0];
    expect(await saidBy('unfiltered', 'grep Seccomp: /proc/self/status')).toBe(own);
  },
  WAIT_MS,
);

test(
  'a volume keeps what one framework’s task wrote for the next one of its role, also of another framework',
  async () => {
    const volumes = [{ volumeId: 'v1', path: 'data' }];
    await saidBy('writes', 'echo kept > data/file; mkdir data/deep; echo x > data/deep/file', {
      volumes,
    });
    const script = 'set -e; grep kept data/file; echo more >> data/deep/file; rm data/file';
    await leader.order(aShellTask('reads', script, { volumes }), leader.epoch, other);
    expect(await leader.ended('reads')).toMatchObject({ state: 'finished' });
  },
  WAIT_MS,
);

test(
  'the tasks of a group share a directory',
  async () => {
    await leader.orderGroup([
      aShellTask('gives', 'echo shared > shared/file'),
      aShellTask('takes', 'until grep shared shared/file; do sleep 0.1; done'),
    ]);
    expect(await leader.ended('gives')).toMatchObject({ state: 'finished' });
    expect(await leader.ended('takes')).toMatchObject({ state: 'finished' });
  },
  WAIT_MS,
);

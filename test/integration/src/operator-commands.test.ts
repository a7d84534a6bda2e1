// Owns the proof that the commands by which operators intervene do what they say on a cluster that works: what a person
// reads, the exit code, and what becomes of agents, masters, tasks and connections. One cluster serves all of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { Command } from '@parley/protocol/command';
import { MasterList } from '@parley/protocol/leadership';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { alice, ClusterFixture, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { ClusterTerminal, type Typed } from './cluster-terminal.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const directory = mkdtempSync(path.join(tmpdir(), 'parley-operator-'));
const serverDirectory = ClusterTerminal.serverDirectory(directory);
const fixture = new ClusterFixture({ serverDirectory });
const framework = new QueueFramework();
let terminal: ClusterTerminal;

/** Two agents that ten tasks fill each; with one of them deactivated ten of eleven tasks run. */
beforeAll(async () => {
  await fixture.start();
  await fixture.service('master-2').start().says('"msg":"started"');
  terminal = new ClusterTerminal({ fixture, directory, knowsContext: true, keepsServer: true });
});
afterAll(async () => {
  fixture.open();
  await framework.close();
  await fixture.close();
  rmSync(directory, { recursive: true, force: true });
});

const parley = (...words: string[]): Promise<Typed> => terminal.type(...words);

/** What it prints when it succeeds. */
async function said(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await parley(...words);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

/** Of a failure: the code and its lines without their labels. */
async function refused(...words: string[]): Promise<[number, ...string[]]> {
  const { exitCode, stdout, stderr } = await parley(...words);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  return [
    exitCode,
    ...lines.map((line) => line.replace(/^(parley:| {2}why:| {2}what to do:) +/, '')),
  ];
}

const stateOf = async (agentId: string): Promise<string | undefined> =>
  new RegExp(`^${agentId} +\\S+ +(.+?) {2,}`, 'm').exec(await said('agent', 'list'))?.[1];

async function masters(): Promise<string[]> {
  const list = MasterList.parse(await terminal.read('master', 'list'));
  return list.masters.map(({ id, phase }) => `${id} ${phase}`);
}

test('an agent that is deactivated is offered no more, over another leader too, and again when it is reactivated', async () => {
  expect(await said('agent', 'deactivate', 'a2')).toBe(
    'a2: deactivated: nothing more is offered of it, its tasks go on\n',
  );
  expect(await stateOf('a2')).toBe('registered (deactivated)');
  await framework.connect(fixture, alice, 'web-1');
  framework.add(Array.from({ length: 11 }, (_, index) => fixture.task(`t${index}`)));
  await framework.untilRunning(10);
  expect(await terminal.read('master', 'step-down')).toEqual({ from: 'master-1', to: 'master-2' });
  expect(await stateOf('a2')).toBe('registered (deactivated)');
  expect(framework.waiting).toBe(1);
  const tasks = await said('task', 'list');
  expect(tasks.match(/^alice\/web-1\/t\d+ +running +a1 /gm)).toHaveLength(10);
  expect(tasks).not.toContain('a2');

  expect(await terminal.read('agent', 'reactivate', 'a2')).toEqual({
    agentId: 'a2',
    change: 'reactivate',
  });
  await framework.untilRunning(11);
  expect(await said('task', 'list')).toMatch(/^alice\/web-1\/t\d+ +running +a2 /m);

  const missing = Command.parse({ argv: ['no-such-program'] });
  const lost = { ...fixture.task('missing'), command: missing };
  framework.add([lost]);
  await framework.untilEnded([lost]);
  expect(await said('task', 'list', '--all')).toMatch(
    /^alice\/web-1\/missing +failed .* launchFailed +commandNotFound$/m,
  );
  const page = await said('task', 'inspect', 'alice/web-1/missing');
  expect(page).toMatch(/^cause +commandNotFound: Its program is not on the agent/m);
  expect(page).toMatch(/^its agent says +.*"no-such-program"/m);
  expect(await said('task', 'inspect', 'alice/web-1/t0')).toMatch(/^state +running$/m);
  expect((await refused('task', 'inspect', 'alice/web-1/nothing'))[0]).toBe(3);

  expect(await said('agent', 'deactivate', 'a1')).toContain('its tasks go on');
  expect(await said('agent', 'reactivate', 'a1')).toBe('a1: reactivated: it is offered again\n');
  expect(framework.inState('running')).toHaveLength(11);
  expect(await refused('agent', 'deactivate', 'a9')).toEqual([
    3,
    'there is no agent a9',
    'see "parley agent list"',
  ]);
});

test('a leader that is told to step down hands over; one without a standby does not, and says what helps', async () => {
  await until(
    async () => (await masters()).join() === 'master-2 leading,master-1 following',
    () => 'master-1 follows master-2',
  );
  expect(await said('master', 'step-down')).toBe('master-2 stepped down; master-1 leads\n');
  expect(await masters()).toContain('master-1 leading');
  expect(framework.inState('running')).toHaveLength(11);

  expect(await fixture.service('master-2').end('SIGTERM')).toBe(0);
  await until(
    async () => (await masters()).length === 1,
    () => 'master-2 is no longer listed',
  );
  expect(await refused('master', 'step-down')).toEqual([
    1,
    'master-1 does not step down',
    'no other master stands by, so nobody would lead',
    'start another master first; to have nobody lead, stop the service itself',
  ]);
  expect(await said('master', 'list')).toMatch(/^master-1 +leader +0 +\d+ +now .* equal$/m);
  fixture.service('master-2').start();
});

test('a maintenance window is cancelled before it begins and stopped afterwards, and never the other way round', async () => {
  const schedule = ['maintenance', 'schedule', 'kernel', '--agents', 'a1', '--duration', '30m'];
  expect(await refused(...schedule, '--start', 'soon')).toEqual([
    2,
    expect.stringContaining("argument 'soon' is invalid. must be now, +30m, or a time"),
    expect.any(String),
  ]);
  expect(await said(...schedule, '--start', '+1h', '--reason', 'a new kernel')).toMatch(
    /^kernel: scheduled for \d{4}-/,
  );
  expect(await said('maintenance', 'list')).toMatch(
    /^kernel +planned .* 30 min +a1 +0\/1 +- +a new kernel$/m,
  );
  expect(await refused('maintenance', 'stop', 'kernel')).toEqual([
    1,
    'maintenance window kernel was not changed',
    'window kernel has not begun: cancel it instead (malformed)',
    '"parley maintenance cancel kernel" gives up one that has not begun',
  ]);
  expect(await said('maintenance', 'cancel', 'kernel')).toBe(
    'kernel: cancelled: its agents stay in service\n',
  );
  expect(await said('maintenance', 'list')).toBe('no maintenance is planned\n');
  expect(await stateOf('a1')).toBe('registered');
  const gone = [
    3,
    'there is no maintenance window kernel',
    'it never was, it was cancelled, or it is over',
    'see "parley maintenance list"',
  ];
  for (const change of ['cancel', 'start', 'stop']) {
    expect(await refused('maintenance', change, 'kernel')).toEqual(gone);
  }

  expect(await said(...schedule, '--start', 'now', '--grace', '1s')).toContain('kernel: scheduled');
  expect(await stateOf('a1')).toMatch(/^registered \(maintenance kernel/);
  expect(await refused('maintenance', 'cancel', 'kernel')).toEqual([
    1,
    'maintenance window kernel was not changed',
    'window kernel has begun: stop it instead (malformed)',
    '"parley maintenance stop kernel" ends one that has begun',
  ]);
  await framework.untilRunning(1);
  expect(await said('maintenance', 'stop', 'kernel')).toBe(
    'kernel: over: its agents are offered again\n',
  );
  expect(await stateOf('a1')).toBe('registered');
});

test('an agent that is drained and marked gone is emptied, leaves, and is refused for good', async () => {
  const drain = ['agent', 'drain', 'a2', '--mark-gone', '--grace', '1s', '--reason', 'it burns'];
  expect(await refused(...drain)).toEqual([
    4,
    'this gives up agent a2 of cluster whole for good, and the 1 tasks on it: nothing was done',
    'it has to be confirmed, and there is no terminal to ask at',
    'if you mean it: parley agent drain --mark-gone a2 --yes',
  ]);
  await framework.untilRunning(1);
  expect(await said(...drain, '--yes')).toBe(
    'a2: drained and given up: nothing runs on it any more, and it is refused from now on\n',
  );
  await framework.untilRunning(0);
  expect(await stateOf('a2')).toBe('gone (drained: it burns)');
  const agent = fixture.service('a2');
  await agent.says('this agent was declared gone');
  await until(
    () => !agent.isRunning,
    () => 'the agent has left',
  );
  await agent.start().says('this agent was declared gone', 1);
  const refusal = await refused('agent', 'reactivate', 'a2');
  expect(refusal.slice(0, 3)).toEqual([
    1,
    'agent a2 was not changed',
    'agent a2 was declared gone (agentGone)',
  ]);
  expect(refusal[3]).toContain('under another id ("parley credential create agent NEW-ID")');
});

test('a principal is let in and shut out while the cluster works, and nobody else notices', async () => {
  const { pid } = fixture.server;
  const staying = await fixture.connect('principal', alice);
  let drops = 0;
  void (async () => {
    for await (const { type } of staying.status()) if (type === 'disconnect') drops += 1;
  })();
  const created = await said('credential', 'create', 'principal', 'dora', '--roles', 'web,batch');
  const file = fixture.credential('principal', 'dora');
  expect(created).toBe(`principal dora may connect; its credential is\n${file}\n`);
  expect(await said('principal', 'list')).toContain(`dora   web,batch  ${file}`);
  const doras = await new QueueFramework().connect(fixture, 'dora', 'etl', 'web');
  doras.add([fixture.task('of-dora')]);
  await doras.untilRunning(1);
  expect(await said('framework', 'list')).toMatch(/^dora\/etl +etl +web +subscribed /m);

  const identity = succeeded(readCredentialFile(file));
  const open = succeeded(await openConnection(identity, 'work'));
  expect(await said('credential', 'revoke', 'principal', 'dora')).toBe(
    'principal dora is shut out: its connections are closed, its credential is void\n',
  );
  await open.closed();
  expect(await openConnection(identity)).toMatchObject({ failure: { code: 'notPermitted' } });
  await until(
    () => doras.errors.length > 0,
    () => 'its framework is told',
  );
  await doras.close();
  expect(await refused('credential', 'revoke', 'principal', 'dora')).toEqual([
    3,
    'there is no principal dora',
    'see "parley credential list"',
  ]);
  expect(await refused('credential', 'create', 'servant', 'dora')).toEqual([
    2,
    expect.stringContaining('must be one of agent, principal, operator, master'),
    expect.any(String),
  ]);
  expect(fixture.server.pid).toBe(pid);
  await staying.flush();
  expect(drops).toBe(0);
});

test('what is set and what is there is listed in words, and what is not there with where to look', async () => {
  expect(await said('context', 'list')).toMatch(
    new RegExp(`^${cluster} +${cluster} +running +${fixture.server.url}$`, 'm'),
  );
  expect(await said('quota', 'list')).toBe('no guarantee and no limit is set\n');
  expect(await said('weight', 'list')).toBe('every role and every framework has the weight 1\n');
  expect(await said('role', 'list')).toMatch(/^\* +1 /m);
  expect(await said('task', 'list', '--all')).toMatch(/ killed +a2 .* agentDraining$/m);
  expect(await said('explain', 'task', 'alice/web-1/t9')).toContain('t9');
  const added = ['reservation', 'add', 'web', 'r1', '--resources', 'cpus=1', '--agent'];
  expect(await said(...added, 'a1')).toBe('reservation r1 of role web on a1: cpus 1\n');
  expect(await said('reservation', 'list')).toMatch(/^a1 +web +r1 +cpus 1 .* operator:olga$/m);
  expect((await refused(...added, 'a9')).slice(2)).toEqual([
    'agent a9 is not registered (unknownAgent)',
    'see "parley agent list"',
  ]);
  expect(await refused('task', 'kill', 'alice/web-1/nothing', '--yes')).toEqual([
    3,
    expect.stringContaining('task alice/web-1/nothing'),
    expect.any(String),
    'see "parley task list --all"',
  ]);
});

// An agent that is not root, as a whole: what it runs and how that is confined where it is told to run plain processes, and
// what it refuses, at its start and of tasks, with which sentence. The test itself may be root: the agent is another user's.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { probeHost } from '@parley/isolation/host-probe';
import { detectIsolation, type IsolationSupport } from '@parley/isolation/host-support';
import { startPrivateSystemd } from '@parley/isolation/private-systemd';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';
import { asRootless, giveToRootless, ROOTLESS_USER, withManagerOfUser } from './rootless.ts';

/** Seconds that nobody else sleeps: processes are found by them. */
const [VICTIM, ESCAPED] = [String(100_000_000 + process.pid), String(200_000_000 + process.pid)];
const NO_MANAGER = { answers: false, controllers: [] };
const isRoot = process.getuid?.() === 0;
/** Open to everybody, and to root alone. */
const [OPEN, CLOSED] = [`/dev/parley-open-${process.pid}`, `/dev/parley-closed-${process.pid}`];

type Changes = NonNullable<Parameters<typeof aShellTask>[2]>;
type Refusal = readonly [what: string, changes: Changes, why: string];
const OF_ROOT: readonly Refusal[] = [
  ['image', { image: { source: 'file:///srv/image' } }, 'takes an agent that is root'],
  ['user', { user: 'daemon' }, 'user daemon: tasks may not name users here'],
  ['private', { network: 'private' }, 'this agent has no private networks for tasks'],
];
const OF_SCOPES: readonly Refusal[] = [
  ['none', { network: 'none' }, 'plain processes have the network of their host'],
  [
    'pinned',
    { resources: { scalars: { cpus: 1000, mem: 64_000 } }, limits: { pinCpus: true } },
    "no CPUs can be a task's own here: plain processes have no limits",
  ],
  ['io', { limits: { io: { readBytes: 1_000_000 } } }, 'a task with one on input and output'],
];

type Start = { readonly options?: readonly string[]; readonly through?: readonly string[] };

let bus: BusFixture;
let leader: PlayedLeader;
let home: string;
let credential: string;
const agents: AgentUnderTest[] = [];

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  home = mkdtempSync(path.join(tmpdir(), 'parley-rootless-'));
  credential = path.join(home, 'credential', 'agent.json');
  mkdirSync(path.dirname(credential));
  copyFileSync(bus.server.credentialFile('agent', agentId), credential);
  giveToRootless(home, path.dirname(credential), credential);
  if (!isRoot) return;
  // As /dev/autofs, which does nothing by itself.
  for (const [node, mode] of Object.entries({ [OPEN]: '666', [CLOSED]: '600' }))
    execFileSync('mknod', ['-m', mode, node, 'c', '10', '235']);
}, WAIT_MS);
afterAll(async () => {
  for (const agent of agents) await agent.close();
  await bus?.close();
  for (const node of [OPEN, CLOSED]) rmSync(node, { force: true });
  rmSync(home, { recursive: true, force: true });
}, WAIT_MS);

function anAgent(
  how: 'auto' | 'process',
  { options = [], through = asRootless() }: Start = {},
): AgentUnderTest {
  const agent = new AgentUnderTest(bus, how, through);
  giveToRootless(agent.workDirectory);
  agents.push(agent);
  return agent.start('--creds', credential, ...options);
}

/** What it says last, and ends by. */
async function refusalOf(agent: AgentUnderTest): Promise<string> {
  expect(await agent.ended()).toBe(1);
  // What it wrote may come after its end.
  await expect.poll(() => agent.output).toContain('parley agent: ');
  return agent.output;
}

/** Processes of the host, whoever's. */
function sleepers(seconds: string): string[] {
  const found = spawnSync('pgrep', ['-f', `^sleep ${seconds}$`], { encoding: 'utf8' });
  return found.stdout.split('\n').filter((pid) => pid !== '');
}

async function saidBy(
  agent: AgentUnderTest,
  taskId: string,
  script: string,
  changes: Changes = {},
): Promise<string> {
  expect(await leader.order(aShellTask(taskId, script, changes))).toMatchObject({ ok: true });
  expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
  return agent.stdoutOf(taskId);
}

/** None of them runs, and each is told why. */
async function expectRefused(agent: AgentUnderTest, refusals: readonly Refusal[]): Promise<void> {
  for (const [what, changes] of refusals)
    await leader.order(aShellTask(`refused-${what}`, 'echo ran', changes));
  for (const [what, , why] of refusals) {
    expect(await leader.ended(`refused-${what}`), what).toMatchObject({
      ...{ state: 'failed', reason: 'launchFailed' },
      message: expect.stringContaining(why),
    });
    expect(agent.stdoutOf(`refused-${what}`)).toBe('');
  }
}

/** As it is when the test is not root. */
async function supportHere(): Promise<IsolationSupport> {
  const facts = { ...(await probeHost()), isRoot: false };
  return detectIsolation({ ...facts, userManager: facts.userManager ?? NO_MANAGER });
}

test(
  'plain processes run as the agent’s user, who may read what the agent may, and the agent says so',
  async () => {
    const agent = anAgent('process');
    await leader.registered();
    const script = `id -u; grep CapEff /proc/self/status; cat '${credential}' > /dev/null && echo read`;
    const said = await saidBy(agent, 'plain', script);
    expect(said).toBe(`${ROOTLESS_USER}\nCapEff:\t${'0'.repeat(16)}\nread\n`);
    expect(agent.output).toContain('tasks are not confined');
    await agent.end('SIGTERM');
  },
  WAIT_MS,
);

describe('told to confine them', () => {
  const options = ['--confine', 'default', '--task-devices', OPEN, '--task-devices', CLOSED];
  let agent: AgentUnderTest;
  beforeAll(async () => {
    agent = anAgent('process', { options });
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent.end('SIGTERM');
    leader.awaitsNobody();
  }, WAIT_MS);

  test(
    'it keeps its files, its credential and other tasks’ processes from them, without root',
    async () => {
      await leader.order(aShellTask('victim', `exec sleep ${VICTIM}`));
      await leader.untilState('victim', 'running');
      const spy = [
        `id -u; cat '${credential}' 2> /dev/null || echo hidden`,
        `ls '${agent.workDirectory}/tasks' 2> /dev/null || echo none`,
        `grep -l "^sleep.${VICTIM}" /proc/[0-9]*/cmdline 2> /dev/null || echo alone`,
        'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; echo kept > file && cat file',
      ];
      const said = await saidBy(agent, 'spy', spy.join('; '));
      expect(said).toBe(
        `${ROOTLESS_USER}\nhidden\nnone\nalone\nNoNewPrivs:\t1\nSeccomp:\t2\nkept\n`,
      );
      await leader.kill('victim', 0);
      expect(await leader.ended('victim')).toMatchObject({ state: 'killed' });
      await expect.poll(() => sleepers(VICTIM), { timeout: 5000 }).toEqual([]);

      // It is signalled, may end by itself, and takes with it what has left its session.
      const script = `setsid sh -c 'echo $$ > escaped; exec sleep ${ESCAPED}' & trap 'echo asked; exit 7' TERM; until [ -s checked ]; do sleep 0.05; done; echo ready; while :; do sleep 0.05; done`;
      const command = { argv: ['sh', '-c', 'id -u > checked'] };
      const probe = { kind: 'command', command } as const;
      const healthCheck = { probe, delayMs: 0, intervalMs: 200 };
      await leader.order(aShellTask('asked', script, { healthCheck }));
      await expect.poll(() => agent.stdoutOf('asked'), { timeout: WAIT_MS }).toBe('ready\n');
      expect(agent.sandboxFile('asked', 'checked')).toBe(`${ROOTLESS_USER}\n`);
      expect(sleepers(ESCAPED)).toHaveLength(1);

      // The next life of the agent finds it.
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      agent.start('--creds', credential, ...options);
      await leader.registered();
      await leader.kill('asked', 30_000);
      expect(await leader.ended('asked')).toMatchObject({ state: 'killed', exitCode: 7 });
      expect(agent.stdoutOf('asked')).toBe('ready\nasked\n');
      await expect.poll(() => sleepers(ESCAPED)).toEqual([]);
    },
    WAIT_MS,
  );

  test(
    'what takes root or scopes is refused task by task, with the reason',
    () => expectRefused(agent, [...OF_ROOT, ...OF_SCOPES]),
    WAIT_MS,
  );

  test(
    'a task with volumes, and a custom executor, see all volumes of the agent, and no other task does',
    async () => {
      const having = (volumeId: string): Changes => ({ volumes: [{ volumeId, path: 'data' }] });
      await saidBy(agent, 'keeps', 'echo kept > data/word', having('v1'));
      const word = path.join(agent.workDirectory, 'volumes/a+b/v1/word');
      const look = `cat '${word}' 2> /dev/null || echo none`;
      expect(await saidBy(agent, 'has-another', look, having('v2'))).toBe('kept\n');
      expect(await saidBy(agent, 'has-none', look)).toBe('none\n');
      const command = { argv: ['sh', '-c', `id -u > seen; { ${look}; } >> seen`] };
      const executor = { executorId: 'e1', command };
      await leader.order(aShellTask('inside', '', { command: undefined, executor }));
      expect(await leader.ended('inside')).toMatchObject({ reason: 'executorExited' });
      expect(agent.executorFiles('seen')).toBe(`${ROOTLESS_USER}\nkept\n`);
    },
    WAIT_MS,
  );

  test.runIf(isRoot)(
    'which devices a task opens is for their rights alone, also of those that it is given',
    async () => {
      const tried = (device: string): string =>
        `(: < ${device}) 2> /dev/null && echo opened || echo refused`;
      const script = `${tried(OPEN)}; ${tried(CLOSED)}`;
      const devices = [OPEN, CLOSED];
      expect(await saidBy(agent, 'given', script, { devices })).toBe('opened\nrefused\n');
      expect(await saidBy(agent, 'not-given', script)).toBe('opened\nrefused\n');
    },
    WAIT_MS,
  );
});

test(
  'at its start it refuses what takes root, and a credential that it cannot hide, with what to do instead',
  async () => {
    const confined = ['--confine', 'default'];
    // Not in a directory of its own.
    const open = `/tmp/parley-open-${process.pid}.json`;
    copyFileSync(credential, open);
    giveToRootless(open);
    try {
      const support = await supportHere();
      const refused = [
        [
          anAgent('process', { options: ['--task-network', '10.88.0.0/16'] }),
          '--task-network needs root, and tasks in scopes: leave it out',
        ],
        [
          anAgent('process', { options: [...confined, '--task-users', 'daemon'] }),
          '--task-users needs an agent that is root: leave it out, or start it as root',
        ],
        [
          anAgent('process', { options: [...confined, '--creds', open] }),
          `who may read ${open}, and /tmp cannot be hidden from them: move the file`,
        ],
        [
          anAgent('auto', { options: ['--isolation', 'systemd'] }),
          support.kind === 'unsupported' ? support.reason : '--isolation systemd needs root',
        ],
      ] as const;
      for (const [agent, why] of refused) expect(await refusalOf(agent)).toContain(why);
    } finally {
      rmSync(open);
    }
  },
  WAIT_MS,
);

test(
  'where no systemd makes scopes for its user, it says why and what else there is',
  async ({ skip }) => {
    const facts = { ...(await probeHost()), isRoot: false };
    const support = detectIsolation({ ...facts, userManager: facts.userManager ?? NO_MANAGER });
    if (support.kind !== 'unsupported') return skip('a systemd makes scopes for this user');
    const agent = anAgent('auto');
    const said = await refusalOf(agent);
    expect(said).toContain(`this host cannot run tasks: ${support.reason}`);
    expect(said).toContain('--isolation process --confine default');
  },
  WAIT_MS,
);

test.runIf(isRoot)(
  'with a systemd of its user it runs tasks in scopes on cgroup v2, and refuses v1, which cannot be delegated',
  async () => {
    const { cgroupLayout } = await probeHost();
    const systemd = await startPrivateSystemd({
      stateDirectory: path.join(home, 'systemd'),
      name: 'rootless',
    });
    try {
      const agent = anAgent('auto', { through: withManagerOfUser(systemd) });
      if (cgroupLayout === 'unified') {
        await leader.registered();
        expect(await saidBy(agent, 'scoped', 'id -u')).toBe(`${ROOTLESS_USER}\n`);
        const ids = OF_ROOT.map(([what, ...rest]): Refusal => [`scoped-${what}`, ...rest]);
        await expectRefused(agent, ids);
        await agent.end('SIGTERM');
        return;
      }
      const why = `the host uses cgroup v1 (${cgroupLayout}), which cannot be delegated to a user`;
      expect(await refusalOf(agent)).toContain(`this host cannot run tasks: ${why}`);
    } finally {
      await systemd.stop();
    }
  },
  WAIT_MS,
);

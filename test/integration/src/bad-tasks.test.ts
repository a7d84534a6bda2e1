// Bad tasks in real scopes: what they do stays with them. The table below has every kind that somebody who runs other people's
// tasks must expect, with the test that shows what becomes of it, here or elsewhere: with a real agent in all files but
// isolation-limits.test.ts, which starts what an agent starts, with an agent's launchers.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isTerminal } from '@parley/protocol/tasks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { eachLauncher } from './each-launcher.ts';
import { PlayedLeader } from './played-leader.ts';

const HERE = 'bad-tasks.test.ts';
const ORDERS = 'bad-orders.test.ts';
const BAD_TASKS: readonly (readonly [what: string, file: string, title: string])[] = [
  [
    'fork bomb',
    'isolation-limits.test.ts',
    'that is a fork bomb stays below its limit of processes, lets others start, and leaves nothing behind',
  ],
  [
    'memory eater, fast',
    'isolation-limits.test.ts',
    'that eats memory fast is killed at what it requested, where it has no limit of its own',
  ],
  [
    'memory eater, by 1 MiB steps',
    'isolation-limits.test.ts',
    'may use memory beyond its request, up to its limit, and is killed there by steps of 1 MiB too',
  ],
  [
    'spinning on all cores beside a well-behaved task',
    'isolation-limits.test.ts',
    'keeps what it requested beside one that spins on all CPUs, whichever slices they are in',
  ],
  [
    'ignores SIGTERM',
    'agent-process.test.ts',
    'a task that ignores SIGTERM is killed after its grace',
  ],
  ['double-forks and hides', HERE, 'one that double-forks and hides leaves nothing when it ends'],
  [
    'double-forks and ignores SIGTERM',
    HERE,
    'no child survives a kill, in whatever session it is, whoever its parent, whatever it ignores',
  ],
  ['exits at once', HERE, 'those that exit at once are told once each, with their own exit codes'],
  // How many a minute depends on the host: the test says it, and holds no host to it.
  [
    '1,000 tasks as fast as they start',
    HERE,
    'tasks one after the other, a thousand of them by the direct launcher, each end once',
  ],
  [
    'shell metacharacters, quotes and newlines in command and environment',
    HERE,
    'words and values reach the program as they are, whatever a shell would make of them',
  ],
  [
    'no UTF-8 in command, environment, ids and paths',
    ORDERS,
    'an order with a string in it that is no UTF-8 is refused, wherever the string stands',
  ],
  [
    'bytes, NUL, and names that are none, in command and environment',
    ORDERS,
    'words, values and names that no program can be given are refused by the agent',
  ],
  [
    'shell metacharacters, quotes and newlines in ids and paths',
    ORDERS,
    'ids and paths that a shell or a file system could take for something else are refused by the agent',
  ],
  ['no UTF-8 in file names', HERE, 'files whose names are no text are no trouble to anybody'],
  ['environment of 100 KB', HERE, 'an environment of 100 KB arrives'],
  [
    "connects to the bus's port",
    HERE,
    'one that connects to the bus without a credential is refused',
  ],
  [
    'disk filler',
    'agent-sandbox.test.ts',
    'a task that fills the disk is killed at its limit, and its end tells limit and peak',
  ],
  [
    'writes 1 GB to stdout',
    'agent-sandbox.test.ts',
    'of a gigabyte that a task writes at once to its output the newest part stays, and can be read',
  ],
  [
    'holds its stdout open after exit',
    'agent-sandbox.test.ts',
    'what holds the output open after the exit of the command goes with it, and holds up nobody',
  ],
  [
    "reads another task's sandbox, the agent's checkpoint and credentials, /proc of others",
    'agent-confinement.test.ts',
    'a task of one framework sees no file, process or variable of another’s, and nothing that the agent keeps',
  ],
];

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

test('each kind of bad task has a test under the title that the table names', () => {
  const directory = fileURLToPath(new URL('.', import.meta.url));
  for (const [what, file, title] of BAD_TASKS) {
    const text = readFileSync(path.join(directory, file), 'utf8');
    expect(text.includes(`'${title}',\n`) || text.includes(`test('${title}'`), what).toBe(true);
  }
});

/** Children of all kinds: in a session of its own, re-parented by a double fork, deaf, under another name. */
const HIDERS = `
(setsid sh -c 'trap "" TERM HUP INT; echo up1; while :; do sleep 0.2; done' &)
(setsid setsid sh -c '(trap "" TERM; echo up2; exec sleep 10001) &' &)
(cd /; exec env -i HOME="$HOME" nohup sh -c 'echo up3; exec sleep 10002' > "$HOME/stdout3" 2>&1 &)
`;

eachLauncher(['direct', 'systemd-run'])('started by the launcher %s', (launcher) => {
  beforeAll(async () => {
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    agent = new AgentUnderTest(bus, 'auto').start('--launcher', launcher);
    await leader.registered();
  }, 3 * WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
  }, WAIT_MS);

  test(
    'one that double-forks and hides leaves nothing when it ends',
    async () => {
      const until = 'until [ "$(cat stdout stdout3 | grep -c up)" = 3 ]; do sleep 0.05; done';
      await leader.order(aShellTask('hider', `${HIDERS}\n${until}\nexit 3`));
      expect(await leader.ended('hider')).toMatchObject({ state: 'failed', exitCode: 3 });
      await expect.poll(() => processesOf('hider'), { timeout: WAIT_MS }).toEqual([]);
    },
    WAIT_MS,
  );

  test(
    'no child survives a kill, in whatever session it is, whoever its parent, whatever it ignores',
    async () => {
      await leader.order(
        aShellTask('deaf', `trap "" TERM; ${HIDERS}\nwhile :; do sleep 0.2; done`),
      );
      await expect.poll(() => upsOf('deaf'), { timeout: WAIT_MS }).toBe(3);
      expect(processesOf('deaf').length).toBeGreaterThanOrEqual(4);
      await leader.kill('deaf', 300);
      expect(await leader.ended('deaf')).toMatchObject({
        ...{ state: 'killed', reason: 'killedByFramework' },
      });
      await expect.poll(() => processesOf('deaf'), { timeout: WAIT_MS }).toEqual([]);
    },
    WAIT_MS,
  );

  test(
    'those that exit at once are told once each, with their own exit codes',
    async () => {
      const codes = [0, 1, 2, 126, 127, 255];
      const command = (code: number) => ({ command: { argv: ['sh', '-c', `exit ${code}`] } });
      await Promise.all(
        codes.map((code) => leader.order(aShellTask(`exit${code}`, '', command(code)))),
      );
      await leader.order(aShellTask('true', '', { command: { argv: ['true'] } }));
      for (const code of codes) {
        expect(await leader.ended(`exit${code}`)).toMatchObject({
          ...{ state: code === 0 ? 'finished' : 'failed', reason: 'commandExited', exitCode: code },
        });
      }
      expect(await leader.ended('true')).toMatchObject({ state: 'finished' });
    },
    WAIT_MS,
  );

  const AWKWARD = [
    '$(touch /tmp/parley-was-here)',
    '`id`; rm -rf "$HOME" | cat & #',
    `it's "quoted" \\ and 'so' on`,
    'two\nlines\r\n\tand a tab',
    '--help',
    '=',
    '*',
    '',
    '\u0001\u001b[31m\u007f',
    'ünï\u2028code \u{1f600}',
    '%s%n$IFS',
  ];

  test(
    'words and values reach the program as they are, whatever a shell would make of them',
    async () => {
      const environment = Object.fromEntries(AWKWARD.map((value, index) => [`V${index}`, value]));
      const names = Object.keys(environment);
      const script = `process.stdout.write(JSON.stringify([process.argv.slice(1), ${JSON.stringify(names)}.map((name) => process.env[name])]))`;
      const argv = [process.execPath, '-e', script, '--', ...AWKWARD];
      const resources = { scalars: { cpus: 500, mem: 256_000 } };
      await leader.order(aShellTask('awkward', '', { command: { argv, environment }, resources }));
      expect(await leader.ended('awkward')).toMatchObject({ state: 'finished' });
      expect(JSON.parse(agent.stdoutOf('awkward'))).toEqual([AWKWARD, AWKWARD]);
    },
    WAIT_MS,
  );

  test(
    'an environment of 100 KB arrives',
    async () => {
      const environment = { BIG: 'x'.repeat(100_000), SMALL: 'y' };
      const command = {
        argv: ['sh', '-c', 'echo "$(printf %s "$BIG" | wc -c) $SMALL"'],
        environment,
      };
      await leader.order(aShellTask('large', '', { command }));
      expect(await leader.ended('large')).toMatchObject({ state: 'finished' });
      expect(agent.stdoutOf('large')).toBe('100000 y\n');
      // More than the kernel passes on in one piece: nothing runs, and who reads the update sees what is too large.
      const tooLarge = { argv: ['true'], environment: { BIG: 'x'.repeat(131_072) } };
      await leader.order(aShellTask('too-large', '', { command: tooLarge }));
      expect(await leader.ended('too-large')).toMatchObject({
        ...{ state: 'failed', reason: 'launchFailed' },
        message:
          'variable BIG is larger than the 131000 bytes that a program can be given in one piece: put it into a file',
      });
      // The largest one that there can be.
      const largest = { ...command, environment: { ...environment, BIG: 'x'.repeat(130_996) } };
      await leader.order(aShellTask('largest', '', { command: largest }));
      expect(await leader.ended('largest')).toMatchObject({ state: 'finished' });
      expect(agent.stdoutOf('largest')).toBe('130996 y\n');
    },
    WAIT_MS,
  );

  test(
    'files whose names are no text are no trouble to anybody',
    async () => {
      const script = `mkdir "$(printf 'd\\377')"; : > "$(printf 'd\\377/f\\376\\nx')"; : > "a'b\\"c \\$(id)"; ls | wc -l`;
      await leader.order(aShellTask('names', script));
      expect(await leader.ended('names')).toMatchObject({ state: 'finished' });
      // Beside them there are stdout and stderr.
      expect(agent.stdoutOf('names').trim()).toBe('4');
      await leader.order(aShellTask('after-names', 'exit 6'));
      expect(await leader.ended('after-names')).toMatchObject({ exitCode: 6 });
    },
    WAIT_MS,
  );

  /** Says hello as a client without a credential, then as one that claims to be somebody, and gives the server's words. */
  const INTRUDER = `
const { connect } = require('node:net');
for (const hello of ['{"verbose":false}', '{"user":"a1","pass":"a1"}', '{"nkey":"UDXU","sig":"x"}']) {
  const socket = connect(Number(process.argv[1]), '127.0.0.1', () => {
    socket.write('CONNECT ' + hello + '\\r\\nPUB parley.c1.agent.a1.kill 2\\r\\nhi\\r\\nPING\\r\\n');
  });
  let said = '';
  socket.on('data', (data) => { said += data; });
  socket.on('error', () => {});
  socket.on('close', () => console.log(said.includes('PONG') ? 'let in' : said.match(/-ERR '(.*)'/)?.[1]));
}`;

  test(
    'one that connects to the bus without a credential is refused',
    async () => {
      const argv = [process.execPath, '-e', INTRUDER, String(bus.server.port)];
      const resources = { scalars: { cpus: 500, mem: 256_000 } };
      await leader.order(aShellTask('intruder', '', { command: { argv }, resources }));
      expect(await leader.ended('intruder')).toMatchObject({ state: 'finished' });
      expect(agent.stdoutOf('intruder')).toBe('Authorization Violation\n'.repeat(3));
    },
    WAIT_MS,
  );

  test(
    'tasks one after the other, a thousand of them by the direct launcher, each end once',
    async () => {
      const taskIds = Array.from(
        { length: launcher === 'direct' ? 1000 : 200 },
        (_, number) => `quick${number}`,
      );
      const open = [...taskIds];
      const order = async (): Promise<void> => {
        for (let taskId = open.pop(); taskId !== undefined; taskId = open.pop()) {
          const answer = await leader.order(
            aShellTask(taskId, '', { command: { argv: ['sh', '-c', 'exit 4'] } }),
          );
          expect(answer, taskId).toMatchObject({ ok: true });
        }
      };
      const beganMs = Date.now();
      await Promise.all(Array.from({ length: 8 }, order));
      const ends = async () =>
        (await leader.updates()).filter(
          ({ task: { taskId }, state }) => taskId.startsWith('quick') && isTerminal(state),
        );
      const isAll = (told: Awaited<ReturnType<typeof ends>>) =>
        new Set(told.map(({ task }) => task.taskId)).size === taskIds.length;
      await expect.poll(ends, { timeout: 3 * WAIT_MS, interval: 1000 }).toSatisfy(isAll);
      const told = await ends();
      // An update that was written again has the number that it had.
      const different = new Set(
        told.map(({ task, sequence, exitCode }) => `${task.taskId} ${sequence}: ${exitCode}`),
      );
      expect(different.size).toBe(taskIds.length);
      expect([...different].filter((end) => !end.endsWith(': 4'))).toEqual([]);
      // By the agent's own clock, which is this one: how long they took to be read here is left out.
      const tookMs = Math.max(...told.map(({ wallTimeMs }) => wallTimeMs)) - beganMs;
      const aMinute = Math.round((taskIds.length * 60_000) / tookMs);
      process.stdout.write(`${launcher}: ${taskIds.length} tasks, ${aMinute} a minute\n`);
    },
    4 * WAIT_MS,
  );
});

function upsOf(taskId: string): number {
  const texts = ['stdout', 'stdout3'].map((file) => agent.sandboxFile(taskId, file));
  return texts.join('').match(/up/g)?.length ?? 0;
}

/** Pids of what has the task's sandbox as its home. */
function processesOf(taskId: string): string[] {
  const home = `HOME=${path.join(agent.workDirectory, 'sandboxes/alice/fw', taskId)}\0`;
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return `${readFileSync(`/proc/${pid}/environ`, 'utf8')}\0`.includes(home);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

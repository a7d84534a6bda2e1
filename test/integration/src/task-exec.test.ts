// The real agent process with real scopes: a command beside a task is in the task's scope and sandbox, has a terminal
// where it asks for one, and ends with the task, with its client and with its agent. Only operators may run one.
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { type ExecAsk, ExecResult } from '@parley/protocol/task-exec';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, type Client, cluster, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
let olga: Client;
const TEST_MS = 3 * WAIT_MS;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start();
  await leader.registered();
  olga = await bus.as('operator', 'olga');
}, TEST_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, TEST_MS);

/** As an operator; a refusal as `code: message`. */
async function ask(session: string, question: ExecAsk): Promise<ExecResult | string> {
  const body = { session, ask: question };
  const message = encodeMessage(SUBJECTS.exec, cluster, { agentId }, body);
  const { connection } = olga;
  const reply = await connection.request(message.subject, message.bytes, { timeout: 20_000 });
  const received = decodeAnswer(SUBJECTS.exec, reply.data);
  if (!received.ok) throw new Error(received.failure.message);
  const { answer } = received.value;
  return answer.ok
    ? ExecResult.parse(answer.value)
    : `${answer.failure.code}: ${answer.failure.message}`;
}

const start = (session: string, taskId: string, script: string, hasTerminal = false) =>
  ask(session, {
    kind: 'start',
    task: leader.task(taskId),
    argv: ['sh', '-c', script],
    ...(hasTerminal && { terminal: { rows: 30, columns: 100, type: 'xterm' } }),
  });

/** All that it writes, and its end; or up to a text. */
async function read(session: string, upTo?: string): Promise<{ text: string; end: unknown }> {
  for (let text = '', from = 0; ; ) {
    const answer = await ask(session, { kind: 'output', from, waitMs: 1000 });
    if (typeof answer === 'string') throw new Error(answer);
    if (answer.kind !== 'output') return { text, end: answer.kind };
    for (const { data } of answer.output) {
      text += Buffer.from(data).toString();
      from += data.length;
    }
    if (answer.end !== undefined || (upTo !== undefined && text.includes(upTo))) {
      return { text, end: answer.end };
    }
  }
}

const input = (session: string, offset: number, text: string) =>
  ask(session, { kind: 'input', offset, data: Uint8Array.from(Buffer.from(text)), isLast: false });

const FOREVER = 'echo up > up; while :; do sleep 0.1; done';

test(
  "a command is in the task's scope and sandbox, with its environment, and its exit code is told",
  async () => {
    const environment = { COLOUR: "it's blue" };
    const task = aShellTask('host', FOREVER);
    const argv = task.command?.argv ?? [];
    await leader.order({ ...task, command: { argv, environment } });
    await leader.untilState('host', 'running');
    const script = 'grep -c "parley-.*\\.scope" /proc/self/cgroup; pwd; echo "$COLOUR"; exit 9';
    expect(await start('one', 'host', script)).toEqual({ kind: 'started' });
    const { text, end } = await read('one');
    expect(text).toMatch(/^[1-9]\d*\n\/.*\/sandboxes\/alice\/fw\/host\nit's blue\n$/);
    expect(end).toEqual({ kind: 'exited', code: 9 });

    const hostile = `' "; $(touch ../pwned)\n\\`;
    await ask('words', {
      kind: 'start',
      task: leader.task('host'),
      argv: ['printf', '%s|', hostile, ''],
    });
    expect((await read('words')).text).toBe(`${hostile}||`);
  },
  TEST_MS,
);

test(
  'with a terminal a command is told of its size, hears what is typed, and its exit code is told as well',
  async () => {
    const script =
      'stty size; trap "stty size" WINCH; echo "$TERM ready"; until read line; do :; done; echo "<$line>"; exit 7';
    await start('tty', 'host', script, true);
    expect((await read('tty', 'ready')).text).toBe('30 100\r\nxterm ready\r\n');
    expect(await ask('tty', { kind: 'resize', size: { rows: 50, columns: 132 } })).toEqual({
      kind: 'resized',
    });
    expect((await read('tty', '50 132')).text).toContain('50 132');
    await input('tty', 0, "it's me\n");
    const { text, end } = await read('tty');
    expect(text).toContain("<it's me>\r\n");
    expect(end).toEqual({ kind: 'exited', code: 7 });

    await ask('quoted', {
      kind: 'start',
      task: leader.task('host'),
      argv: ['printf', '%s', `'$(id)' "\\"`],
      terminal: { rows: 24, columns: 80, type: 'dumb' },
    });
    expect((await read('quoted')).text).toBe(`'$(id)' "\\"`);
  },
  TEST_MS,
);

test(
  'what is typed to interrupt is for the command alone, which decides what follows',
  async () => {
    const script =
      'trap "echo interrupted" INT; echo ready; until read line; do :; done; echo "<$line>"; exit 4';
    await start('interrupted', 'host', script, true);
    await read('interrupted', 'ready');
    await input('interrupted', 0, '\x03');
    await read('interrupted', 'interrupted');
    await input('interrupted', 1, 'on\n');
    const { text, end } = await read('interrupted');
    expect(text).toContain('<on>');
    expect(end).toEqual({ kind: 'exited', code: 4 });
  },
  TEST_MS,
);

test(
  'a command ends with its task, and beside a task that is over none begins',
  async () => {
    await leader.order(aShellTask('short', FOREVER));
    await leader.untilState('short', 'running');
    await start(
      'beside',
      'short',
      'trap "" HUP TERM; echo ready; while :; do sleep 0.1; done',
      true,
    );
    await read('beside', 'ready');
    await leader.kill('short', 100);
    expect(await leader.ended('short')).toMatchObject({ state: 'killed' });
    expect((await read('beside')).end).toBeDefined();
    expect(await start('late', 'short', 'true')).toMatch(/^unknownTask: .*short does not run here/);
    expect(await start('never', 'no-task', 'true')).toMatch(/^unknownTask: /);
  },
  TEST_MS,
);

test(
  'an agent that is told to stop leaves no command behind, and the next one knows nothing of it',
  async () => {
    await start('left', 'host', 'trap "" HUP TERM; echo ready; echo $$ > pid; sleep 1000; :');
    await read('left', 'ready');
    expect(await agent.end('SIGTERM')).toBe(0);
    agent.start();
    const isKnown = () => ask('left', { kind: 'output', from: 0, waitMs: 0 });
    // Until it listens, nobody answers.
    await expect.poll(isKnown, { timeout: WAIT_MS }).toEqual({ kind: 'ended' });
    await start('look', 'host', 'kill -0 $(cat pid) 2> /dev/null && echo alive || echo gone');
    expect((await read('look')).text).toBe('gone\n');
    await leader.kill('host', 100);
    await leader.ended('host');
  },
  TEST_MS,
);

test('no principal may run a command beside a task, not even beside its own', async () => {
  const principal = await bus.as('principal', alice);
  expect(await principal.mayPublish(`parley.${cluster}.agent.${agentId}.exec`)).toBe(false);
});

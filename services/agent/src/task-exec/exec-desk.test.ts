// Tests of sessions of commands with real processes: what is held is bounded, nothing comes twice, and nothing goes on
// when nobody asks any more. That a command is in its task's scope is tested with a real agent.
import { spawn } from 'node:child_process';
import { identifyProcess, isProcessAlive } from '@parley/isolation/process-identity';
import { fail, succeed } from '@parley/protocol/errors';
import { TaskRef } from '@parley/protocol/ids';
import { type ExecAsk, ExecResult, MAX_OUTPUT_BYTES } from '@parley/protocol/task-exec';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExecDesk } from './exec-desk.ts';

const task = TaskRef.parse({ principal: 'alice', frameworkId: 'fw', taskId: 't1' });
const WAITING = { timeout: 30_000, interval: 50 };
let isRunning = true;
let started: string[][] = [];
let desk: ExecDesk;

beforeEach(() => {
  isRunning = true;
  started = [];
  desk = aDesk();
});
afterEach(() => desk.close(), 60_000);

const aDesk = (leaseMs?: number): ExecDesk =>
  new ExecDesk({
    isRunning: () => isRunning,
    spawn: async ({ argv: [program = '', ...rest] }) => {
      if (program === 'refused') return fail('invalidTask', 'refused');
      const stdio = ['pipe', 'pipe', 'pipe', 'pipe'] as const;
      return succeed(spawn(program, rest, { detached: true, stdio: [...stdio] }));
    },
    onStart: ({ argv }) => started.push(argv),
    ...(leaseMs !== undefined && { leaseMs }),
  });

async function ask(session: string, question: ExecAsk): Promise<ExecResult> {
  const answer = await desk.answer({ session, ask: question });
  if (!answer.ok) throw new Error(`${answer.failure.code}: ${answer.failure.message}`);
  return ExecResult.parse(answer.value);
}

/** Says that it is in its scope, then runs the script. */
const start = (session: string, script: string): Promise<ExecResult> =>
  ask(session, {
    kind: 'start',
    task,
    argv: ['sh', '-c', `echo entered >&3; exec 3>&-; ${script}`],
  });

async function output(session: string, from: number, waitMs = 1000) {
  const answer = await ask(session, { kind: 'output', from, waitMs });
  if (answer.kind !== 'output') throw new Error(`answered with ${answer.kind}`);
  const text = answer.output.map(({ data }) => Buffer.from(data).toString()).join('');
  return { text, streams: answer.output.map(({ stream }) => stream), end: answer.end };
}

/** Everything, as a client reads it. */
async function readAll(session: string) {
  let text = '';
  for (;;) {
    const answer = await output(session, text.length);
    text += answer.text;
    if (answer.end !== undefined) return { text, end: answer.end };
  }
}

const input = (session: string, offset: number, text: string, isLast = false) =>
  ask(session, { kind: 'input', offset, data: Uint8Array.from(Buffer.from(text)), isLast });

test('a command has its input, both outputs come, and its exit code', async () => {
  await start('s', 'read line; echo "read $line"; echo trouble >&2; exit 5');
  expect(await input('s', 0, 'hello\n')).toEqual({ kind: 'input', taken: 6 });
  const { text, end } = await readAll('s');
  expect(text.split('\n').sort()).toEqual(['', 'read hello', 'trouble']);
  expect(end).toEqual({ kind: 'exited', code: 5 });
});

test('questions that are repeated do nothing twice', async () => {
  await start('s', 'cat');
  await start('s', 'cat');
  expect(started).toHaveLength(1);
  await input('s', 0, 'abc');
  expect(await input('s', 0, 'abcdef')).toEqual({ kind: 'input', taken: 6 });
  expect(await input('s', 9, 'lost before it')).toEqual({ kind: 'input', taken: 6 });
  await expect.poll(async () => (await output('s', 0)).text, WAITING).toBe('abcdef');
  expect((await output('s', 0)).text).toBe('abcdef');
  expect((await output('s', 4)).text).toBe('ef');
  await input('s', 6, '', true);
  expect((await readAll('s').catch((error) => error)).end).toEqual({ kind: 'exited', code: 0 });
});

test('what a client does not take is not written on and on: the command waits, and nothing is lost', async () => {
  await start('s', 'head -c 3000000 /dev/zero | tr "\\0" x; echo done');
  await expect.poll(async () => (await output('s', 0)).text.length, WAITING).toBe(MAX_OUTPUT_BYTES);
  const { text } = await readAll('s');
  expect(text.length).toBe(3_000_005);
}, 60_000);

test('input that the command does not read is not taken on and on', async () => {
  await start('s', 'sleep 1000');
  let taken = 0;
  for (let tries = 0; tries < 40; tries += 1) {
    const answer = await input('s', taken, 'x'.repeat(60_000));
    if (answer.kind === 'input') ({ taken } = answer);
  }
  expect(taken).toBeLessThan(1_000_000);
});

test('what ends the command is told; one that never was in its scope was not started', async () => {
  await start('killed', 'kill -9 $$');
  expect((await readAll('killed')).end).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  await ask('out', { kind: 'start', task, argv: ['sh', '-c', 'exit 125'] });
  expect((await readAll('out')).end).toMatchObject({ kind: 'notStarted' });
  await ask('none', { kind: 'start', task, argv: ['/no/such/program'] });
  expect((await readAll('none')).end).toMatchObject({ kind: 'notStarted' });
  const refused = ask('refused', { kind: 'start', task, argv: ['refused'] });
  await expect(refused).rejects.toThrow('invalidTask: refused');
});

async function startedBy(session: string): Promise<() => Promise<boolean>> {
  await start(session, 'trap "" HUP TERM INT; sleep 1000 & echo $!; wait');
  await expect.poll(async () => (await output(session, 0)).text, WAITING).toMatch(/\n/);
  const identity = await identifyProcess(Number.parseInt((await output(session, 0)).text, 10));
  return async () => identity !== undefined && isProcessAlive(identity);
}

test('a session that nobody asks about any more ends with all that it has started', async () => {
  await desk.close();
  desk = aDesk(1500);
  const isAlive = await startedBy('s');
  expect(await isAlive()).toBe(true);
  await expect.poll(isAlive, WAITING).toBe(false);
  expect(await ask('s', { kind: 'output', from: 0, waitMs: 0 })).toEqual({ kind: 'ended' });
  // A start that was under way for long does not begin it again.
  expect(await start('s', 'echo again')).toEqual({ kind: 'ended' });
});

test('the client, the end of the task and the end of the agent end it likewise', async () => {
  const byClient = await startedBy('a');
  expect(await ask('a', { kind: 'end' })).toEqual({ kind: 'ended' });
  await expect.poll(byClient, WAITING).toBe(false);

  const byTask = await startedBy('b');
  isRunning = false;
  await ask('b', { kind: 'output', from: 0, waitMs: 0 });
  await expect.poll(byTask, WAITING).toBe(false);
  await expect(start('c', 'true')).rejects.toThrow(/^unknownTask: .* does not run here/);

  isRunning = true;
  const byAgent = await startedBy('d');
  await desk.close();
  await expect.poll(byAgent, WAITING).toBe(false);
}, 60_000);

test('a start that fails holds no place', async () => {
  for (let count = 0; count < 40; count += 1) {
    const refused = ask(`r${count}`, { kind: 'start', task, argv: ['refused'] });
    await expect(refused).rejects.toThrow('invalidTask: refused');
  }
  expect(await start('next', 'true')).toEqual({ kind: 'started' });
});

test('so many commands at once, and no more', async () => {
  for (let count = 0; count < 16; count += 1) await start(`s${count}`, 'sleep 1000');
  await expect(start('more', 'true')).rejects.toThrow(/^overloaded/);
  await ask('s0', { kind: 'end' });
  expect(await start('more', 'true')).toEqual({ kind: 'started' });
}, 60_000);

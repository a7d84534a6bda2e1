// Tests of the client's half of a command beside a task, against an agent that loses answers and takes input in bits.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, TaskRef } from '@parley/protocol/ids';
import type { ExecAsk, ExecResult } from '@parley/protocol/task-exec';
import { expect, test } from 'vitest';
import { cutOffWords, type ExecCall, ExecClient } from './exec-session.ts';

const task = TaskRef.parse({ principal: 'alice', frameworkId: 'web', taskId: 't1' });
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Echoes its input, in order, and ends when that does. */
class EchoAgent {
  taken = '';
  isInputOver = false;
  readonly asked: ExecAsk['kind'][] = [];
  /** What is taken of an input at most. */
  takes = 1000;

  readonly call: ExecCall = async (ask): Promise<Outcome<ExecResult>> => {
    this.asked.push(ask.kind);
    // As a network does: others get their turn.
    await new Promise((resolve) => setImmediate(resolve));
    switch (ask.kind) {
      case 'start':
        return succeed({ kind: 'started' });
      case 'input': {
        const rest = Buffer.from(ask.data)
          .toString()
          .slice(this.taken.length - ask.offset);
        this.taken += rest.slice(0, this.takes);
        this.isInputOver ||= ask.isLast;
        return succeed({ kind: 'input', taken: this.taken.length });
      }
      case 'output': {
        const data = bytes(this.taken.slice(ask.from));
        const output = data.length > 0 ? [{ stream: 'stdout', data } as const] : [];
        const end = { kind: 'exited', code: 7 } as const;
        return succeed({ kind: 'output', output, ...(this.isInputOver && { end }) });
      }
      default:
        return succeed({ kind: 'ended' });
    }
  };
}

async function* words(...all: string[]): AsyncGenerator<Uint8Array> {
  for (const word of all) yield bytes(word);
}

function clientOf(call: ExecCall, input: AsyncIterable<Uint8Array>) {
  const written: string[] = [];
  const client = new ExecClient({
    call,
    input,
    write: async (_, data) => void written.push(Buffer.from(data).toString()),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  return { client, text: () => written.join('') };
}

test('input arrives once and in order where only bits of it are taken, and the exit code comes back', async () => {
  const agent = new EchoAgent();
  agent.takes = 3;
  const { client, text } = clientOf(agent.call, words('hello ', 'world', '!'));
  const outcome = await client.run({ task, argv: ['cat'] });
  expect(outcome).toEqual({ ok: true, value: { kind: 'exited', code: 7 } });
  expect(text()).toBe('hello world!');
  expect(agent.asked.at(-1)).toBe('end');
});

test('a session that the agent does not know any more is lost, and a refused start is told', async () => {
  const lost = clientOf(
    async (ask) => succeed(ask.kind === 'start' ? { kind: 'started' } : { kind: 'ended' }),
    words(),
  );
  expect(await lost.client.run({ task, argv: ['x'] })).toEqual({
    ok: true,
    value: { kind: 'lost' },
  });
  const refused = clientOf(async () => fail('unknownTask', 'it does not run'), words());
  expect(await refused.client.run({ task, argv: ['x'] })).toMatchObject({ ok: false });
});

test('an agent that answers no more is told with the reason, and its farewell is not waited for', async () => {
  const asked: ExecAsk['kind'][] = [];
  const { client } = clientOf((ask) => {
    asked.push(ask.kind);
    if (ask.kind === 'start') return Promise.resolve(succeed({ kind: 'started' }));
    if (ask.kind === 'output') return Promise.resolve(fail('unavailable', 'nobody answers'));
    return new Promise(() => undefined);
  }, words());
  expect(await client.run({ task, argv: ['x'] })).toMatchObject({
    value: { kind: 'cutOff', failure: { message: 'nobody answers' } },
  });
  expect(asked).toContain('end');
});

test('a command whose output nobody takes any more is ended, and the failure is told', async () => {
  const agent = new EchoAgent();
  const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const never: AsyncIterable<Uint8Array> = {
    async *[Symbol.asyncIterator]() {
      yield bytes('y');
      await new Promise(() => undefined);
    },
  };
  const client = new ExecClient({
    ...{ call: agent.call, input: never },
    write: () => Promise.reject(broken),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  await expect(client.run({ task, argv: ['yes'] })).rejects.toBe(broken);
  expect(agent.asked.at(-1)).toBe('end');
});

test('only an agent that nobody reaches is said not to answer', () => {
  const { failure: away } = fail('unavailable', 'nobody answers');
  expect(cutOffWords(away, AgentId.parse('a1'))).toBe(
    'was cut off: its agent a1 does not answer any more',
  );
  expect(cutOffWords(away)).toBe('was cut off: its agent does not answer any more');
  expect(cutOffWords(fail('notPermitted', 'not you').failure)).toBe('was cut off');
});

test('a command that ends is not waited for by input that never comes', async () => {
  const agent = new EchoAgent();
  agent.isInputOver = true;
  const never: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
  };
  const { client } = clientOf(agent.call, never);
  expect(await client.run({ task, argv: ['true'] })).toMatchObject({ ok: true });
});

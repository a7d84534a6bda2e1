import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ExecutorRelayAsk, ExecutorRelayResult } from '@parley/protocol/executor-relay';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import { AgentId } from '@parley/protocol/ids';
import { beforeEach, expect, test, vi } from 'vitest';
import { AgentRelay, RelayLink } from './relay-link.ts';

type Answer = Outcome<ExecutorRelayResult>;
type Ask<Kind extends ExecutorRelayAsk['kind']> = Extract<ExecutorRelayAsk, { kind: Kind }>;

let said: FromExecutor[];
let heard: ToExecutor[];
let closed: (string | undefined)[];
let asked: ExecutorRelayAsk[];
/** What the agent answers. */
let say: (ask: Ask<'say'>) => Answer;
let hear: (ask: Ask<'hear'>) => Promise<Answer>;
let link: RelayLink;
const silence = () => new Promise<never>(() => undefined);

beforeEach(() => {
  said = [];
  heard = [];
  closed = [];
  asked = [];
  say = ({ number, message }) => {
    said.push(message);
    return succeed({ kind: 'taken', upTo: number });
  };
  hear = silence;
  const call = async (_: unknown, __: unknown, { ask }: { ask: ExecutorRelayAsk }) => {
    asked.push(ask);
    if (ask.kind === 'say') return say(ask);
    return ask.kind === 'hear' ? hear(ask) : succeed({ kind: 'ended' });
  };
  const relay = new AgentRelay({ call } as never, AgentId.parse('a1'));
  link = new RelayLink(relay, 'c', {
    onMessage: (message) => heard.push(message),
    onClosed: (why) => closed.push(why),
  });
});

const message = (text: string) => ({ kind: 'message' as const, data: Buffer.from(text) as never });
const tick = () => new Promise((resolve) => setImmediate(resolve));

test('what is said arrives in its order, each with the next number', async () => {
  for (const text of ['one', 'two', 'three']) link.say(message(text));
  await vi.waitUntil(() => said.length === 3);
  expect(asked.map((ask) => ask.kind === 'say' && ask.number)).toEqual([1, 2, 3]);
  expect(said).toEqual([message('one'), message('two'), message('three')]);
});

test('a connection in which the agent misses something ends, so that the executor comes again with all', async () => {
  say = () => succeed({ kind: 'taken', upTo: 0 });
  link.say(message('one'));
  link.say(message('two'));
  await vi.waitUntil(() => closed.length > 0);
  await tick();
  expect(asked).toHaveLength(1);
});

test('each message is given once, also where the answer comes again', async () => {
  const messages = ['one', 'two'].map((text, index) => ({
    ...{ number: index + 1, message: message(text) },
  }));
  const answers = [messages.slice(0, 1), messages, []];
  hear = async () => {
    const next = answers.shift();
    return next ? succeed({ kind: 'heard', messages: next, isLast: false }) : silence();
  };
  link.begin();
  await vi.waitUntil(() => answers.length === 0);
  await tick();
  expect(heard).toEqual([message('one'), message('two')]);
  expect(asked.map((ask) => ask.kind === 'hear' && ask.from)).toEqual([0, 1, 2, 2]);
  expect(closed).toEqual([]);
});

test.each<[string, Answer]>([
  [
    'is missing',
    succeed({ kind: 'heard', messages: [{ number: 2, message: message('x') }], isLast: false }),
  ],
  ['ended the connection', succeed({ kind: 'heard', messages: [], isLast: true })],
  ['no more', succeed({ kind: 'ended' })],
  ['is away', fail('unavailable', 'no answer')],
])('the connection ends once, and says why: %s', async (why, answer) => {
  hear = async () => answer;
  link.begin();
  await vi.waitUntil(() => closed.length > 0);
  await tick();
  expect(closed).toHaveLength(1);
  expect(closed[0]).toContain(why);
  expect(heard).toEqual([]);
});

test('the agent is told of an end that the executor brings about', async () => {
  link.end();
  link.end();
  link.say(message('late'));
  await tick();
  expect(asked).toEqual([{ kind: 'end' }]);
  expect(closed).toEqual([undefined]);
});

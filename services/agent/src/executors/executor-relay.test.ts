import { ExecutorDescription } from '@parley/protocol/executor-description';
import type { ExecutorRelayAsk, ExecutorRelayResult } from '@parley/protocol/executor-relay';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import { ExecutorRef, Token } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ExecutorRelay } from './executor-relay.ts';
import { connectionNumbers } from './executor-sockets.ts';
import { ExecutorTokens } from './executor-tokens.ts';

const executor = ExecutorRef.parse({ principal: 'team', frameworkId: 'fw', executorId: 'e1' });
const place = { executor, incarnation: 7 };
const description = ExecutorDescription.parse({ executorId: 'e1', mesos: {} });
const tokens = new ExecutorTokens(new Uint8Array(32));
const OWN_USER = 1234;
const LEASE_MS = 1000;

let relay: ExecutorRelay;
let said: [number, FromExecutor][];
let closed: number[];

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  closed = [];
  relay = new ExecutorRelay({
    find: ({ executorId }) =>
      executorId === 'e1' ? { place, description, lastSequence: 5 } : undefined,
    faultOf: (found, proof) => tokens.faultOf(found.place, OWN_USER, proof),
    nextNumber: connectionNumbers(),
    onMessage: (_, connection, message) => said.push([connection, message]),
    onClosed: (_, connection) => closed.push(connection),
    leaseMs: LEASE_MS,
  });
});
afterEach(() => {
  relay.closeAll();
  vi.useRealTimers();
});

async function ask(question: ExecutorRelayAsk, id = 'c1'): Promise<ExecutorRelayResult> {
  const answer = await relay.answer({ connection: Token.parse(id), ask: question });
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value;
}

const proof = { token: tokens.tokenOf(place) };
const open = (id = 'c1') => ask({ kind: 'open', executor, proof }, id);
const textOf = (text: string): Extract<ToExecutor & FromExecutor, { kind: 'message' }> => ({
  kind: 'message',
  data: Uint8Array.from(Buffer.from(text)),
});
const hear = (from: number, waitMs = 0) => ask({ kind: 'hear', from, waitMs });

test('an executor is taken for itself by its token, and told how far its updates were taken', async () => {
  expect(await open()).toEqual({ kind: 'accepted', description, lastSequence: 5 });
});

test.each([
  ['noProof', {}],
  ['noProof', { userId: OWN_USER + 1 }],
  ['wrongProof', { token: '' }],
  ['wrongProof', { token: tokens.tokenOf({ executor, incarnation: 8 }) }],
  ['wrongProof', { token: 'x'.repeat(43), userId: OWN_USER }],
] as const)('it is refused for %s with %j, and nothing is opened', async (why, shown) => {
  expect(await ask({ kind: 'open', executor, proof: shown })).toMatchObject({ why });
  expect(await hear(0)).toEqual({ kind: 'ended' });
});

test('who sends no token is taken for the executor by its user', async () => {
  const shown = { userId: OWN_USER };
  expect(await ask({ kind: 'open', executor, proof: shown })).toMatchObject({ kind: 'accepted' });
});

test('nobody can speak for an executor that is not here', async () => {
  const other = ExecutorRef.parse({ ...executor, executorId: 'e2' });
  const answer = await ask({ kind: 'open', executor: other, proof });
  expect(answer).toMatchObject({ kind: 'refused', why: 'unknownExecutor' });
});

test('a proof opens nothing when it is only asked whether it holds', async () => {
  expect(await ask({ kind: 'prove', executor, proof })).toMatchObject({ kind: 'accepted' });
  expect(await hear(0)).toEqual({ kind: 'ended' });
});

test('a word is taken once however often it comes, and none before the one that it follows', async () => {
  await open();
  const say = (number: number, text: string) => ask({ kind: 'say', number, message: textOf(text) });
  expect(await say(2, 'two')).toEqual({ kind: 'taken', upTo: 0 });
  expect(await say(1, 'one')).toEqual({ kind: 'taken', upTo: 1 });
  expect(await say(1, 'one')).toEqual({ kind: 'taken', upTo: 1 });
  expect(await say(2, 'two')).toEqual({ kind: 'taken', upTo: 2 });
  expect(said).toEqual([
    [1, textOf('one')],
    [1, textOf('two')],
  ]);
});

test('what was sent is told again until it is said to have arrived', async () => {
  await open();
  relay.send(1, textOf('one'));
  relay.send(1, textOf('two'));
  const both = [
    { number: 1, message: textOf('one') },
    { number: 2, message: textOf('two') },
  ];
  expect(await hear(0)).toEqual({ kind: 'heard', messages: both, isLast: false });
  expect(await hear(0)).toEqual({ kind: 'heard', messages: both, isLast: false });
  expect(await hear(1)).toEqual({ kind: 'heard', messages: both.slice(1), isLast: false });
  expect(await hear(2)).toEqual({ kind: 'heard', messages: [], isLast: false });
});

test('a question waits for the next message, and not for longer than it says', async () => {
  await open();
  const waiting = hear(0, 500);
  await vi.advanceTimersByTimeAsync(100);
  relay.send(1, textOf('late'));
  expect(await waiting).toMatchObject({ messages: [{ number: 1 }] });
  const inVain = hear(1, 500);
  await vi.advanceTimersByTimeAsync(500);
  expect(await inVain).toMatchObject({ messages: [] });
});

test('a connection that nobody asks about is closed after its lease, and one that is asked about is not', async () => {
  await open();
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
  await hear(0);
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
  expect(closed).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(closed).toEqual([1]);
  expect(relay.send(1, textOf('nobody'))).toBe(false);
  expect(await hear(0)).toEqual({ kind: 'ended' });
});

test('what was sent before its end can be fetched, and the end is told with the last of it', async () => {
  await open();
  relay.send(1, { kind: 'shutdown', graceMs: 5 });
  relay.end(1);
  expect(relay.send(1, textOf('after'))).toBe(false);
  expect(await hear(0)).toMatchObject({ messages: [{ number: 1 }], isLast: true });
  expect(closed).toEqual([]);
  expect(await hear(1)).toMatchObject({ messages: [], isLast: true });
  expect(closed).toEqual([1]);
});

test('a reader that fetches nothing loses messages, and its connection with what may not be lost', async () => {
  await open();
  const large = { kind: 'message', data: new Uint8Array(500_000) } as const;
  let sent = 0;
  while (relay.send(1, large)) sent += 1;
  expect(sent).toBe(9);
  expect(closed).toEqual([]);
  expect(relay.send(1, { kind: 'acknowledged', sequence: 1 })).toBe(false);
  expect(closed).toEqual([1]);
});

test('an answer holds what fits a message of the bus', async () => {
  await open();
  for (let each = 0; each < 4; each += 1) {
    relay.send(1, { kind: 'message', data: new Uint8Array(100_000) });
  }
  const first = await hear(0);
  expect(first).toMatchObject({ messages: [{ number: 1 }, { number: 2 }], isLast: false });
  expect(await hear(2)).toMatchObject({ messages: [{ number: 3 }, { number: 4 }] });
});

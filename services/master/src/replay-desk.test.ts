// Tests of how wishes for pages of the past are taken: whose they are, how many at a time, and what is answered.
import type { BusMessage } from '@parley/actor/bus';
import { fail, succeed } from '@parley/protocol/errors';
import { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { decodeAnswer, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { ReplayPageRequest } from '@parley/protocol/replay';
import { SUBJECTS } from '@parley/protocol/subjects';
import { beforeEach, expect, test } from 'vitest';
import { ReplayDesk } from './replay-desk.ts';

const cluster = ClusterName.parse('c1');
const at = { sequence: 1, storedMs: 0 };
const page = { lines: [], next: { sequence: 2, skip: 0 }, isEnd: true, first: at, last: at };

type Work = PromiseWithResolvers<Uint8Array> & { readonly principal: string };
let receive: (message: BusMessage) => void;
let queue: string | undefined;
let work: Work[];
let troubles: unknown[];
let desk: ReplayDesk;

beforeEach(() => {
  work = [];
  troubles = [];
  desk = new ReplayDesk({
    cluster,
    bus: {
      connected: true,
      publish: () => succeed(undefined),
      request: async () => fail('unavailable', 'nobody'),
      subscribe: (_, handler, options) => {
        receive = handler;
        queue = options?.queue;
        return { close: () => undefined };
      },
    },
    maker: {
      page: (principal) => {
        const made = { principal, ...Promise.withResolvers<Uint8Array>() };
        work.push(made);
        return made.promise;
      },
      close: async () => undefined,
    },
    onTrouble: (trouble) => void troubles.push(trouble),
  });
});

/** What is answered, as far as it is by now. */
function ask(principal: string, body: object = {}, bytes?: Uint8Array): string[] {
  const answers: string[] = [];
  const parameters = { principal: PrincipalName.parse(principal) };
  const request = ReplayPageRequest.parse(body);
  const message = encodeMessage(SUBJECTS.replayPage, cluster, parameters, request);
  receive({
    subject: message.subject,
    bytes: bytes ?? message.bytes,
    respond: (answer) => {
      const read = decodeAnswer(SUBJECTS.replayPage, answer);
      const said = read.ok ? read.value.answer : read;
      answers.push(said.ok ? 'page' : said.failure.code);
      return succeed(undefined);
    },
  });
  return answers;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('whose past it is stands in the subject, and all masters share the work', async () => {
  const answers = ask('alice');
  expect(work.map(({ principal }) => principal)).toEqual(['alice']);
  expect(queue).toBe('masters');
  work[0]?.resolve(encodeAnswer(succeed(page)));
  await settled();
  expect(answers).toEqual(['page']);
});

test('one is worked on at a time, in order', async () => {
  const [first, second] = [ask('alice'), ask('bob')];
  expect(work).toHaveLength(1);
  work[0]?.resolve(encodeAnswer(succeed(page)));
  await settled();
  expect(work.map(({ principal }) => principal)).toEqual(['alice', 'bob']);
  work[1]?.resolve(encodeAnswer(succeed(page)));
  await settled();
  expect([first, second]).toEqual([['page'], ['page']]);
});

test('a principal that asks for more and more does not keep others waiting', () => {
  const answers = Array.from({ length: 6 }, () => ask('alice'));
  // One is worked on and two wait.
  expect(answers.flat()).toEqual(['overloaded', 'overloaded', 'overloaded']);
  expect(ask('bob')).toEqual([]);
  const others = Array.from({ length: 20 }, (_, index) => ask(`p${index}`));
  expect(others.flat()).toEqual(Array.from({ length: 7 }, () => 'overloaded'));
});

test('what does not parse is answered with why', () => {
  expect(ask('alice', {}, Buffer.from('nonsense'))).toEqual(['malformed']);
  expect(work).toEqual([]);
});

test('when no page can be made that is said, and the next one is tried all the same', async () => {
  const [first, second] = [ask('alice'), ask('bob')];
  work[0]?.reject(new Error('out of memory'));
  await settled();
  expect(first).toEqual(['unavailable']);
  expect(troubles).toHaveLength(1);
  work[1]?.resolve(encodeAnswer(succeed(page)));
  await settled();
  expect(second).toEqual(['page']);
});

test('whoever waits when the master stops is told to ask another one', async () => {
  ask('alice');
  const waiting = ask('bob');
  await desk.close();
  expect(waiting).toEqual(['unavailable']);
});

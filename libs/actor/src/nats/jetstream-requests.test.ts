// Tests what becomes of JetStream's answers, and that nothing is asked of a server that may be behind the leader.
import type { Msg } from 'nats';
import { expect, test } from 'vitest';
import { type Requester, readMessage, store } from './jetstream-requests.ts';

const BYTES = new Uint8Array([1]);

/** Answers everything alike, and notes on which subjects it was asked. */
function answering(answer: unknown): { requester: Requester; asked: string[] } {
  const asked: string[] = [];
  const text = JSON.stringify(answer);
  const requester: Requester = {
    request: (subject) => {
      asked.push(subject);
      const message: Msg = {
        subject,
        sid: 1,
        data: new TextEncoder().encode(text),
        respond: () => false,
        json: () => JSON.parse(text),
        string: () => text,
      };
      return Promise.resolve(message);
    },
  };
  return { requester, asked };
}

const refusing = (code: number): Requester =>
  answering({ error: { code: 400, err_code: code, description: 'no' } }).requester;

test.each([10071, 10164])('error %i says that another write came first', async (code) => {
  for (const conditions of [{ lastSequence: 4 }, { lastSubjectSequence: 4 }]) {
    expect(await store(refusing(code), 's', BYTES, conditions)).toEqual({ kind: 'refused' });
  }
});

test.each([10023, 10047, 10077])('error %i says that there is no space', async (code) => {
  expect(await store(refusing(code), 's', BYTES)).toMatchObject({ kind: 'diskFull' });
});

test.each([10008, 10070, 10072, 10163])('error %i leaves open what became of it', async (code) => {
  expect(await store(refusing(code), 's', BYTES)).toMatchObject({ kind: 'unknown' });
});

test('a message is asked of the leader of its stream', async () => {
  const answer = { message: { subject: 's', seq: 3, data: 'AQ==', time: '2026-11-27T00:00:00Z' } };
  for (const query of [{ seq: 3 }, { last_by_subj: 's' }]) {
    const { requester, asked } = answering(answer);
    expect(await readMessage(requester, 'BOOKS', query)).toMatchObject({
      ok: true,
      value: { sequence: 3, bytes: Buffer.from([1]) },
    });
    expect(asked).toEqual(['$JS.API.STREAM.MSG.GET.BOOKS']);
  }
});

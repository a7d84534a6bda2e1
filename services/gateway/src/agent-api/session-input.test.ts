// Tests that input which is stopped ends before what arrives next, with records that the test lets arrive.
import { encodeRecord } from '@parley/mesos-api/record-io';
import { expect, test } from 'vitest';
import type { ContainerSession } from './container-session.ts';
import { InputCalls } from './session-input.ts';

const recordOf = (input: object): Uint8Array => {
  const call = { type: 'ATTACH_CONTAINER_INPUT', attach_container_input: input };
  return encodeRecord(Buffer.from(JSON.stringify(call)));
};
const typed = (text: string): Uint8Array => {
  const data = { type: 'STDIN', data: Buffer.from(text).toString('base64') };
  return recordOf({ type: 'PROCESS_IO', process_io: { type: 'DATA', data } });
};

test('nothing that arrives after the input was stopped reaches the command', async () => {
  const written: string[] = [];
  const late = Promise.withResolvers<void>();
  async function* body(): AsyncGenerator<Uint8Array> {
    yield recordOf({ type: 'CONTAINER_ID', container_id: { value: 'x' } });
    yield typed('before');
    await late.promise;
    yield Buffer.concat([typed('after'), typed('at last')]);
  }
  const calls = new InputCalls(body(), 'json');
  const taken = Promise.withResolvers<void>();
  // What input uses of a session.
  const session = {
    write: async (data: Uint8Array) => {
      written.push(Buffer.from(data).toString());
      taken.resolve();
    },
  } as unknown as ContainerSession;
  expect(await calls.container()).toMatchObject({ ok: true });
  const fed = calls.feed(session);
  await taken.promise;
  calls.stop();
  late.resolve();
  await fed;
  expect(written).toEqual(['before']);
});

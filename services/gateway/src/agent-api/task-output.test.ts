// Tests handing on what a task writes when its agent goes away meanwhile, over a real server on loopback; the agent is scripted.
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fail, succeed } from '@parley/protocol/errors';
import { AgentId, TaskRef } from '@parley/protocol/ids';
import { afterEach, expect, test } from 'vitest';
import { ProcessStream } from './process-stream.ts';
import { attachToTask } from './task-output.ts';

const place = {
  task: TaskRef.parse({ principal: 'alice', frameworkId: 'fw', taskId: 't1' }),
  agentId: AgentId.parse('a1'),
};
const WRITTEN = Buffer.from('what it said');
let server: http.Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('an agent that goes away while a task is attached to ends the answer, after all that it gave, with the reason', async () => {
  let isThere = true;
  let asked = 0;
  const call = async (_: unknown, __: unknown, { offset }: { offset: number }) => {
    asked += 1;
    if (!isThere) return fail('unavailable', 'nobody answers');
    // It has written nothing when it is attached to, and all of it at once after.
    const data = asked > 2 && offset === 0 ? WRITTEN : new Uint8Array(0);
    return succeed({ data, offset, size: asked > 2 ? WRITTEN.length : 0, ended: false });
  };
  const form = { encoding: 'json', isRecordIo: false } as const;
  server = http.createServer((_request, response) => {
    void attachToTask({ call } as never, place, () => new ProcessStream(response, form, {}));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const request = http.get({ host: '127.0.0.1', port, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  const said = (): string[] =>
    [...text.matchAll(/"data":"([^"]*)"/g)].map(([, data]) =>
      Buffer.from(data ?? '', 'base64').toString(),
    );
  response.on('data', (data) => {
    text += String(data);
    isThere = false;
  });
  await once(response, 'end');
  expect(text).toContain(WRITTEN.toString('base64'));
  expect(said().filter((words) => words.includes('does not answer'))).toHaveLength(1);
  expect(said().at(-1)).toMatch(/its agent a1 does not answer \(nobody answers\)\. .*attach again/);
  const answeredLast = asked;
  await new Promise(setImmediate);
  expect(asked).toBe(answeredLast);
});

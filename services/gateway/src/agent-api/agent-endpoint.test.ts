// Tests that commands beside tasks, their input and output, and the events of operators end soon after whoever asked for them
// would not be let in any more; over a real server on loopback, the agent is scripted.
import { once } from 'node:events';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeRecord } from '@parley/mesos-api/record-io';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ExecAsk, ExecResult } from '@parley/protocol/task-exec';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Permission, Visitor } from '../access/visitor.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { makeServer } from '../http-server.ts';
import { operatorRoutes } from '../operator/operator-routes.ts';
import { aBusyCluster } from '../read-model/scripted-model.ts';
import { SlowReaders } from '../slow-readers.ts';

const TASK = { value: 'alice.f1.t1' };
const COMMAND = { value: 'x', parent: TASK };
const LAUNCH = {
  type: 'LAUNCH_NESTED_CONTAINER_SESSION',
  launch_nested_container_session: { container_id: COMMAND, command: { value: 'cat' } },
};
const attach = (container_id: object) => ({
  type: 'ATTACH_CONTAINER_OUTPUT',
  attach_container_output: { container_id },
});

/** An agent with one command, which takes every input, and writes nothing or without end, until it is ended. */
class ScriptedAgent {
  readonly asked: ExecAsk['kind'][] = [];
  isFlooding = false;
  typed = '';
  readonly #ended = Promise.withResolvers<Outcome<ExecResult>>();

  readonly call = async (_: unknown, __: unknown, body: object): Promise<Outcome<object>> => {
    if (!('ask' in body)) return succeed({ data: new Uint8Array(0), offset: 0, size: 0 });
    const ask = body.ask as ExecAsk;
    this.asked.push(ask.kind);
    switch (ask.kind) {
      case 'start':
        return succeed({ kind: 'started' });
      case 'output':
        return this.isFlooding ? this.#flood() : this.#ended.promise;
      case 'input':
        this.typed += Buffer.from(ask.data).toString();
        return succeed({ kind: 'input', taken: ask.offset + ask.data.length });
      default:
        this.#ended.resolve(succeed({ kind: 'ended' }));
        return succeed({ kind: 'ended' });
    }
  };

  async #flood(): Promise<Outcome<ExecResult>> {
    const written = { stream: 'stdout', data: new Uint8Array(256 * 1024) } as const;
    const more = new Promise<Outcome<ExecResult>>((resolve) =>
      setImmediate(resolve, succeed({ kind: 'output', output: [written] })),
    );
    return Promise.race([this.#ended.promise, more]);
  }

  /** Its client asks nothing any more: it waits for whoever reads. */
  async untilUnread(): Promise<void> {
    for (let before = -1; before !== this.asked.length; ) {
      before = this.asked.length;
      for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    }
  }

  /** No more can be read of its command. */
  fail(code: 'unavailable' | 'notPermitted', message: string): void {
    this.#ended.resolve(fail(code, message));
  }
}

let visitors: Map<string, Visitor>;
let agent: ScriptedAgent;
let server: FastifyInstance;

const letIn = (name: string, ...permissions: Permission[]): void =>
  void visitors.set(name, { name, principal: undefined, permissions: new Set(permissions) });
const visitorOf = ({ headers }: FastifyRequest): Visitor | undefined =>
  visitors.get(String(headers.authorization));

beforeEach(async () => {
  visitors = new Map();
  for (const name of ['olga', 'otto']) letIn(name, 'view', 'operate');
  agent = new ScriptedAgent();
  const context = {
    access: {
      visitorOf: async (request: FastifyRequest) => {
        const visitor = visitorOf(request);
        return visitor === undefined ? fail('notPermitted', 'nobody') : succeed(visitor);
      },
      stillBehind: (request: FastifyRequest) => () => visitorOf(request),
    },
    live: {
      followed: { cluster: 'c', state: aBusyCluster().state, sequence: 10 },
      ...{ staleMs: () => 0, onEvent: () => () => true, onReset: () => () => true },
    },
    link: { cluster: 'c', call: agent.call },
    logger: { info: () => undefined },
    config: { host: '127.0.0.1', port: 0 },
    slowReaders: new SlowReaders({ warn: vi.fn() }, { count: vi.fn() }),
  };
  server = makeServer();
  // What these routes use of a gateway's context.
  server.register(operatorRoutes(context as unknown as GatewayContext));
  await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  server.server.closeAllConnections();
  await server.close();
});

function open(name: string, headers: Record<string, string>): ClientRequest {
  const { port } = server.server.address() as AddressInfo;
  const request = http.request({
    ...{ host: '127.0.0.1', port, path: '/api/v1', method: 'POST', agent: false },
    headers: { Authorization: name, ...headers },
  });
  return request.on('error', () => undefined);
}

/** A stream that was begun; what it says in words, and its end. */
async function stream(name: string, call: object) {
  const request = open(name, { 'Content-Type': 'application/json', Accept: 'application/json' });
  request.end(JSON.stringify(call));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  let text = '';
  response.on('data', (data) => {
    text += String(data);
  });
  const ended = once(response, 'end');
  // Broken off by the test's end, where that is not awaited.
  ended.catch(() => undefined);
  const words = (): string =>
    [...text.matchAll(/"data":"([^"]*)"/g)]
      .map(([, data]) => Buffer.from(data ?? '', 'base64').toString())
      .join('');
  return { response, ended, words };
}

function bringInput(name: string) {
  const request = open(name, {
    ...{ 'Content-Type': 'application/recordio', 'Message-Content-Type': 'application/json' },
  });
  const send = (input: object): void => {
    const call = { type: 'ATTACH_CONTAINER_INPUT', attach_container_input: input };
    request.write(encodeRecord(Buffer.from(JSON.stringify(call))));
  };
  send({ type: 'CONTAINER_ID', container_id: COMMAND });
  const type = (text: string): void => {
    const data = { type: 'STDIN', data: Buffer.from(text).toString('base64') };
    send({ type: 'PROCESS_IO', process_io: { type: 'DATA', data } });
  };
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  return { type, answered };
}

const GONE = /^parley: signed out, or the permission \w+ was taken: sign in and ask again\n$/;

test.each([
  ['is removed', () => visitors.delete('olga')],
  ['may not operate any more', () => letIn('olga', 'view')],
])('a command ends, and is told why, soon after whoever began it %s', async (_, lose) => {
  const command = await stream('olga', LAUNCH);
  const other = await stream('otto', attach(COMMAND));
  lose();
  await command.ended;
  expect(command.words()).toMatch(GONE);
  await other.ended;
  expect(agent.asked).toContain('end');
});

test('a command ends ten seconds later also when whoever began it does not read that it does', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  try {
    agent.isFlooding = true;
    const { response } = await stream('olga', LAUNCH);
    response.pause();
    await agent.untilUnread();
    visitors.delete('olga');
    vi.advanceTimersByTime(1000);
    expect(agent.asked).not.toContain('end');
    vi.advanceTimersByTime(10_000);
  } finally {
    vi.useRealTimers();
  }
  await vi.waitFor(() => expect(agent.asked).toContain('end'));
});

test('nothing that is typed by somebody who may not operate any more reaches the command of another, and others may type', async () => {
  const command = await stream('olga', LAUNCH);
  const input = bringInput('otto');
  input.type('before ');
  await vi.waitFor(() => expect(agent.typed).toBe('before '));
  letIn('otto', 'view');
  const [response] = await input.answered;
  input.type('after ');
  expect(response.statusCode).toBe(403);
  expect(await textOf(response)).toMatch(/^signed out, or the permission operate was taken/);
  bringInput('olga').type('by another');
  await vi.waitFor(() => expect(agent.typed).toContain('by another'));
  expect(agent.typed).toBe('before by another');
  expect(command.response.readableEnded).toBe(false);
});

test.each([
  ['a command', COMMAND],
  ['a task', TASK],
])(
  'the output of %s ends, with a reason, for whoever may not see it any more, and for no other',
  async (_, container) => {
    const command = await stream('olga', LAUNCH);
    const output = await stream('otto', attach(container));
    const others = await stream('olga', attach(container));
    letIn('otto', 'operate');
    await output.ended;
    expect(output.words()).toMatch(GONE);
    expect([command, others].map(({ response }) => response.readableEnded)).toEqual([false, false]);
  },
);

test('the events of operators end for whoever may not see them any more, and for no other', async () => {
  const events = await stream('otto', { type: 'SUBSCRIBE' });
  const others = await stream('olga', { type: 'SUBSCRIBE' });
  visitors.delete('otto');
  await events.ended;
  expect(others.response.readableEnded).toBe(false);
});

test.each([
  ['unavailable', 'nobody hears', /its agent \S+ does not answer any more \(nobody hears\)/],
  ['notPermitted', 'you may not', /^parley: the command beside \S+ was cut off \(you may not\);/],
] as const)(
  'a command of which no more can be read ends with the reason: %s',
  async (code, message, words) => {
    const command = await stream('olga', LAUNCH);
    agent.fail(code, message);
    await command.ended;
    expect(command.words()).toMatch(words);
  },
);

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response) text += String(part);
  return text;
}

// The real agent process and a real bus: operators look into the sandboxes of tasks that run and of tasks that are over,
// a principal into those of its own, and nobody else. How hostile trees are read is tested beside the reader.
import { LogsResult } from '@parley/protocol/agents';
import { decodeAnswer, decodeMessage, encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { type FilesAsk, FilesResult, type OwnFilesAnswer } from '@parley/protocol/task-files';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, bob, cluster, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start();
  await leader.registered();
}, WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** As an operator; a refusal as `code: message`. */
async function ask(taskId: string, question: FilesAsk): Promise<FilesResult | string> {
  const body = { task: leader.task(taskId), ask: question };
  const message = encodeMessage(SUBJECTS.files, cluster, { agentId }, body);
  const { connection } = await bus.as('operator', 'olga');
  const reply = await connection.request(message.subject, message.bytes, { timeout: 20_000 });
  const received = decodeAnswer(SUBJECTS.files, reply.data);
  if (!received.ok) throw new Error(received.failure.message);
  const { answer } = received.value;
  return answer.ok
    ? FilesResult.parse(answer.value)
    : `${answer.failure.code}: ${answer.failure.message}`;
}

async function read(taskId: string, name: string, offset = 0): Promise<object | string> {
  const piece = await ask(taskId, { kind: 'read', path: bytes(name), offset, maxBytes: 100_000 });
  if (typeof piece === 'string') return piece;
  if (piece.kind !== 'read') throw new Error('no piece');
  return { ...piece, data: text(piece.data) };
}

async function listed(taskId: string, name = ''): Promise<string[]> {
  const page = await ask(taskId, { kind: 'list', path: bytes(name), limit: 100 });
  if (typeof page === 'string' || page.kind !== 'list') throw new Error(`no list: ${String(page)}`);
  return page.entries.map((entry) => `${entry.kind} ${text(entry.name)}`);
}

test(
  'the files of a task are read while it runs and when it is over, also by an agent that was started anew',
  async () => {
    const script = [
      'mkdir out; echo first > out/log; ln -s /etc/passwd out/link; mkfifo out/fifo',
      'echo up',
      'until [ -e go ]; do sleep 0.05; done',
      'echo second >> out/log',
    ].join('\n');
    await leader.order(aShellTask('reads', script));
    await leader.untilState('reads', 'running');
    await expect
      .poll(() => read('reads', 'stdout'), { timeout: WAIT_MS })
      .toMatchObject({
        data: 'up\n',
        ended: false,
      });
    expect(await listed('reads')).toEqual(['directory out', 'file stderr', 'file stdout']);
    expect(await listed('reads', 'out')).toEqual(['fifo fifo', 'link link', 'file log']);
    expect(await read('reads', 'out/log')).toMatchObject({ data: 'first\n', ended: false });
    expect(await read('reads', 'out/link')).toMatch(/^notPermitted: .* is a link/);
    expect(await read('reads', 'out/fifo')).toMatch(/^notPermitted: .* is a fifo/);
    expect(await read('reads', '../../../../../etc/passwd')).toMatch(/^notPermitted: .* ".."/);

    await agent.end('SIGKILL');
    agent.start();
    await leader.registered();
    agent.touch('reads', 'go');
    expect(await leader.ended('reads')).toMatchObject({ state: 'finished' });
    expect(await read('reads', 'out/log', 6)).toMatchObject({
      data: 'second\n',
      offset: 6,
      ended: true,
    });
    const found = await ask('reads', {
      kind: 'search',
      path: bytes('out/log'),
      text: bytes('econ'),
      offset: 0,
      maxMatches: 10,
    });
    if (typeof found === 'string' || found.kind !== 'search') throw new Error('not searched');
    expect(found.matches.map((match) => ({ ...match, line: text(match.line) }))).toEqual([
      { offset: 7, line: 'second', lineOffset: 6 },
    ]);
    expect(found.ended).toBe(true);
    const logs = await leader.logs('reads');
    expect(logs.ok && LogsResult.parse(logs.value)).toMatchObject({
      size: 3,
      ended: true,
      fileId: expect.any(String),
    });
    expect(await read('nothing', 'stdout')).toMatch(/^unknownTask: /);
  },
  WAIT_MS,
);

/** As a principal, about a task of its own or somebody else's. */
async function askAs(principal: typeof alice, taskId: string): Promise<OwnFilesAnswer['answer']> {
  const { connection } = await bus.as('principal', principal);
  const question = `q-${taskId}`;
  const answered = new Promise<OwnFilesAnswer>((resolve, reject) => {
    const subject = wildcardOf(SUBJECTS.ownFilesAnswer, cluster, { principal });
    connection.subscribe(subject, {
      callback: (_, { subject: to, data }) => {
        const told = decodeMessage(SUBJECTS.ownFilesAnswer, cluster, to, data);
        if (told.ok) resolve(told.value.body);
        else reject(new Error(told.failure.message));
      },
    });
  });
  const task = leader.task(taskId);
  const { ownFiles } = SUBJECTS;
  const stat = { kind: 'stat', path: bytes('stdout') } as const;
  const to = { agentId, principal };
  const message = encodeMessage(ownFiles, cluster, to, { question, task, ask: stat });
  await connection.flush();
  connection.publish(message.subject, message.bytes);
  const answer = await answered;
  expect(answer.question).toBe(question);
  return answer.answer;
}

test(
  'a principal is told of its own tasks, and refused those of another',
  async () => {
    await leader.order(aShellTask('own', 'echo mine'));
    await leader.ended('own');
    expect(await askAs(alice, 'own')).toMatchObject({
      ok: true,
      value: { kind: 'stat', entry: { kind: 'file', size: 5 }, ended: true },
    });
    expect(await askAs(bob, 'own')).toMatchObject({
      ok: false,
      failure: { code: 'notPermitted', message: expect.stringContaining('another principal') },
    });
  },
  WAIT_MS,
);

// Owns the proof that a real agent takes objects from its disk when it has them, and only what is current; on a real bus.
import { jetstream } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import { LogsResult } from '@parley/protocol/agents';
import { workBucketName } from '@parley/protocol/streams';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, cluster, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
let objects: ObjectStore;
let tasks = 0;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'process');
  await begin();
  const { connection } = await bus.as('principal', alice, 'work');
  objects = await new Objm(jetstream(connection, { checkAPI: false })).open(
    workBucketName(cluster, alice),
    false,
  );
}, WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

/** With a log of what is copied. */
async function begin(): Promise<void> {
  const levels = (): number => agent.output.split('"level":"debug"').length;
  const registered = leader.registrations.length;
  const changed = levels();
  agent.start();
  await vi.waitUntil(() => leader.registrations.length > registered, { timeout: WAIT_MS });
  agent.signal('SIGUSR2');
  await vi.waitUntil(() => levels() > changed, { timeout: WAIT_MS });
}

const put = (object: string, text: string): Promise<unknown> =>
  objects.putBlob({ name: object }, new TextEncoder().encode(text));

function copiesLogged(): { cachedObjects: number; cachedBytes: number; bytes: number }[] {
  const lines = agent.output.split('\n').filter((line) => line.includes('"inputs copied"'));
  return lines.map((line) => JSON.parse(line) as ReturnType<typeof copiesLogged>[number]);
}

/** What a task saw of the object, and how much of it came from the disk. */
async function seen(object: string, script = 'cat in'): Promise<{ text: string; cached: number }> {
  tasks += 1;
  const taskId = `reader-${tasks}`;
  const before = copiesLogged().length;
  await leader.order(aShellTask(taskId, script, { inputs: [{ object, path: 'in' }] }));
  expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
  await expect.poll(() => copiesLogged().length, { timeout: WAIT_MS }).toBe(before + 1);
  const answer = await leader.logs(taskId);
  if (!answer.ok) throw new Error(answer.failure.message);
  const text = new TextDecoder().decode(LogsResult.parse(answer.value).data);
  return { text, cached: copiesLogged().at(-1)?.cachedBytes ?? -1 };
}

test(
  'what a task read comes from the disk the next time, and what a task does to its file is its own',
  async () => {
    await put('job/in', 'some words');
    expect(await seen('job/in')).toEqual({ text: 'some words', cached: 0 });
    const spoil = 'cat in; echo spoilt > in; stat -c " %h %a" in';
    expect(await seen('job/in', spoil)).toEqual({ text: 'some words 1 644\n', cached: 10 });
    expect(await seen('job/in')).toEqual({ text: 'some words', cached: 10 });
  },
  WAIT_MS,
);

test(
  'what a task wrote is on the disk for the next one',
  async () => {
    const outputs = [{ object: 'job/out', path: 'out' }];
    await leader.order(aShellTask('writer', 'printf counts > out', { outputs }));
    expect(await leader.ended('writer')).toMatchObject({ state: 'finished' });
    expect(await seen('job/out')).toEqual({ text: 'counts', cached: 6 });
  },
  WAIT_MS,
);

test(
  'an object that was replaced is fetched anew, and one that was deleted is not there',
  async () => {
    await put('job/changes', 'first');
    await seen('job/changes');
    await put('job/changes', 'other');
    expect(await seen('job/changes')).toEqual({ text: 'other', cached: 0 });
    await objects.delete('job/changes');
    const inputs = [{ object: 'job/changes', path: 'in' }];
    await leader.order(aShellTask('late', 'cat in', { inputs }));
    expect(await leader.ended('late')).toMatchObject({ state: 'failed', reason: 'inputsFailed' });
  },
  WAIT_MS,
);

test(
  'after a restart of the agent everything is fetched once more',
  async () => {
    await put('job/again', 'words');
    await seen('job/again');
    await agent.end('SIGKILL');
    await begin();
    expect(await seen('job/again')).toEqual({ text: 'words', cached: 0 });
    expect(await seen('job/again')).toEqual({ text: 'words', cached: 5 });
  },
  WAIT_MS,
);

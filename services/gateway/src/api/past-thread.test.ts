// Tests the thread for the past: it answers as the desk does, leaves the gateway free meanwhile, and what goes wrong in it is
// told to those who wait.
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { fail } from '@parley/protocol/errors';
import type { ReplaySource } from '@parley/replay/replay-source';
import { ScriptedHistory } from '@parley/replay/scripted-history';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PastDesk } from './past-desk.ts';
import { answerOf, type PastQuestion } from './past-questions.ts';
import { PastThread, type PastThreadOptions } from './past-thread.ts';

const framework = aFramework();
const wallTimeMs = (): number => 1_800_000_000_000;
let history: ScriptedHistory;
let threads: PastThread[];
let failed: Error[];

beforeEach(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  history.subscribe(framework);
  threads = [];
  failed = [];
});

afterEach(async () => {
  await Promise.all(threads.map((thread) => thread.close()));
});

function threadOver(
  source: ReplaySource,
  { program, idleMs }: Pick<PastThreadOptions, 'program' | 'idleMs'> = {},
): PastThread {
  const onFailed = (error: Error): void => void failed.push(error);
  const thread = new PastThread({
    ...{ source: () => source, wallTimeMs, onFailed },
    ...(program && { program }),
    ...(idleMs !== undefined && { idleMs }),
  });
  threads.push(thread);
  return thread;
}

type Journal = ReplaySource['journal'];

/** The history's, but for this. */
function journalWith(other: Partial<Journal>): Journal {
  const { journal } = history.source;
  return {
    append: (request) => journal.append(request),
    purgeBelow: (sequence) => journal.purgeBelow(sequence),
    entryAt: (sequence) => journal.entryAt(sequence),
    info: () => journal.info(),
    read: (sequence, limit) => journal.read(sequence, limit),
    ...other,
  };
}

test('it answers every kind of question as the desk does', async () => {
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  await history.snapshot();
  history.update(task, 'failed', { reason: 'commandExited', exitCode: 3 });
  const thread = threadOver(history.source);
  const desk = new PastDesk({ source: () => history.source, wallTimeMs });
  const at = 'last';
  const questions: PastQuestion[] = [
    { kind: 'list', at, list: 'tasks', asked: { filter: 'state:failed' } },
    { kind: 'row', at: '2', list: 'agents', key: 'a1' },
    { kind: 'row', at, list: 'agents', key: 'nobody' },
    { kind: 'overview', at },
    { kind: 'timeline', range: {}, buckets: 3 },
    { kind: 'story', task },
    { kind: 'overview', at: 'tomorrow' },
    { kind: 'story', task: { ...task, taskId: 'none' as typeof task.taskId } },
  ];
  for (const question of questions)
    expect(await thread.ask(question)).toStrictEqual(await answerOf(desk, question));
  const window = { kind: 'window', range: { from: '1' } } as const;
  const [plain, zipped] = await Promise.all([
    thread.ask({ ...window, isCompressed: false }),
    thread.ask({ ...window, isCompressed: true }),
  ]);
  if (!plain.ok || !zipped.ok) throw new Error('a window is answered');
  const unzipped = await promisify(gunzip)(Buffer.concat(zipped.value));
  expect(unzipped.toString()).toBe(Buffer.concat(plain.value).toString());
  expect(unzipped.toString().split('\n').length).toBeGreaterThan(5);
});

test('the story of a task tells its launch, what became of it and why', async () => {
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  history.update(task, 'failed', { reason: 'commandExited', exitCode: 3 });
  const story = await threadOver(history.source).ask({ kind: 'story', task });
  expect(story).toMatchObject({ ok: true, value: { isBegun: true, isOver: true } });
  const texts = story.ok ? story.value.items.map(({ text }) => text) : [];
  expect(texts.join('\n')).toContain('failed');
  expect(texts.length).toBeGreaterThan(2);
});

test('while it steps a long journal the gateway is free for others', async () => {
  for (let number = 0; number < 250; number += 1) {
    const task = history.launch(framework, `t${number}`, some(1));
    history.update(task, 'running');
    history.update(task, 'finished');
  }
  const thread = threadOver(history.source);
  // The thread is there: starting it is not what is measured.
  await thread.ask({ kind: 'overview', at: 'first' });
  const begin = performance.now();
  let [turns, longestMs, lastMs] = [0, 0, begin];
  const timer = setInterval(() => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    turns += 1;
  }, 1);
  const timeline = await thread.ask({ kind: 'timeline', range: {}, buckets: 10 });
  clearInterval(timer);
  const tookMs = performance.now() - begin;
  expect(timeline).toMatchObject({ ok: true, value: { isCut: false } });
  expect(turns).toBeGreaterThan(10);
  expect(longestMs).toBeLessThan(tookMs / 2);
});

test('a journal that cannot be read is told, and the thread goes on', async () => {
  const { source } = history;
  let isBroken = true;
  const journal = journalWith({
    read: async (sequence, limit) =>
      isBroken ? fail('unavailable', 'no bus') : source.journal.read(sequence, limit),
  });
  const thread = threadOver({ ...source, journal });
  const question = { kind: 'overview', at: 'last' } as const;
  expect(await thread.ask(question)).toMatchObject({ failure: { code: 'unavailable' } });
  isBroken = false;
  expect(await thread.ask(question)).toMatchObject({ ok: true });
});

test('more questions than wait at a time are refused, not kept', async () => {
  const thread = threadOver(history.source);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => thread.ask({ kind: 'overview', at: 'last' })),
  );
  const refused = answers.filter((answer) => !answer.ok && answer.failure.code === 'overloaded');
  expect(refused).toHaveLength(4);
  expect(answers.filter(({ ok }) => ok)).toHaveLength(16);
});

test('a read that throws fails the question, and no later one', async () => {
  const { source } = history;
  let isBroken = true;
  const info = (): ReturnType<ReplaySource['journal']['info']> => {
    if (isBroken) throw new Error('broken');
    return source.journal.info();
  };
  const thread = threadOver({ ...source, journal: journalWith({ info }) });
  const question = { kind: 'overview', at: 'last' } as const;
  expect(await thread.ask(question)).toMatchObject({ failure: { code: 'internalError' } });
  isBroken = false;
  expect(await thread.ask(question)).toMatchObject({ ok: true });
});

test('a thread that ends of itself fails those who wait, and is reported', async () => {
  const program = new URL('data:text/javascript,throw new RangeError("no memory")');
  const thread = threadOver(history.source, { program });
  const question = { kind: 'overview', at: 'last' } as const;
  const answers = await Promise.all([thread.ask(question), thread.ask(question)]);
  for (const answer of answers) expect(answer).toMatchObject({ failure: { code: 'unavailable' } });
  expect(failed).toMatchObject([{ message: 'no memory' }]);
});

test('who asks while a thread that nobody asked is ended is answered by another one', async () => {
  const thread = threadOver(history.source, { idleMs: 5 });
  const question = { kind: 'overview', at: 'last' } as const;
  for (const pauseMs of [5, 6, 7, 8]) {
    expect(await thread.ask(question)).toMatchObject({ ok: true });
    await delay(pauseMs);
  }
  expect(await thread.ask(question)).toMatchObject({ ok: true });
});

test('closing it refuses those who wait and those who come', async () => {
  const journal = journalWith({ info: () => new Promise(() => undefined) });
  const thread = threadOver({ ...history.source, journal });
  const asked = thread.ask({ kind: 'overview', at: 'last' });
  await thread.close();
  expect(await asked).toMatchObject({ failure: { code: 'unavailable' } });
  expect(await thread.ask({ kind: 'overview', at: 'last' })).toMatchObject({ ok: false });
  expect(failed).toStrictEqual([]);
});

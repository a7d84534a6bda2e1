// Tests what an agent does when a leader has lost its books: it tells all that it has, and says nothing else meanwhile.
import type { TellTasksResult } from '@parley/protocol/adoption';
import { describe, expect, test } from 'vitest';
import { aRun, EPOCH, KEY, keyOf, LATER, REF, ScriptedSupervisor } from './scripted-supervisor.ts';

const NOTHING: TellTasksResult = { unknownTasks: [], unknownExecutors: [] };

/** With a running task, and with its register request answered by a leader that has lost its books. */
function aStory(): ScriptedSupervisor {
  const bench = new ScriptedSupervisor().running();
  bench.send({ kind: 'connected' });
  return answered(bench);
}

function answered(bench: ScriptedSupervisor, epoch = EPOCH, wantsTasks = true): ScriptedSupervisor {
  const register = bench.take('register').at(-1);
  expect(register?.body.tellsTasks).toBe(true);
  const value = {
    heartbeatIntervalMs: 1000,
    unknownTasks: [],
    unknownExecutors: [],
    ...(wantsTasks && { wantsTasks: true as const }),
  };
  const counter = register?.counter ?? 0;
  return bench.send({ kind: 'registerAnswered', counter, epoch, answer: { ok: true, value } });
}

function told(bench: ScriptedSupervisor, result = NOTHING): ScriptedSupervisor {
  const counter = bench.take('tellTasks').at(-1)?.counter ?? 0;
  const answer = { ok: true, value: result } as const;
  return bench.send({ kind: 'tasksTold', counter, epoch: EPOCH, answer });
}

describe('an agent whose leader has lost its books', () => {
  test('tells what it runs, with all that the books need', () => {
    const bench = aStory();
    expect(bench.take('tellTasks')).toMatchObject([
      {
        body: {
          tasks: [
            { task: REF, state: 'running', role: 'a/b', resources: { scalars: { cpus: 100 } } },
          ],
          isLast: true,
        },
      },
    ]);
  });

  test('sends no status update until the leader has taken everything over, and then sends it', () => {
    const bench = aStory();
    bench.effects = bench.effects.filter(({ kind }) => kind === 'tellTasks');
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    expect(bench.take('publishUpdate')).toEqual([]);
    told(bench);
    bench.nowMs += 1000;
    bench.send({ kind: 'tick' });
    expect(bench.take('publishUpdate').at(0)?.update.state).toMatch(/running|finished/);
  });

  test('ends what the leader does not take over', () => {
    const bench = told(aStory(), { ...NOTHING, unknownTasks: [REF] });
    expect(bench.take('stop')).toMatchObject([{ ref: REF, signal: 'SIGTERM' }]);
  });

  test('asks again until it is answered', () => {
    const bench = aStory();
    const [first] = bench.take('tellTasks');
    bench.nowMs += 600;
    bench.send({ kind: 'tick' });
    expect(bench.take('tellTasks')).toMatchObject([{ counter: first?.counter }]);
  });

  test('registers again when the next leader knows nothing of it', () => {
    const bench = aStory();
    const counter = bench.take('tellTasks').at(-1)?.counter ?? 0;
    const failure = { code: 'unknownAgent', message: 'register first' } as const;
    bench.send({ kind: 'tasksTold', counter, epoch: LATER, answer: { ok: false, failure } });
    bench.nowMs += 1000;
    bench.send({ kind: 'tick' });
    expect(new Set(bench.take('register').map((one) => one.counter)).size).toBe(1);
  });

  test('goes on at once with a leader that knows what it has', () => {
    const bench = aStory();
    bench.send({ kind: 'presence', epoch: LATER });
    bench.nowMs += 2000;
    bench.send({ kind: 'tick' });
    answered(bench, LATER, false);
    bench.effects = [];
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    bench.nowMs += 10_000;
    bench.send({ kind: 'tick' });
    expect(bench.take('tellTasks')).toEqual([]);
    expect(bench.take('publishUpdate').length).toBeGreaterThan(0);
  });

  test('says nothing of a task that has ended', () => {
    const bench = new ScriptedSupervisor().running();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    bench.send(aRun(3, { taskId: 't2' })).send({ kind: 'inputsCopied', task: keyOf('t2') });
    bench.send({ kind: 'connected' });
    const [page] = answered(bench).take('tellTasks');
    expect(page?.body.tasks.map(({ task }) => task.taskId)).toEqual(['t2']);
  });
});

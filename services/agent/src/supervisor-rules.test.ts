// Tests of what an agent does to tasks by itself, one rule at a time: the longest time to run, checks, volumes, and its
// own end when it is declared gone.
import type { CheckResult } from '@parley/protocol/checks';
import { FrameworkRef, TaskRef, taskKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import { describe, expect, test } from 'vitest';
import {
  aDestroy,
  aKill,
  aRun,
  EPOCH,
  KEY,
  keyOf,
  ScriptedSupervisor,
} from './scripted-supervisor.ts';
import { RESEND_SPREAD_MS, resendDelayOf } from './update-outbox.ts';

const aBench = (): ScriptedSupervisor => new ScriptedSupervisor().registered();
const isRunning = { state: 'running' } as const;
const signals = (bench: ScriptedSupervisor): string[] =>
  bench.take('stop').map(({ signal }) => signal);

describe('the longest time to run', () => {
  const limited = { maxCompletionMs: 10_000, killGraceMs: 500 };

  test('a task that runs too long is stopped with its own grace and ends as failed', () => {
    const bench = aBench().running(limited);
    expect(signals(bench.after(9999))).toEqual([]);
    expect(signals(bench.after(1))).toEqual(['SIGTERM']);
    expect(signals(bench.after(500))).toEqual(['SIGKILL']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'unknown' } });
    expect(bench.ends('t1')).toEqual([['failed', 'maxCompletionTime']]);
    const cause = { kind: 'timeLimit', limit: 10_000, peak: 10_500 };
    expect(bench.disk.get(KEY)?.updates.at(-1)).toMatchObject({ cause });
  });

  test('it is counted from running, not from the order', () => {
    const bench = aBench().send(aRun(1, limited)).after(20_000);
    bench.send({ kind: 'inputsCopied', task: KEY }).send({ kind: 'launched', task: KEY });
    expect(signals(bench.after(9999))).toEqual([]);
    expect(signals(bench.after(1))).toEqual(['SIGTERM']);
  });

  test('a kill that came before decides what the end is told as', () => {
    const bench = aBench()
      .running({ ...limited, killGraceMs: 60_000 })
      .after(9000)
      .send(aKill());
    expect(signals(bench.after(5000))).toEqual(['SIGTERM']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'unknown' } });
    expect(bench.ends('t1')).toEqual([['killed', 'killedByFramework']]);
  });

  test('a kill that comes after only shortens the grace', () => {
    const bench = aBench()
      .running({ ...limited, killGraceMs: 60_000 })
      .after(10_000);
    expect(signals(bench)).toEqual(['SIGTERM']);
    expect(signals(bench.send(aKill(2, 100)).after(100))).toEqual(['SIGKILL']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'unknown' } });
    expect(bench.ends('t1')).toEqual([['failed', 'maxCompletionTime']]);
  });

  test('the time that passed before and during a restart of the agent counts', () => {
    const before = aBench().running(limited).after(4000);
    const bench = before.restarted({ [KEY]: isRunning }, 3000);
    expect(signals(bench.after(2999))).toEqual([]);
    expect(signals(bench.after(1))).toEqual(['SIGTERM']);
  });

  test('a wall clock that was set back gives a task its whole time again at most', () => {
    const before = aBench().running(limited).after(4000);
    const bench = before.restarted({ [KEY]: isRunning }, -1_000_000);
    expect(signals(bench.after(9999))).toEqual([]);
    expect(signals(bench.after(1))).toEqual(['SIGTERM']);
  });
});

describe('checks of running tasks', () => {
  const tcp = { kind: 'tcp', port: 80 } as const;
  const healthCheck = { probe: tcp, delayMs: 0, intervalMs: 1000, gracePeriodMs: 0, failures: 2 };
  const check = { probe: tcp, delayMs: 0, intervalMs: 1000 };
  const answer = (
    bench: ScriptedSupervisor,
    succeeded: boolean,
    aim: 'health' | 'check' = 'health',
  ): ScriptedSupervisor => {
    const result: CheckResult = { kind: 'tcp', succeeded };
    return bench.send({ kind: 'probed', task: KEY, aim, answer: { result, detail: 'seen' } });
  };
  const told = (bench: ScriptedSupervisor): unknown[] =>
    (bench.disk.get(KEY)?.updates ?? []).map(({ state, reason, healthy }) => [
      state,
      reason,
      healthy,
    ]);

  test('an unhealthy task is told of, stopped with its grace, and ends as failed', () => {
    const bench = aBench().running({ healthCheck, killGraceMs: 100 });
    answer(answer(bench, false).after(1000), false);
    expect(signals(bench)).toEqual(['SIGTERM']);
    expect(signals(bench.after(100))).toEqual(['SIGKILL']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'unknown' } });
    expect(told(bench)).toEqual([
      ['running', undefined, undefined],
      ['running', 'healthChanged', false],
      ['running', 'healthChanged', false],
      ['killing', undefined, false],
      ['failed', 'unhealthy', false],
    ]);
  });

  test('the next probe is asked for only after the answer of the one before', () => {
    const bench = aBench().running({ healthCheck });
    expect(bench.take('probe')).toHaveLength(1);
    expect(bench.after(60_000).take('probe')).toEqual([]);
    expect(answer(bench, true).after(999).take('probe')).toEqual([]);
    expect(bench.after(1).take('probe')).toHaveLength(1);
  });

  test('a task that is told to stop is not probed any more, and a late answer means nothing', () => {
    const bench = aBench().running({ healthCheck, killGraceMs: 60_000 });
    bench.take('probe');
    bench.send(aKill()).after(5000);
    expect(answer(bench, false).after(10_000).take('probe')).toEqual([]);
    expect(told(bench)).toEqual([
      ['running', undefined, undefined],
      ['killing', undefined, undefined],
    ]);
  });

  test('a plain check reports a changed value and never ends the task', () => {
    const bench = aBench().running({ check });
    answer(bench, false, 'check').after(1000);
    answer(bench, false, 'check').after(1000);
    answer(bench, true, 'check');
    const values = bench.disk.get(KEY)?.updates.map(({ check: value, reason }) => [value, reason]);
    expect(values).toEqual([
      [undefined, undefined],
      [{ kind: 'tcp', succeeded: false }, 'checkChanged'],
      [{ kind: 'tcp', succeeded: true }, 'checkChanged'],
    ]);
    expect(signals(bench)).toEqual([]);
  });

  test('checks go on after a restart of the agent for tasks that still run', () => {
    const bench = answer(aBench().running({ healthCheck }), true).restarted({ [KEY]: isRunning });
    expect(bench.take('probe')).toHaveLength(1);
    expect(told(answer(bench, true))).toHaveLength(2);
  });

  test('no more probes are under way than the limit, and the others come in their turn', () => {
    const bench = new ScriptedSupervisor('works', { probesInFlight: 4 }).registered();
    for (const taskId of ['a', 'b', 'c']) {
      bench.send(aRun(1, { taskId, healthCheck }));
      bench.send({ kind: 'inputsCopied', task: keyOf(taskId) });
      bench.send({ kind: 'launched', task: keyOf(taskId) });
    }
    expect(bench.take('probe').map(({ ref }) => ref.taskId)).toEqual(['a', 'b']);
    const result: CheckResult = { kind: 'tcp', succeeded: true };
    bench.send({ kind: 'probed', task: keyOf('a'), aim: 'health', answer: { result, detail: '' } });
    expect(bench.take('probe').map(({ ref }) => ref.taskId)).toEqual(['c']);
  });

  test('probes of one principal that hang keep no other principal from being probed', () => {
    const bench = new ScriptedSupervisor('works', { probesInFlight: 4 }).registered();
    const runs = (principal: string, taskId: string): void => {
      const run = aRun(1, { taskId, healthCheck });
      assert(run.kind === 'run', 'aRun runs');
      const framework = FrameworkRef.parse({ principal, frameworkId: 'fw' });
      bench.send({ ...run, order: { ...run.order, framework } });
      const task = taskKey(TaskRef.parse({ ...framework, taskId }));
      bench.send({ kind: 'inputsCopied', task }).send({ kind: 'launched', task });
    };
    for (const taskId of ['a', 'b', 'c', 'd', 'e']) runs('team', taskId);
    expect(bench.take('probe')).toHaveLength(2);
    runs('other', 'f');
    expect(bench.take('probe').map(({ ref }) => ref.principal)).toEqual(['other']);
  });

  test('a value that changes faster than updates are journalled is told once there is room', () => {
    const bench = aBench()
      .watermark(0)
      .running({ check: { ...check, intervalMs: 100 } });
    for (let index = 0; index < 200; index += 1) {
      answer(bench, index % 2 === 0, 'check').after(100);
    }
    expect(told(bench)).toHaveLength(64);
    bench.publishAll();
    bench.watermark(1000).after(1);
    expect(bench.disk.get(KEY)?.updates).toMatchObject([{ check: { succeeded: false } }]);
  });
});

describe('volumes', () => {
  const volumes = [{ volumeId: 'v1', path: 'data' }];

  test('a volume that a task uses is not destroyed, and is once the task has ended', () => {
    const bench = aBench().running({ volumes });
    bench.answers();
    expect(bench.send(aDestroy('v1')).answers()).toEqual(['invalidOperation']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    expect(bench.send(aDestroy('v1')).take('destroyVolume')).toMatchObject([
      { role: 'a/b', volumeId: 'v1' },
    ]);
  });

  test('another volume of the role is destroyed while a task runs', () => {
    const bench = aBench().running({ volumes });
    expect(bench.send(aDestroy('v2')).take('destroyVolume')).toHaveLength(1);
  });
});

describe('an agent that is declared gone', () => {
  const isGone = (bench: ScriptedSupervisor): ScriptedSupervisor => {
    bench.send({ kind: 'connected' });
    const [request] = bench.take('register');
    const failure = { code: 'agentGone', message: 'agent-1 was declared gone' } as const;
    const counter = request?.counter ?? 0;
    return bench.send({
      kind: 'registerAnswered',
      counter,
      epoch: EPOCH,
      answer: { ok: false, failure },
    });
  };

  test('it stops its tasks, stores their ends, and then leaves', () => {
    const bench = isGone(new ScriptedSupervisor().running());
    expect(signals(bench)).toEqual(['SIGTERM']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'unknown' } });
    expect(bench.take('leave')).toEqual([]);
    bench.after(RESEND_SPREAD_MS).publishAll();
    expect(bench.ends('t1')).toEqual([['killed', 'agentGoneByOperator']]);
    expect(bench.take('leave')).toHaveLength(1);
    expect(bench.after(60_000).take('leave')).toEqual([]);
  });

  test('it registers no more, gives no sign of life and takes no orders', () => {
    const bench = isGone(new ScriptedSupervisor().running());
    bench.answers();
    expect(
      bench
        .send({ kind: 'presence', epoch: { ...EPOCH, revision: 9 } })
        .after(600_000)
        .take('register'),
    ).toEqual([]);
    expect(bench.take('heartbeat')).toEqual([]);
    const run = aRun(4, { taskId: 'x' });
    expect(
      bench.send({ ...run, epoch: { ...EPOCH, revision: 9 } } as typeof run).answers(),
    ).toEqual(['agentGone']);
  });

  test('without a task it leaves at once', () => {
    expect(isGone(new ScriptedSupervisor()).take('leave')).toHaveLength(1);
  });
});

describe('run orders', () => {
  test('a task without a command is refused with invalidTask', () => {
    const bench = aBench().send(aRun(1, { command: undefined }));
    expect(bench.answers()).toEqual(['invalidTask']);
    expect(bench.supervisor.task(KEY)).toBeUndefined();
  });
});

describe('updates that waited', () => {
  test('the moment of sending again is the same for a task each time, and differs from task to task', () => {
    const delays = Array.from({ length: 100 }, (_, index) => resendDelayOf(keyOf(`t${index}`)));
    expect(delays).toEqual(
      Array.from({ length: 100 }, (_, index) => resendDelayOf(keyOf(`t${index}`))),
    );
    expect(new Set(delays).size).toBeGreaterThan(50);
    expect(Math.max(...delays)).toBeLessThan(RESEND_SPREAD_MS);
  });
});

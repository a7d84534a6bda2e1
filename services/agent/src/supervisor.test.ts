// Tests of the supervisor's rules for tasks, one at a time. What holds for any order of events is in
// supervisor.property.test.ts.
import type { TaskKey } from '@parley/protocol/ids';
import { describe, expect, test } from 'vitest';
import { aKill, aRun, KEY, keyOf, LATER, ScriptedSupervisor } from './scripted-supervisor.ts';
import type { SupervisorInput } from './supervisor-messages.ts';
import { RESEND_SPREAD_MS } from './update-outbox.ts';

describe('a host that is short of something', () => {
  const revocable = true;
  const why = 'the host is short of memory';
  const stopped = (bench: ScriptedSupervisor): string[] =>
    bench.take('stop').map(({ ref, signal }) => `${ref.taskId} ${signal}`);

  test('of what is lent the lowest priority goes first, of these what came last, one at a time; what is not lent never', () => {
    const bench = new ScriptedSupervisor().registered();
    for (const changes of [
      { taskId: 'a', revocable },
      { taskId: 'b', revocable },
      { taskId: 'c', revocable, priority: 1 },
      { taskId: 'd', priority: -1 },
    ]) {
      bench.send(aRun(1, changes));
      bench.send({ kind: 'inputsCopied', task: keyOf(changes.taskId) });
      bench.send({ kind: 'launched', task: keyOf(changes.taskId) });
    }
    for (const next of ['b', 'a', 'c']) {
      expect(stopped(bench.send({ kind: 'pressed', why }))).toEqual([`${next} SIGTERM`]);
    }
    expect(stopped(bench.send({ kind: 'pressed', why }))).toEqual([]);
  });

  test('an agent that was started again still knows which task came last', () => {
    const before = new ScriptedSupervisor().registered();
    for (const taskId of ['z', 'a']) {
      before
        .send(aRun(1, { taskId, revocable }))
        .send({ kind: 'inputsCopied', task: keyOf(taskId) });
      before.send({ kind: 'launched', task: keyOf(taskId) }).after(1);
    }
    const outcome = { state: 'running' } as const;
    // As a directory lists them.
    const records = [...before.disk.values()].reverse();
    const tasks = records.map((record) => ({ record, outcome }));
    const after = new ScriptedSupervisor().send({ kind: 'recovered', tasks }).registered();
    expect(stopped(after.send({ kind: 'pressed', why }))).toEqual(['a SIGTERM']);
  });

  test('the task has a second to end, and its end says that it was taken back and why', () => {
    const bench = new ScriptedSupervisor().registered().running({ revocable });
    bench.send({ kind: 'pressed', why }).after(999);
    expect(stopped(bench)).toEqual(['t1 SIGTERM']);
    expect(stopped(bench.after(1))).toEqual(['t1 SIGKILL']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'signaled', signal: 'SIGKILL' } });
    expect(bench.supervisor.task(KEY)?.state).toBe('killed');
    expect(bench.take('persist').at(-1)?.record.updates.at(-1)).toMatchObject({
      ...{ state: 'killed', reason: 'revoked', message: why },
    });
  });
});

describe('run orders', () => {
  test('an order is answered and prepared only after its record is on the disk', () => {
    const bench = new ScriptedSupervisor('isSlow').send(aRun());
    expect(bench.effects.map((effect) => effect.kind)).toEqual(['rememberEpoch', 'persist']);
    bench.send({ kind: 'recorded', task: KEY, revision: 1 });
    expect(bench.effects.map((effect) => effect.kind)).toEqual([
      ...['rememberEpoch', 'persist'],
      ...['copyInputs', 'answer'],
    ]);
  });

  test('a repeated order is answered again and starts nothing', () => {
    const bench = new ScriptedSupervisor().running();
    bench.take('launch');
    expect(bench.send(aRun(2)).answers()).toEqual([true, true]);
    expect(bench.take('launch')).toEqual([]);
  });

  test('an order for a task that has ended is answered and starts nothing', () => {
    const bench = new ScriptedSupervisor().running();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    bench.effects = [];
    expect(bench.send(aRun(2)).answers()).toEqual([true]);
    expect(bench.effects).toEqual([]);
  });

  test('on a full disk an order is refused with diskFull and nothing is started', () => {
    const bench = new ScriptedSupervisor('isFull').send(aRun());
    expect(bench.answers()).toEqual(['diskFull']);
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.supervisor.task(KEY)).toBeUndefined();
  });

  describe('that could not be written, of a task whose kill is being written', () => {
    const failure = { code: 'diskFull', message: 'no space' } as const;
    const aStory = () =>
      new ScriptedSupervisor('isSlow')
        .send(aRun(1))
        .send(aKill(2))
        .send({ kind: 'recordFailed', task: KEY, revision: 1, failure });

    test('is accepted with the kill, and the task ends before it starts', () => {
      const bench = aStory();
      expect(bench.answers()).toEqual([]);
      bench.send({ kind: 'recorded', task: KEY, revision: 2 });
      expect(bench.answers()).toEqual([true, true]);
      expect(bench.take('copyInputs')).toEqual([]);
      expect(bench.take('persist').at(-1)?.record.updates).toMatchObject([
        { state: 'killed', reason: 'killedBeforeStart' },
      ]);
    });

    test('is refused when the kill cannot be written either, and nothing is left', () => {
      const bench = aStory();
      expect(bench.answers()).toEqual([]);
      bench.send({ kind: 'recordFailed', task: KEY, revision: 2, failure });
      expect(bench.answers()).toEqual(['diskFull', 'diskFull']);
      expect(bench.supervisor.task(KEY)).toBeUndefined();
    });
  });

  test('an order of an earlier term is refused with staleEpoch', () => {
    const bench = new ScriptedSupervisor().send({ kind: 'presence', epoch: LATER }).send(aRun());
    expect(bench.answers()).toEqual(['staleEpoch']);
    expect(bench.supervisor.task(KEY)).toBeUndefined();
  });

  test('more tasks than the table holds are refused with overloaded', () => {
    const bench = new ScriptedSupervisor();
    for (const taskId of ['a', 'b', 'c', 'd', 'e']) bench.send(aRun(1, { taskId }));
    expect(bench.answers()).toEqual([true, true, true, true, 'overloaded']);
  });
});

describe('the way to running', () => {
  test('a task that starts within a second is never told to be starting', () => {
    const bench = new ScriptedSupervisor().registered().running();
    expect(bench.publishAll()).toEqual(['running']);
  });

  test('a task whose preparation lasts longer than a second is told to be starting', () => {
    const bench = new ScriptedSupervisor().registered().send(aRun()).after(999);
    expect(bench.publishAll()).toEqual([]);
    bench.after(1);
    bench.send({ kind: 'inputsCopied', task: KEY }).send({ kind: 'launched', task: KEY });
    expect(bench.publishAll()).toEqual(['starting', 'running']);
  });

  test('inputs that cannot be copied fail the task before it starts', () => {
    const bench = new ScriptedSupervisor().registered().send(aRun());
    const failure = { code: 'failed', message: 'no object in/1' } as const;
    bench.send({ kind: 'inputsFailed', task: KEY, failure });
    expect(bench.take('publishUpdate')[0]?.update).toMatchObject({
      state: 'failed',
      reason: 'inputsFailed',
      message: 'no object in/1',
    });
    expect(bench.take('launch')).toEqual([]);
  });

  test('no more than eight launches are in flight', () => {
    const many = new ScriptedSupervisor('works', {});
    const keys = Array.from({ length: 20 }, (_, index): TaskKey => `team/fw/t${index}`);
    for (const [index] of keys.entries()) many.send(aRun(index, { taskId: `t${index}` }));
    for (const task of keys) many.send({ kind: 'inputsCopied', task });
    expect(many.take('launch')).toHaveLength(8);
    many.send({ kind: 'launched', task: 'team/fw/t0' });
    expect(many.take('launch').map(({ task }) => task)).toEqual(['team/fw/t8']);
  });
});

describe('ends', () => {
  const anEnd = (outcome: Extract<SupervisorInput, { kind: 'ended' }>['outcome']): unknown => {
    const bench = new ScriptedSupervisor().registered().running();
    bench.publishAll();
    bench.send({ kind: 'ended', task: KEY, outcome });
    return bench.take('publishUpdate')[0]?.update;
  };

  test('exit code 0 is finished', () => {
    expect(anEnd({ state: 'exited', code: 0 })).toMatchObject({
      state: 'finished',
      reason: 'commandExited',
      exitCode: 0,
    });
  });

  test('another exit code is failed', () => {
    expect(anEnd({ state: 'exited', code: 3 })).toMatchObject({
      state: 'failed',
      reason: 'commandExited',
      exitCode: 3,
    });
  });

  test('a signal that nobody here sent is failed', () => {
    expect(anEnd({ state: 'signaled', signal: 'SIGSEGV' })).toMatchObject({
      state: 'failed',
      reason: 'commandSignaled',
      signal: 'SIGSEGV',
    });
  });

  test('the memory limit is told with limit and peak', () => {
    expect(anEnd({ state: 'memoryLimit', limitMib: 32, peakMib: 31 })).toMatchObject({
      state: 'failed',
      reason: 'memoryLimit',
      memory: { limitMib: 32, peakMib: 31 },
    });
  });

  test('a task that is gone without an exit status is failed, exit status unknown', () => {
    expect(anEnd({ state: 'unknown' })).toMatchObject({
      state: 'failed',
      reason: 'exitStatusUnknown',
    });
  });

  test('outputs are copied before the task is told to be finished', () => {
    const bench = new ScriptedSupervisor().registered();
    bench.running({ outputs: [{ object: 'out/1', path: 'out' }] });
    bench.publishAll();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    expect(bench.take('copyOutputs')).toHaveLength(1);
    expect(bench.publishAll()).toEqual([]);
    bench.send({ kind: 'outputsCopied', task: KEY });
    expect(bench.publishAll()).toEqual(['finished']);
  });

  test('outputs that cannot be copied make the task failed', () => {
    const bench = new ScriptedSupervisor().registered();
    bench.running({ outputs: [{ object: 'out/1', path: 'out' }] });
    bench.publishAll();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    const failure = { code: 'failed', message: 'no file out' } as const;
    bench.send({ kind: 'outputsFailed', task: KEY, failure });
    expect(bench.take('publishUpdate')[0]?.update).toMatchObject({
      state: 'failed',
      reason: 'outputsFailed',
      exitCode: 0,
    });
  });

  test('an end that is seen before the launch was answered comes after running', () => {
    const bench = new ScriptedSupervisor()
      .registered()
      .send(aRun())
      .send({ kind: 'inputsCopied', task: KEY });
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    bench.send({ kind: 'launched', task: KEY });
    expect(bench.publishAll()).toEqual(['running', 'finished']);
  });
});

describe('kill orders', () => {
  test('a running task gets SIGTERM, after the grace SIGKILL, and ends as killed', () => {
    const bench = new ScriptedSupervisor().registered().running().send(aKill(2, 2000));
    expect(bench.take('stop').map(({ signal }) => signal)).toEqual(['SIGTERM']);
    expect(bench.after(1999).take('stop')).toEqual([]);
    expect(
      bench
        .after(1)
        .take('stop')
        .map(({ signal }) => signal),
    ).toEqual(['SIGKILL']);
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'unknown' } });
    expect([...new Set(bench.publishAll())]).toEqual(['running', 'killing', 'killed']);
  });

  test("without a grace of its own an order takes the task's", () => {
    const bench = new ScriptedSupervisor().registered().running({ killGraceMs: 500 }).send(aKill());
    expect(
      bench
        .after(500)
        .take('stop')
        .map(({ signal }) => signal),
    ).toEqual(['SIGTERM', 'SIGKILL']);
  });

  test('a repeated order shortens the grace and never lengthens it', () => {
    const bench = new ScriptedSupervisor()
      .registered()
      .running()
      .send(aKill(2, 10_000))
      .send(aKill(3, 60_000));
    bench.send(aKill(4, 100)).send(aKill(5, 10_000));
    expect(
      bench
        .after(100)
        .take('stop')
        .map(({ signal }) => signal),
    ).toEqual(['SIGTERM', 'SIGKILL']);
    expect(bench.answers()).toEqual([true, true, true, true, true]);
  });

  test('a kill while inputs are copied ends the task, which then never starts', () => {
    const bench = new ScriptedSupervisor().registered().send(aRun()).send(aKill());
    bench.send({ kind: 'inputsCopied', task: KEY });
    expect(bench.take('launch')).toEqual([]);
    expect(bench.take('publishUpdate')[0]?.update).toMatchObject({
      state: 'killed',
      reason: 'killedBeforeStart',
    });
  });

  test('a kill during the launch stops the task as soon as it runs', () => {
    const bench = new ScriptedSupervisor()
      .registered()
      .send(aRun())
      .send({ kind: 'inputsCopied', task: KEY });
    expect(bench.send(aKill()).take('stop')).toEqual([]);
    expect(bench.send({ kind: 'launched', task: KEY }).take('stop')).toHaveLength(1);
  });

  test('a kill that comes before its run order ends the task, and the run order is answered', () => {
    const bench = new ScriptedSupervisor().registered().send(aKill()).send(aRun(3));
    expect(bench.answers()).toEqual([true, true]);
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.take('publishUpdate').map(({ update }) => update.reason)).toEqual([
      'killedBeforeStart',
    ]);
  });

  test('on a full disk a task is killed all the same and its end is told', () => {
    const bench = new ScriptedSupervisor('isFull').registered().send(aKill());
    expect(bench.answers()).toEqual([]);
    expect(bench.publishAll()).toEqual(['killed']);
  });
});

describe('status updates', () => {
  test('the next one goes out only after the one before was acknowledged', () => {
    const bench = new ScriptedSupervisor().registered().running();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    const [first] = bench.take('publishUpdate');
    expect(first?.update.state).toBe('running');
    expect(bench.take('publishUpdate')).toEqual([]);
    bench.send({ kind: 'updateAcked', task: KEY, sequence: 1, streamSequence: 10 });
    expect(bench.take('publishUpdate').map(({ update }) => update.state)).toEqual(['finished']);
  });

  test('one that is not acknowledged is sent again, later each time', () => {
    const bench = new ScriptedSupervisor().registered().running();
    bench.take('publishUpdate');
    const sentAfter = [2000, 2000, 2000, 4000].map(
      (durationMs) => bench.after(durationMs).take('publishUpdate').length,
    );
    expect(sentAfter).toEqual([1, 0, 1, 0]);
  });

  test('a task is forgotten only when its terminal update is covered by a watermark', () => {
    const bench = new ScriptedSupervisor().registered().watermark(0).running();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    expect(bench.watermark(100).take('forget')).toEqual([]);
    expect(bench.publishAll()).toEqual(['running', 'finished']);
    expect(bench.watermark(1).take('forget')).toEqual([]);
    expect(bench.watermark(2).take('forget')).toHaveLength(1);
    expect(bench.supervisor.task(KEY)).toBeUndefined();
  });

  test('an end that the leader found damaged is sent again and forgotten only then', () => {
    const bench = new ScriptedSupervisor().registered().watermark(0).running();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    expect(bench.publishAll()).toEqual(['running', 'finished']);
    expect(bench.watermark(2, 7, [2]).take('forget')).toEqual([]);
    bench.after(RESEND_SPREAD_MS);
    expect(bench.publishAll()).toEqual(['finished']);
    // What was damaged stays known; what was written since is another one.
    expect(bench.watermark(3, 7, [2]).take('forget')).toHaveLength(1);
  });

  test('an order for a task that was forgotten is answered and starts nothing', () => {
    const bench = new ScriptedSupervisor().registered().watermark(0).running();
    bench.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
    bench.publishAll();
    bench.watermark(2);
    bench.effects = [];
    expect(bench.send(aRun(9)).send(aKill(10)).answers()).toEqual([true, true]);
    expect(bench.effects).toEqual([]);
  });

  test('what another stream of the same name acknowledged is sent again within a second', () => {
    const bench = new ScriptedSupervisor().registered().watermark(0).running();
    expect(bench.publishAll()).toEqual(['running']);
    bench.watermark(50, 8).after(RESEND_SPREAD_MS);
    expect(bench.publishAll()).toEqual(['running']);
  });

  test('nothing is sent without a connection, and what waits goes within a second of a new one', () => {
    const bench = new ScriptedSupervisor().registered().send({ kind: 'disconnected' }).running();
    expect(bench.after(60_000).take('publishUpdate')).toEqual([]);
    bench.send({ kind: 'connected' }).after(RESEND_SPREAD_MS);
    expect(bench.take('publishUpdate')).toHaveLength(1);
  });
});

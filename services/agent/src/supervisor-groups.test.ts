// Tests of the rules for groups of tasks, one at a time. What holds for any order of events is in
// supervisor.property.test.ts.
import { describe, expect, test } from 'vitest';
import { aGroup, aKillOf, keyOf, ScriptedSupervisor } from './scripted-supervisor.ts';

const GROUP = ['a', 'b', 'c'];
const aBench = (): ScriptedSupervisor =>
  new ScriptedSupervisor('works', { tasks: 100 }).registered();
const isRunning = { state: 'running' } as const;

describe('a group is accepted as a whole', () => {
  test('nothing is answered or prepared before every description is on the disk', () => {
    const bench = new ScriptedSupervisor('isSlow').send(aGroup(GROUP));
    bench.send({ kind: 'recorded', task: keyOf('a'), revision: 1 });
    bench.send({ kind: 'recorded', task: keyOf('b'), revision: 1 });
    expect(bench.answers()).toEqual([]);
    expect(bench.take('copyInputs')).toEqual([]);
    bench.send({ kind: 'recorded', task: keyOf('c'), revision: 1 });
    expect(bench.answers()).toEqual([true]);
    expect(bench.take('copyInputs').map(({ ref }) => ref.taskId)).toEqual(GROUP);
  });

  test('when one description cannot be recorded the group is refused and none of it is kept', () => {
    const bench = new ScriptedSupervisor('isSlow').send(aGroup(GROUP));
    const failure = { code: 'diskFull', message: 'no space' } as const;
    bench.send({ kind: 'recorded', task: keyOf('a'), revision: 1 });
    bench.send({ kind: 'recordFailed', task: keyOf('b'), revision: 1, failure });
    expect(bench.answers()).toEqual([]);
    bench.send({ kind: 'recorded', task: keyOf('c'), revision: 1 });
    expect(bench.answers()).toEqual(['diskFull']);
    expect(bench.take('forget').map(({ ref }) => ref.taskId)).toEqual(GROUP);
    expect([...bench.supervisor.tasks()]).toEqual([]);
  });

  test('a group that does not fit into the table is refused as a whole', () => {
    const bench = new ScriptedSupervisor('works', { tasks: 2 }).send(aGroup(GROUP));
    expect(bench.answers()).toEqual(['overloaded']);
    expect([...bench.supervisor.tasks()]).toEqual([]);
  });

  test('a repeated order is answered again and starts nothing', () => {
    const bench = aBench().runningGroup(GROUP);
    bench.effects = [];
    expect(bench.send(aGroup(GROUP, 2)).answers()).toEqual([true]);
    expect(bench.effects).toEqual([]);
  });

  test('a group in which a task has no command is refused with invalidTask', () => {
    const bench = aBench().send(aGroup(GROUP, 1, { command: undefined }));
    expect(bench.answers()).toEqual(['invalidTask']);
  });

  test('updates of its tasks name the executor of the group', () => {
    const bench = aBench().runningGroup(['a']);
    expect(bench.take('publishUpdate')[0]?.update).toMatchObject({ executorId: 'pod' });
  });
});

describe('a group starts as a whole', () => {
  test('no task is launched before all are prepared', () => {
    const bench = aBench().send(aGroup(GROUP));
    bench.send({ kind: 'inputsCopied', task: keyOf('a') });
    bench.send({ kind: 'inputsCopied', task: keyOf('c') });
    expect(bench.take('launch')).toEqual([]);
    bench.send({ kind: 'inputsCopied', task: keyOf('b') });
    expect(bench.take('launch')).toHaveLength(3);
  });

  test('when the inputs of one cannot be copied none is launched', () => {
    const bench = aBench().send(aGroup(GROUP));
    bench.send({ kind: 'inputsCopied', task: keyOf('a') });
    const failure = { code: 'failed', message: 'no object' } as const;
    bench.send({ kind: 'inputsFailed', task: keyOf('b'), failure });
    bench.send({ kind: 'inputsCopied', task: keyOf('c') });
    expect(bench.take('launch')).toEqual([]);
    expect(bench.ends(...GROUP)).toEqual([
      ['killed', 'groupMemberEnded'],
      ['failed', 'inputsFailed'],
      ['killed', 'groupMemberEnded'],
    ]);
  });

  test('a kill before the launch ends the whole group without starting anything', () => {
    const bench = aBench().send(aGroup(GROUP)).send(aKillOf('b'));
    for (const taskId of GROUP) bench.send({ kind: 'inputsCopied', task: keyOf(taskId) });
    expect(bench.take('launch')).toEqual([]);
    expect(bench.ends(...GROUP)).toEqual([
      ['killed', 'groupMemberEnded'],
      ['killed', 'killedBeforeStart'],
      ['killed', 'groupMemberEnded'],
    ]);
  });

  test('a kill that comes before the order of the group ends the whole group', () => {
    const bench = aBench().send(aKillOf('b')).send(aGroup(GROUP, 3));
    expect(bench.answers()).toEqual([true, true]);
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.ends(...GROUP)).toEqual([
      ['killed', 'groupMemberEnded'],
      ['killed', 'killedBeforeStart'],
      ['killed', 'groupMemberEnded'],
    ]);
  });

  test('a kill that was forgotten before the order of the group came ends the rest', () => {
    const bench = aBench().watermark(0).send(aKillOf('b'));
    bench.publishAll();
    bench.watermark(1).send(aGroup(GROUP, 3));
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.ends('a', 'c')).toEqual([
      ['killed', 'groupMemberEnded'],
      ['killed', 'groupMemberEnded'],
    ]);
  });
});

describe('a group ends as a whole', () => {
  test('one that ends as failed takes the others with it', () => {
    const bench = aBench().runningGroup(GROUP);
    bench.send({ kind: 'ended', task: keyOf('a'), outcome: { state: 'exited', code: 1 } });
    expect(bench.take('stop').map(({ ref, signal }) => [ref.taskId, signal])).toEqual([
      ['b', 'SIGTERM'],
      ['c', 'SIGTERM'],
    ]);
    for (const taskId of ['b', 'c']) {
      bench.send({ kind: 'ended', task: keyOf(taskId), outcome: { state: 'unknown' } });
    }
    expect(bench.ends(...GROUP)).toEqual([
      ['failed', 'commandExited'],
      ['killed', 'groupMemberEnded'],
      ['killed', 'groupMemberEnded'],
    ]);
  });

  test('one that is killed takes the others with it', () => {
    const bench = aBench().runningGroup(GROUP).send(aKillOf('b'));
    expect(
      bench
        .take('stop')
        .map(({ ref }) => ref.taskId)
        .toSorted(),
    ).toEqual(GROUP);
  });

  test('one that finishes leaves the others alone', () => {
    const bench = aBench().runningGroup(GROUP);
    bench.send({ kind: 'ended', task: keyOf('a'), outcome: { state: 'exited', code: 0 } });
    expect(bench.take('stop')).toEqual([]);
    expect(bench.supervisor.task(keyOf('b'))?.phase).toBe('running');
  });

  test('a finished one is kept until all of its group is over', () => {
    const bench = aBench().watermark(0).runningGroup(['a', 'b']);
    bench.send({ kind: 'ended', task: keyOf('a'), outcome: { state: 'exited', code: 0 } });
    bench.publishAll();
    expect(bench.watermark(100).take('forget')).toEqual([]);
    bench.send({ kind: 'ended', task: keyOf('b'), outcome: { state: 'exited', code: 0 } });
    bench.publishAll();
    expect(bench.watermark(100).take('forget')).toHaveLength(2);
  });
});

describe('a group after a restart of the agent', () => {
  test('a group that was recorded only in part waits for its order, and then starts', () => {
    const before = aBench().send(aGroup(GROUP));
    before.disk.delete(keyOf('c'));
    const bench = before.restarted();
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.send(aGroup(GROUP)).answers()).toEqual([true]);
    expect(bench.take('copyInputs').map(({ ref }) => ref.taskId)).toEqual(GROUP);
  });

  test('a group that was accepted goes on by itself', () => {
    const bench = aBench().send(aGroup(GROUP)).restarted();
    expect(bench.take('copyInputs').map(({ ref }) => ref.taskId)).toEqual(GROUP);
  });

  test('a task that died meanwhile takes the others with it', () => {
    const before = aBench().runningGroup(['a', 'b']);
    const bench = before.restarted({
      [keyOf('a')]: isRunning,
      [keyOf('b')]: { state: 'exited', code: 7 },
    });
    expect(bench.take('stop').map(({ ref }) => ref.taskId)).toEqual(['a']);
  });

  test('one that was killed while the agent was away from its group ends the rest', () => {
    const before = aBench()
      .send(aGroup(['a', 'b']))
      .send(aKillOf('a'));
    const bench = before.restarted();
    expect(bench.take('copyInputs')).toEqual([]);
    expect(bench.ends('a', 'b')).toEqual([
      ['killed', 'killedBeforeStart'],
      ['killed', 'groupMemberEnded'],
    ]);
  });
});

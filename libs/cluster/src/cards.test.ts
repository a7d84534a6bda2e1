// Tests the report card of a framework: what is counted, how medians are read, and when it is forgotten.
import { beforeEach, describe, expect, test } from 'vitest';
import { medianLaunchDelayMs, medianTaskMs } from './cards.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  aTask,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';

const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(4), { settings: { tombstonesMs: 1000, endedTasksMs: 0 } });
});

const card = () => cluster.state.cards.get('alice/f1');

describe('a report card', () => {
  test('counts offers by their end and how long they were held', () => {
    cluster.offer(framework, some(1));
    cluster.agentSilent();
    cluster.register(anAgentId(), some(4));
    const accepted = cluster.offer(framework, some(1));
    cluster.nowMs += 300;
    cluster.accept(framework, [accepted], [aTask('t1')]);
    const declined = cluster.offer(framework, some(1));
    cluster.nowMs += 200;
    cluster.frameworkCall(framework, { verb: 'decline', body: { offerIds: [declined] } });
    expect(card()).toMatchObject({
      offered: 3,
      accepted: 1,
      declined: 1,
      rescinded: 1,
      expired: 0,
      holdingMs: 500,
      launched: 1,
    });
  });

  test('counts tasks by their end, their length and the time that it took to start them', () => {
    const task = cluster.launch(framework, 't1');
    cluster.nowMs += 20;
    cluster.update(task, 'running');
    cluster.nowMs += 1000;
    cluster.update(task, 'finished');
    const never = cluster.launch(framework, 't2');
    cluster.update(never, 'failed');
    expect(card()).toMatchObject({ launched: 2, ended: { finished: 1, failed: 1 } });
    expect(card()?.launchDelays.indexOf(1)).toBe(4);
    expect(card()?.taskLengths.indexOf(1)).toBe(9);
    expect(card()?.taskLengths.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  test('gives medians as the upper bound of their bucket', () => {
    expect(medianTaskMs({ taskLengths: [] })).toBeUndefined();
    expect(medianTaskMs({ taskLengths: [0, 0, 1] })).toBe(8);
    expect(medianTaskMs({ taskLengths: [2, 0, 1] })).toBe(2);
    const delays = [{ launchDelays: [1] }, { launchDelays: [0, 0, 0, 2] }];
    expect(medianLaunchDelayMs(delays)).toBe(16);
  });

  test('outlives its framework as long as the tombstone does', () => {
    cluster.subscribe(framework);
    const before = card();
    cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    expect(card()).toEqual(before);
    cluster.pass(1000);
    expect(card()).toBeUndefined();
  });

  test('of a removed framework with a task stays until that has ended, though its tombstone went', () => {
    const task = cluster.launch(framework, 't1');
    cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    cluster.pass(1000);
    expect(card()).toBeDefined();
    cluster.update(task, 'killed');
    expect(card()).toBeUndefined();
  });
});

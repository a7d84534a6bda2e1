// Owns the scenarios of frameworks that are away: for how long their tasks go on, and who may speak for them then.
// Mesos docs, "Designing highly available frameworks".
import { frameworkKey } from '@parley/protocol/ids';
import { aTask, type Scenario } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

const refusedWith = ({ stopped }: ScriptedFramework, code: string): boolean =>
  stopped?.kind === 'refused' && stopped.failure.code === code;

export const failover: Scenario = {
  name: 'S15',
  about:
    'without a failover timeout a silent framework is removed and its tasks killed, with a long one they go on',
  options: { agents: 2, leaderChanges: true },
  play: async (scene) => {
    const brief = scene.framework('brief', { failoverTimeoutMs: 0 });
    const task = await scene.launch(
      brief,
      aTask('t1', {
        kind: 'stubborn',
        durationMs: 3600_000,
        killGraceMs: scene.random.pick([0, 5000]),
      }),
    );
    for (const held of brief.held.values()) brief.decline([held], 3600_000);
    const long = scene.framework('long');
    const kept = await scene.launch(long, aTask('t2'));
    await scene.until('both run', () => scene.runs(brief, task) && scene.runs(long, kept));
    brief.crash();
    long.crash();
    await scene.until(
      'the brief one is removed',
      () => scene.leader?.state?.tombstones.has(frameworkKey(brief.ref)) === true,
    );
    await scene.until('its task is killed', () => scene.booked(brief, task) === 'killed');
    scene.must('and runs no more', !scene.runs(brief, task));
    await scene.pause(0, 60_000);
    scene.must('the task of the other one goes on', scene.runs(long, kept));
    brief.start();
    await scene.until('it may not come back', () => refusedWith(brief, 'frameworkRemoved'));
    long.start();
    await scene.until('the other one is back', () => long.session?.phase === 'subscribed');
    const successor = scene.framework('long', {}, 't');
    await scene.until('its successor is there', () => successor.session?.phase === 'subscribed');
    await scene.until('the old session is refused', () => refusedWith(long, 'sessionReplaced'));
    successor.kill(kept.taskId);
    await scene.until('the successor has its tasks', () => successor.isTold(kept.taskId, 'killed'));
  },
};

export const doubleFailure: Scenario = {
  name: 'S16',
  about:
    'framework and master fail together: tasks go on until the deadline, and the removed id stays removed',
  options: { agents: 1, leaderChanges: true },
  play: async (scene) => {
    const failoverTimeoutMs = scene.random.between(20_000, 90_000);
    const framework = scene.framework('f1', { failoverTimeoutMs });
    const task = await scene.launch(framework, aTask('t1'));
    await scene.until('it runs', () => framework.isTold(task.taskId, 'running'));
    framework.crash();
    await scene.pause(0, 500);
    scene.crashLeader();
    const key = frameworkKey(framework.ref);
    const about = (type: 'frameworkDisconnected' | 'frameworkRemoved') =>
      scene.happened((event) => event.type === type && frameworkKey(event.framework) === key);
    await scene.until('it is found silent', () => about('frameworkDisconnected') !== undefined);
    await scene.pause(0, failoverTimeoutMs / 2);
    scene.must('its task goes on', scene.runs(framework, task));
    scene.crashLeader();
    await scene.until(
      'it is removed',
      () => about('frameworkRemoved') !== undefined,
      2 * failoverTimeoutMs + 600_000,
    );
    const waitedMs = (about('frameworkRemoved') ?? 0) - (about('frameworkDisconnected') ?? 0);
    scene.must(
      `not before its time (${waitedMs} of ${failoverTimeoutMs} ms)`,
      waitedMs >= failoverTimeoutMs - 10,
    );
    await scene.until('its task is killed', () => scene.booked(framework, task) === 'killed');
    scene.crashLeader();
    await scene.pause(0, 20_000);
    framework.start();
    await scene.until('its id stays removed', () => refusedWith(framework, 'frameworkRemoved'));
  },
};

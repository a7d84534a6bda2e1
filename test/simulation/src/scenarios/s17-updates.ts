// Owns the scenario of status updates whose stream and whose acknowledgements fail: none is lost, none is handled twice.
import { frameworkKey, type TaskKey, taskKey } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription } from '@parley/protocol/tasks';
import { aTask, type Scenario, type Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

const FIRST_RETRY_MS = 2000;
const MAX_RETRY_MS = 30_000;
/** Of one update, with acknowledgements lost one time in two. */
const MANY_TRIES_MS = 20 * MAX_RETRY_MS;

export const updatesAgain: Scenario = {
  name: 'S17',
  about:
    'updates get through a stream that refuses and acknowledgements that are lost, in order and once; retries back off',
  options: { agents: 1, leaderChanges: true },
  play: async (scene) => {
    const framework = scene.framework('f1');
    const stream = scene.world.updates(framework.ref.principal);
    const kinds = ['works', 'fails', 'works'] as const;
    const tasks: TaskDescription[] = [];
    for (const [index, kind] of kinds.entries()) {
      const durationMs = scene.random.between(0, 20_000);
      tasks.push(await scene.launch(framework, aTask(`t${index}`, { kind, durationMs })));
    }
    await scene.pause(0, 2000);
    stream.refuse(true);
    const fromMs = scene.world.clock.nowMs;
    await scene.pause(5000, 200_000);
    stream.refuse(false);
    checkBackOff(scene, framework, fromMs);
    await scene.pause(0, 5000);
    framework.loseAcknowledgements(0.5);
    const isOver = () =>
      tasks.every(({ taskId }, index) =>
        framework.isTold(taskId, kinds[index] === 'fails' ? 'failed' : 'finished'),
      );
    await scene.until('every task is told to have ended', isOver, MANY_TRIES_MS);
    framework.loseAcknowledgements(0.5);
    await scene.pause(1000, 5000);
    for (const task of tasks)
      checkOrder(scene, framework, taskKey({ ...framework.ref, taskId: task.taskId }));
    await scene.until('everything is acknowledged again', () => {
      const acknowledged = scene.world.consumer(frameworkKey(framework.ref));
      return stream.messages.every(({ sequence }) => acknowledged.has(sequence));
    });
  },
};

/** Each state was handled once, and in the order of the stream. */
function checkOrder(scene: Scene, framework: ScriptedFramework, key: TaskKey): void {
  const told = framework.updates.filter(
    ({ task, reason }) => taskKey(task) === key && reason !== 'reconciliation',
  );
  const steps = told.map(({ source, sequence }) => `${source}:${sequence}`);
  scene.must(`${key} is told each step once: ${steps}`, new Set(steps).size === steps.length);
  const sequences = told.filter(({ source }) => source === 'agent').map(({ sequence }) => sequence);
  const isAscending = sequences.every(
    (sequence, index) => index === 0 || sequence > (sequences[index - 1] ?? 0),
  );
  scene.must(`${key} is told its steps in order`, isAscending);
}

/** Of each update of the agent: the time from one try to the next grows, up to a limit. */
function checkBackOff(scene: Scene, framework: ScriptedFramework, fromMs: number): void {
  const tries = new Map<string, number[]>();
  const { cluster } = scene.world;
  for (const { atMs, subject, bytes } of scene.world.updates(framework.ref.principal).attempts) {
    const message = decodeMessage(SUBJECTS.update, cluster, subject, bytes);
    if (!message.ok || message.value.body.source !== 'agent' || atMs < fromMs) continue;
    const { task, sequence } = message.value.body;
    const key = `${taskKey(task)} ${sequence}`;
    tries.set(key, [...(tries.get(key) ?? []), atMs]);
  }
  for (const [key, times] of tries) {
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    const isGrowing = gaps.every(
      (gap, index) => index === 0 || gap >= Math.min(MAX_RETRY_MS, 1.5 * (gaps[index - 1] ?? 0)),
    );
    const isBounded = gaps.every((gap) => gap >= FIRST_RETRY_MS && gap <= MAX_RETRY_MS + 10);
    scene.must(`${key} is tried less and less often: ${gaps}`, isGrowing && isBounded);
  }
}

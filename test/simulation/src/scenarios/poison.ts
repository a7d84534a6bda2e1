// Owns the scenario of calls that make the core throw: leader and standbys leave them out, each of them once, and go on.
import { aTask, type Scenario, type Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';
import { POISON } from '../simulated-core.ts';

export const poison: Scenario = {
  name: 'poison',
  about:
    'a call that makes the core throw is answered so whoever leads, no master ends by it, and the rest goes on',
  options: { agents: 1, leaderChanges: true },
  play: async (scene) => {
    const poisoner = scene.framework('f1');
    const other = scene.framework('f2');
    const task = await scene.launch(other, aTask('t1'));
    await scene.until('it runs', () => other.isTold(task.taskId, 'running'));
    const rounds = scene.random.between(1, 3);
    for (let round = 1; round <= rounds; round += 1) await poisonOnce(scene, poisoner);
    scene.must(
      `the books leave ${rounds} calls out`,
      scene.world.witness.replica.skips.length >= rounds,
    );
    scene.must('the task of the other one runs', scene.runs(other, task));
    const later = await scene.launch(poisoner, aTask('t2'));
    await scene.until('tasks of the one who did it run', () => scene.runs(poisoner, later));
    for (const master of scene.masters) master.start();
    await scene.until('every master has stepped all of it', () => scene.areAllLevel());
  },
};

/** Now and then the leader ends at that moment, and who comes after meets it again. */
async function poisonOnce(scene: Scene, framework: ScriptedFramework): Promise<void> {
  const before = framework.refusals.length;
  framework.demand(POISON);
  await scene.pause(0, 300);
  if (scene.random.chance(0.4)) scene.crashLeader();
  await scene.until('it is refused', () => framework.refusals.length > before);
  scene.must('as a defect', framework.refusals.at(-1)?.code === 'internalError');
  framework.demand(undefined);
  await scene.pause(0, 3000);
}

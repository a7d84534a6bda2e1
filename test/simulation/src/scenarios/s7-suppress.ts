// Owns the scenario of suppress and revive. Mesos docs, "Scheduler HTTP API", SUPPRESS, REVIVE.
import { frameworkKey, RoleName } from '@parley/protocol/ids';
import type { Scenario, Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

export const suppressed: Scenario = {
  name: 'S7',
  about: 'suppress is per role and leaves outstanding offers alone; revive ends filters',
  options: { agents: 2, leaderChanges: false, keepsFilters: true },
  play: async (scene) => {
    const [eng, ops] = [RoleName.parse('eng'), RoleName.parse('ops')];
    const framework = scene.framework('f1', { roles: [eng, ops], offerTimeoutMs: 3600_000 });
    const key = frameworkKey(framework.ref);
    const isSuppressed = (role: RoleName) =>
      scene.leader?.state?.frameworks
        .get(key)
        ?.roles.some((one) => one.role === role && one.isSuppressed) === true;
    const holdsBoth = () => framework.held.size === 2;
    await scene.until('both agents are offered', holdsBoth);
    framework.interest('suppress', [eng]);
    await scene.until('eng is suppressed', () => isSuppressed(eng));
    await scene.pause(1000, 20_000);
    scene.must('outstanding offers stay', holdsBoth() && framework.rescinded.size === 0);
    const before = framework.seen.length;
    framework.decline([...framework.held.values()], 0);
    await scene.until('both are offered for the other role', holdsBoth);
    const after = framework.seen.slice(before);
    scene.must(
      'nothing is offered for eng',
      after.every(({ offer }) => offer.role === ops),
    );
    await refuseAll(scene, framework);
    const ofRoleFrom = framework.seen.length;
    framework.interest('revive', [ops]);
    await scene.until('a revive ends the filters of its role', holdsBoth, 30_000);
    const revived = framework.seen.slice(ofRoleFrom);
    scene.must(
      'and of no other',
      revived.every(({ offer }) => offer.role === ops),
    );
    await refuseAll(scene, framework);
    framework.interest('revive');
    await scene.until('a revive of all ends the suppression', holdsBoth, 30_000);
    await refuseAll(scene, framework);
    framework.interest('revive');
    await scene.until('and all filters', holdsBoth, 30_000);
    scene.must('eng is not suppressed', !isSuppressed(eng));
  },
};

/** For longer than the scenario lasts, in every role, until nothing is offered any more. */
async function refuseAll(scene: Scene, framework: ScriptedFramework): Promise<void> {
  for (let seen = -1; seen !== framework.seen.length; ) {
    seen = framework.seen.length;
    framework.decline([...framework.held.values()], 3600_000);
    await scene.pause(6000, 12_000);
  }
}

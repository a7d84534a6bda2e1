// Owns the scenarios in which an accept and the end of its offer cross: one outcome, and the framework is told it.
import { taskKey } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { aTask, type Scenario, type Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

const AGENT_SILENCE_MS = 75_000;

export const acceptAndRescind: Scenario = {
  name: 'S8',
  about: 'an accept that crosses a rescind has one outcome, and the framework learns it',
  options: { agents: 1, leaderChanges: true },
  play: async (scene) => {
    const isSilence = scene.random.chance(0.4);
    const timeoutMs = isSilence ? 300_000 : scene.random.pick([500, 2000]);
    const framework = scene.framework('f1', { offerTimeoutMs: timeoutMs });
    const agent = scene.agent(0);
    const task = aTask('t1');
    let acceptId: number | undefined;
    while (acceptId === undefined) {
      const offer = await scene.offerOf(framework);
      const waitMs = isSilence ? AGENT_SILENCE_MS : timeoutMs;
      if (isSilence) scene.cut(agent);
      await scene.elapse(
        Math.max(
          0,
          waitMs + scene.random.between(-timeoutMs / (isSilence ? 40 : 2), isSilence ? 8000 : 100),
        ),
      );
      if (framework.held.has(offer.offerId))
        acceptId = framework.accept({ offers: [offer], launches: [task] });
      else scene.mend(agent);
    }
    const id = acceptId;
    await scene.until('it is told the outcome', () => framework.outcomes.has(id));
    await scene.pause(0, 5000);
    scene.mend(agent);
    await settleTask(scene, framework, task, isLaunched(framework, id, task));
  },
};

/** As the framework was told. */
function isLaunched(
  framework: ScriptedFramework,
  id: number,
  { taskId }: TaskDescription,
): boolean {
  const outcome = framework.outcomes.get(id);
  return outcome?.ok === true && outcome.value.launched.includes(taskId);
}

/** A launched task runs and can be killed, one that was not is dropped; the books agree. */
async function settleTask(
  scene: Scene,
  framework: ScriptedFramework,
  task: TaskDescription,
  launched: boolean,
): Promise<void> {
  const { taskId } = task;
  const key = taskKey({ ...framework.ref, taskId });
  scene.must('the books say what it was told', scene.world.witness.wasLaunched(key) === launched);
  if (launched) {
    await scene.until(`${taskId} runs`, () => framework.isTold(taskId, 'running'), 300_000);
    framework.kill(taskId);
    await scene.until(`${taskId} is killed`, () => framework.isTold(taskId, 'killed'));
    return;
  }
  await scene.until(`${taskId} is told to be dropped`, () => framework.isTold(taskId, 'dropped'));
  const [outcome] = framework.outcomes.values();
  // The session tells a failed accept by itself; that the leader wrote it down, too, is for whoever comes after it.
  if (outcome?.ok || outcome?.failure.code === 'invalidOffers')
    await scene.until('the books say so, too', () => scene.booked(framework, task) === 'dropped');
  scene.must(`${taskId} never starts`, !scene.world.starts.has(key));
}

export const oneStale: Scenario = {
  name: 'S9',
  about: 'of two offers one is stale: what is valid is used, and all or nothing means nothing',
  options: { agents: 2, leaderChanges: true },
  play: async (scene) => {
    const framework = scene.framework('f1', { offerTimeoutMs: 3600_000 });
    const atomic = scene.random.chance(0.5);
    const [one, two] = [aTask('t1'), aTask('t2')];
    const [a, b] = [scene.agent(0), scene.agent(1)];
    let raced: { id: number; stale: string } | undefined;
    while (raced === undefined) {
      const offers = [await scene.offerOf(framework, a), await scene.offerOf(framework, b)];
      scene.operator.change(b.agentId, 'deactivate');
      await scene.pause(0, 2 * scene.world.faults.maxDelayMs);
      if (offers.every(({ offerId }) => framework.held.has(offerId))) {
        const launch = (task: TaskDescription, { agentId }: { agentId: typeof a.agentId }) => ({
          kind: 'launch' as const,
          agentId,
          tasks: [task],
        });
        const operations = [launch(one, a), launch(two, b)];
        const id = framework.accept({ offers, operations, atomic, filter: { refuseMs: 0 } });
        raced = { id, stale: offers[1]?.offerId ?? '' };
      } else {
        await scene.until(
          'it is out of service',
          () => scene.leader?.state?.agents.get(b.agentId)?.isDeactivated === true,
        );
        scene.operator.change(b.agentId, 'reactivate');
      }
    }
    const { id, stale } = raced;
    await scene.until('it is told the outcome', () => framework.outcomes.has(id));
    const launched = [isLaunched(framework, id, one), isLaunched(framework, id, two)] as const;
    checkUse(scene, framework.outcomes.get(id), { atomic, stale, launched });
    await settleTask(scene, framework, one, launched[0]);
    await settleTask(scene, framework, two, launched[1]);
    await scene.offerOf(framework, a);
  },
};

function checkUse(
  scene: Scene,
  outcome: ReturnType<ScriptedFramework['outcomes']['get']>,
  {
    atomic,
    stale,
    launched,
  }: { atomic: boolean; stale: string; launched: readonly [boolean, boolean] },
): void {
  // A session that ended meanwhile has other outcomes.
  const code = outcome?.ok === false ? outcome.failure.code : undefined;
  if (code === 'notSubscribed' || code === 'sessionReplaced') return;
  if (atomic) {
    scene.must('both or none are launched', launched[0] === launched[1]);
    scene.must('none for want of an offer only', launched[0] || code === 'invalidOffers');
    return;
  }
  scene.must('what is valid is used', launched[0]);
  const told = outcome?.ok === true ? outcome.value.staleOffers : [];
  scene.must('the stale offer is named', launched[1] || told.some((offerId) => offerId === stale));
}

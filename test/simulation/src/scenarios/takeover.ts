// Owns the scenario of leaders that end in every way there is: whatever was on its way is not lost, and not done twice.
import type { OfferId } from '@parley/protocol/ids';
import type { MasterProcess } from '../master-process.ts';
import { aTask, type Scenario, type Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

/** Far above the lease: a candidate that was cut off with the leader may need all of it, and some tries. */
const LED_AGAIN_MS = 300_000;
const ENDS = ['killed', 'hung', 'stopped', 'steppedDown', 'cutOff', 'deafened', 'robbed'] as const;
type End = (typeof ENDS)[number];

export const takeover: Scenario = {
  name: 'takeover',
  about:
    'however a leader ends, an offer from before is used after it, tasks go on, and what was asked for meanwhile is done once',
  options: { agents: 2, leaderChanges: false, keepsFilters: true },
  play: async (scene) => {
    const framework = scene.framework('f1', { offerTimeoutMs: 3600_000 });
    const [a, b] = [scene.agent(0), scene.agent(1)];
    const running = await scene.launch(framework, aTask('running'), a);
    await scene.until('it runs', () => framework.isTold(running.taskId, 'running'));
    const rounds = scene.random.between(1, 3);
    for (let round = 1; round <= rounds; round += 1) {
      const offer = await scene.offerOf(framework, b);
      const end = scene.random.pick(ENDS);
      const isAsked = scene.random.chance(0.5);
      const order = { offers: [offer], launches: [aTask(`t${round}`)], filter: { refuseMs: 0 } };
      const early = isAsked ? framework.accept(order) : undefined;
      if (isAsked) await scene.pause(0, 10);
      const goesOn = await endLeader(scene, end);
      if (!isAsked) mustHold(scene, framework, offer.offerId, end);
      const id = early ?? framework.accept(order);
      await scene.until('the accept is answered', () => framework.outcomes.has(id), LED_AGAIN_MS);
      scene.must(
        `an offer from before the leader was ${end} is used`,
        framework.outcomes.get(id)?.ok === true,
      );
      await scene.until(`task ${round} runs`, () => scene.runs(framework, aTask(`t${round}`)));
      scene.must('the other one still does', scene.runs(framework, running));
      goesOn();
      await scene.pause(1000, 10_000);
    }
    await scene.until('all masters are level', () => scene.areAllLevel());
  },
};

/** Below the time after which a leader that could not renew its lease says nothing more. */
const HELD_UP_MS = 14_000;

export const overtaken: Scenario = {
  name: 'overtaken',
  about:
    'a leader that was held up goes on with an order that nobody has answered: whoever has heard of a later term refuses it',
  options: { agents: 1, leaderChanges: false, keepsFilters: true },
  play: async (scene) => {
    const framework = scene.framework('f1', { offerTimeoutMs: 3600_000 });
    const agent = scene.agent(0);
    const offer = await scene.offerOf(framework);
    const { leader } = scene;
    if (leader === undefined) throw new Error('nobody leads');
    scene.cut(agent);
    const task = aTask('t1');
    const id = framework.accept({ offers: [offer], launches: [task] });
    await scene.until('the accept is answered', () => framework.outcomes.has(id));
    await scene.pause(0, 4000);
    leader.pause();
    const sinceMs = scene.world.clock.nowMs;
    scene.mend(agent);
    const terms = scene.world.witness.terms;
    await scene.until('a later term begins', () => scene.world.witness.terms > terms, LED_AGAIN_MS);
    await scene.until('its order is carried out', () => scene.runs(framework, task));
    const leftMs = HELD_UP_MS - (scene.world.clock.nowMs - sinceMs);
    if (leftMs > 0) await scene.pause(0, leftMs / 4);
    leader.goOn();
    await scene.pause(1000, 10_000);
    scene.must('it runs, once', scene.runs(framework, task));
    await scene.until('all masters are level', () => scene.areAllLevel());
  },
};

function mustHold(scene: Scene, framework: ScriptedFramework, offerId: OfferId, end: End): void {
  scene.must(
    `no offer is taken back because a leader was ${end}`,
    !framework.rescinded.has(offerId),
  );
}

/** Until somebody leads a later term. The value ends what was done to the one before. */
async function endLeader(scene: Scene, end: End): Promise<() => void> {
  await scene.until('somebody leads', () => scene.leader !== undefined);
  const { leader } = scene;
  if (leader === undefined) throw new Error('somebody just did');
  const terms = scene.world.witness.terms;
  const goesOn = harm(scene, leader, end);
  await scene.until('a later term begins', () => scene.world.witness.terms > terms, LED_AGAIN_MS);
  return goesOn;
}

function harm(scene: Scene, leader: MasterProcess, end: End): () => void {
  const { bus, leases } = scene.world;
  const startsAgain = () => leader.start();
  switch (end) {
    case 'killed':
      leader.crash();
      return startsAgain;
    case 'hung':
      leader.pause();
      return () => leader.goOn();
    case 'stopped':
      leader.stop();
      return startsAgain;
    case 'steppedDown':
      scene.operator.stepDown();
      return () => undefined;
    case 'cutOff':
    case 'deafened':
      bus.cut(leader.name, end === 'cutOff' ? 'both' : 'in');
      return () => bus.mend(leader.name);
    default:
      leases.free('master');
      return () => undefined;
  }
}

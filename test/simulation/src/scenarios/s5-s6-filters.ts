// Owns the scenarios of refused offers: who is offered them again and when. Mesos docs, "Scheduler HTTP API", Filters.
import { frameworkKey } from '@parley/protocol/ids';
import { aTask, type Scenario, type Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

const CALM = { agents: 1, leaderChanges: false, keepsFilters: true } as const;

export const declined: Scenario = {
  name: 'S5',
  about:
    'what is declined comes back after the refuse time, goes to others at once, and without a filter at once',
  options: CALM,
  play: async (scene) => {
    const first = scene.framework('f1');
    const offer = await scene.offerOf(first);
    const second = scene.framework('f2');
    await scene.until('both are subscribed', () => second.session?.phase === 'subscribed');
    await scene.pause(0, 3000);
    const refuseMs = scene.random.between(3000, 9000);
    const declinedMs = scene.world.clock.nowMs;
    first.decline([offer], refuseMs);
    const reoffered = () => first.seen.find(({ atMs }) => atMs > declinedMs)?.atMs;
    // The other one gives it back again and again, without a filter: it is offered anew each time, and alone.
    while (scene.world.clock.nowMs < declinedMs + refuseMs && reoffered() === undefined) {
      const other = await scene.offerOf(second);
      await scene.pause(0, 500);
      second.decline([other], 0);
    }
    second.interest('suppress');
    await scene.until('the other one is quiet', () => {
      for (const held of second.held.values()) second.decline([held], 0);
      return reoffered() !== undefined;
    });
    const waitedMs = (reoffered() ?? 0) - declinedMs;
    scene.must(`the refused is back not before ${refuseMs} ms (${waitedMs})`, waitedMs >= refuseMs);
    atOnce(scene, second, declinedMs);
  },
};

/** From a decline that blocks nobody, or blocks another, to the next offer: some messages, no clock. */
function atOnce(scene: Scene, { ref }: ScriptedFramework, sinceMs: number): void {
  const { events, faults } = scene.world;
  const limitMs = 100 + 6 * (faults.maxDelayMs + 1);
  for (const [index, { atMs, event }] of events.entries()) {
    if (event.type !== 'offerDeclined' || atMs < sinceMs) continue;
    const next = events.slice(index).find((later) => later.event.type === 'offerMade');
    if (next?.event.type !== 'offerMade') continue;
    if (frameworkKey(next.event.framework) !== frameworkKey(ref)) continue;
    scene.must(`it is offered at once (${next.atMs - atMs} ms)`, next.atMs - atMs <= limitMs);
  }
}

/** An offer that got lost on its way is rescinded and made again; the filter would hold for an hour. */
const LOST_OFFER_MS = 60_000;

export const grown: Scenario = {
  name: 'S6',
  about: 'an agent that has more free than was refused is offered in spite of the filter',
  options: CALM,
  play: async (scene) => {
    const framework = scene.framework('f1');
    const offer = await scene.offerOf(framework);
    const durationMs = scene.random.between(7000, 20_000);
    const task = aTask('t1', {
      kind: 'works',
      durationMs,
      cpus: scene.random.pick([100, 500, 900]),
    });
    const acceptedMs = scene.world.clock.nowMs;
    framework.accept({ offers: [offer], launches: [task], filter: { refuseMs: 3600_000 } });
    await scene.until('it has finished', () => scene.booked(framework, task) === 'finished');
    const early = framework.seen.filter(({ atMs }) => atMs > acceptedMs);
    scene.must('what was refused is not offered meanwhile', early.length === 0);
    await scene.until('all of it is offered', () => framework.held.size === 1, LOST_OFFER_MS);
    const again = framework.seen.at(-1)?.offer.resources.scalars;
    scene.must('the whole agent is in the offer', again?.['cpus'] === 1000);
  },
};

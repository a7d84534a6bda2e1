// Tests of a storm: a thousand agents flap at once, over the master's own actor and books. What the others notice is
// counted in journalled inputs and messages, not in time.
import { clusterCore } from '@parley/cluster/cluster-core';
import type { Effect } from '@parley/cluster/effects';
import { ClusterSettings, Input } from '@parley/cluster/inputs';
import { checkInvariants } from '@parley/cluster/invariants';
import { SubscribeRequest } from '@parley/protocol/frameworks';
import { ActorId, AgentId, ClusterName, FrameworkRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, it } from 'vitest';
import { LiveClusterView } from './live-cluster-view.ts';
import { MasterActor } from './master-actor.ts';
import { removalsPerSecond } from './silence-judge.ts';

const cluster = ClusterName.parse('c1');
const epoch = { bucketCreatedMs: 1, revision: 1 };
const framework = FrameworkRef.parse({ principal: 'alice', frameworkId: 'f1' });
const CALM = 200;
const FLAPPING = 1000;
const TICK_MS = 50;
const BEAT_MS = 5000;
/** Settings are journalled: a short silence makes the test short, the rule is the same. */
const SILENCE_MS = 10_000;
/** A flapping agent is heard once in so many milliseconds: it is silent for too long every time. */
const FLAP_MS = 14_000;

const name = (kind: 'calm' | 'flapping', index: number) => AgentId.parse(`${kind}-${index}`);

/** The master's actor and core, with a journal that commits at once. */
class StormWorld {
  readonly state = clusterCore.create();
  nowMs = 0;
  /** Inputs of each kind since they were counted last, and the most that one entry held. */
  counts = new Map<string, number>();
  largestEntry = 0;
  rescindedCalm = 0;
  answers = 0;
  readonly #actor: MasterActor;
  #queue: Input[] = [];
  #sequence = 0;
  #counters = 0;
  #proposals = 0;

  constructor(settings: Partial<ClusterSettings>) {
    this.#actor = new MasterActor({
      cluster,
      masterId: ActorId.parse('m1'),
      epoch,
      view: new LiveClusterView(() => this.state),
      submit: (input) => {
        this.#queue.push(input);
        return { ok: true, value: undefined };
      },
    });
    this.#actor.principalsRead(new Map([['alice', { roles: ['*'] }]]), 0);
    const all = ClusterSettings.parse({
      agentSilenceMs: SILENCE_MS,
      frameworkSilenceMs: 3_600_000,
      outstandingCapPermille: 1000,
      offerTimeoutMs: 3_600_000,
      ...settings,
    });
    this.#queue.push({ kind: 'termStarted', epoch, masterId: ActorId.parse('m1'), settings: all });
    this.commit();
  }

  /** One entry of all that waits. */
  commit(): Effect[] {
    const inputs = this.#queue;
    this.#queue = [];
    this.#sequence += 1;
    const context = {
      sequence: this.#sequence,
      epoch,
      rulesVersion: clusterCore.rulesVersion,
      coreTimeMs: this.nowMs,
      wallTimeMs: 1_700_000_000_000 + this.nowMs,
    };
    const effects = clusterCore.begin(this.state, context);
    for (const input of inputs) {
      this.counts.set(input.kind, (this.counts.get(input.kind) ?? 0) + 1);
      effects.push(...clusterCore.step(this.state, context, Input.parse(input)));
    }
    effects.push(...clusterCore.finish(this.state, context));
    this.largestEntry = Math.max(this.largestEntry, inputs.length);
    for (const effect of effects) {
      if (effect.kind === 'answer' && effect.caller.kind === 'framework') this.answers += 1;
      if (effect.kind !== 'event' || effect.event.type !== 'offerRescinded') continue;
      if (effect.event.agentId.startsWith('calm')) this.rescindedCalm += 1;
    }
    this.#actor.carryOut(effects, this.nowMs);
    return effects;
  }

  /** A twentieth of a second: the actor's turn, the answers of agents that are asked to register, one entry. */
  pass(): void {
    this.nowMs += TICK_MS;
    this.#actor.tick(this.nowMs);
    for (const output of this.#actor.takeOutputs()) {
      if (output.kind !== 'publish' || !output.subject.endsWith('.register-again')) continue;
      this.register(AgentId.parse(output.subject.split('.').at(-2)));
    }
    this.commit();
  }

  beat(agentId: AgentId): void {
    const { subject, bytes } = encodeMessage(
      SUBJECTS.agentHeartbeat,
      cluster,
      { agentId },
      { runningTasks: 0 },
    );
    this.#actor.received(subject, bytes, undefined, this.nowMs);
  }

  register(agentId: AgentId): void {
    const total = { scalars: { cpus: 4000, mem: 4_000_000 }, ranges: {}, sets: {} };
    const body = { hostname: agentId, total, attributes: {}, tasks: [], executors: [] };
    const { subject, bytes } = encodeMessage(SUBJECTS.register, cluster, { agentId }, body, {
      request: { session: 's', counter: this.#next(), lowest: 1 },
    });
    this.#actor.received(subject, bytes, `_INBOX.agent.${agentId}.x`, this.nowMs);
  }

  subscribe(): void {
    this.#queue.push({
      kind: 'call',
      caller: { kind: 'framework', ...framework },
      request: { session: 'f', counter: this.#next(), lowest: 1 },
      call: { verb: 'subscribe', body: SubscribeRequest.parse({ name: 'x', roles: ['r'] }) },
    });
    this.commit();
  }

  /** What the framework does all the time: it is offered something of a calm agent and declines it. */
  offerAndDecline(agentId: AgentId): void {
    this.#proposals += 1;
    const resources = { scalars: { cpus: 1000, mem: 1_000_000 }, ranges: {}, sets: {} };
    this.#queue.push(
      Input.parse({
        kind: 'proposals',
        epoch,
        proposals: [{ number: this.#proposals, framework, role: 'r', agentId, resources }],
      }),
    );
    const made = this.commit().find((effect) => effect.kind === 'offers');
    const offerId = made?.kind === 'offers' ? made.message.offers[0]?.offerId : undefined;
    if (offerId === undefined) throw new Error(`nothing of ${agentId} was offered`);
    this.#queue.push(
      Input.parse({
        kind: 'call',
        caller: { kind: 'framework', ...framework },
        request: { session: 'f', counter: this.#next(), lowest: 1 },
        frameworkSession: 1,
        call: { verb: 'decline', body: { offerIds: [offerId] } },
      }),
    );
    this.commit();
  }

  count(kind: Input['kind']): number {
    return this.counts.get(kind) ?? 0;
  }

  registered(kind: 'calm' | 'flapping'): number {
    const rows = [...this.state.agents.rows()];
    return rows.filter(({ agentId, state }) => state === 'registered' && agentId.startsWith(kind))
      .length;
  }

  #next(): number {
    this.#counters += 1;
    return this.#counters;
  }
}

/** Two minutes in which the flapping ones are heard once in a while, all at the same moment. */
function storm(settings: Partial<ClusterSettings>, forMs: number) {
  const world = new StormWorld(settings);
  for (let index = 0; index < CALM; index += 1) world.register(name('calm', index));
  for (let index = 0; index < FLAPPING; index += 1) world.register(name('flapping', index));
  world.pass();
  world.subscribe();
  world.counts = new Map();
  world.largestEntry = 0;
  world.answers = 0;
  let asked = 0;
  for (const untilMs = world.nowMs + forMs; world.nowMs < untilMs; ) {
    if (world.nowMs % BEAT_MS === 0) {
      for (let index = 0; index < CALM; index += 1) world.beat(name('calm', index));
    }
    if (world.nowMs % FLAP_MS === 0) {
      for (let index = 0; index < FLAPPING; index += 1) world.beat(name('flapping', index));
    }
    world.offerAndDecline(name('calm', asked % CALM));
    asked += 1;
    world.pass();
  }
  expect(checkInvariants(world.state)).toEqual([]);
  return { world, asked };
}

it('a storm of 1,000 flapping agents does not disturb the rest: they are given up at the pace that is set', () => {
  const seconds = 56;
  const { world, asked } = storm({}, seconds * 1000);
  const perSecond = removalsPerSecond(world.state.record.settings, CALM + FLAPPING);
  expect(perSecond).toBe(20);
  // What the books hear of the storm: verdicts at that pace, and one registration for each of them.
  expect(world.count('agentSilent')).toBeGreaterThan(perSecond);
  expect(world.count('agentSilent')).toBeLessThanOrEqual(perSecond * (seconds + 1));
  // No entry holds more than the agents that were given up between two beats, all of which come back at once.
  expect(world.largestEntry).toBeLessThanOrEqual(
    (perSecond * (FLAP_MS - SILENCE_MS + 2000)) / 1000,
  );
  expect(world.registered('calm')).toBe(CALM);
  expect(world.rescindedCalm).toBe(0);
  expect(world.answers).toBe(asked);
});

it('without a limit the same storm puts every agent through the books each time', () => {
  const { world } = storm({ agentRemovalsPerSecond: 100_000 }, 28_000);
  expect(world.count('agentSilent')).toBeGreaterThanOrEqual(FLAPPING);
  expect(world.largestEntry).toBeGreaterThanOrEqual(FLAPPING);
});

it('agents that are heard while they wait to be given up stay registered', () => {
  const { world } = storm({ agentRemovalsPerSecond: 1 }, 28_000);
  expect(world.count('agentSilent')).toBeGreaterThan(0);
  expect(world.count('agentSilent')).toBeLessThan(28);
  expect(world.registered('flapping')).toBeGreaterThan(FLAPPING - 28);
});

it.each([
  [undefined, 100, 20],
  [undefined, 50_000, 500],
  [7, 50_000, 7],
])('with a limit of %s and %i agents %i are given up a second at most', (setting, agents, most) => {
  const settings = setting === undefined ? {} : { agentRemovalsPerSecond: setting };
  expect(removalsPerSecond(settings, agents)).toBe(most);
});

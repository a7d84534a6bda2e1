// Tests that an explanation is true: what it says that is there for somebody is what the allocator then offers him once
// nobody else wants it, nothing else is, and each obstacle that it names gives the offer when it is taken away.
import type { AgentReason, ExplainedClient } from '@parley/protocol/explanations';
import { RoleName, TaskId } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, aReservation, resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed } from './scripted-records.ts';

const OTHERS = ['other-0', 'other-1', 'other-2'];
const WHO = 'asker';
const ROLES = ['eng', 'eng/ads', 'sales'];
const REFUSE_MS = 600_000;
/** Each takes one kind of obstacle away. */
const MOST_REMEDIES = 8;

const agentArbitrary = fc.record({
  cpus: fc.integer({ min: 1, max: 8 }),
  mem: fc.integer({ min: 100, max: 1000 }),
  zone: fc.constantFrom('a', 'b'),
  reservedFor: fc.option(fc.constantFrom(...ROLES), { nil: undefined, freq: 4 }),
  lent: fc.integer({ min: 0, max: 3 }),
  isKept: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
});
const needArbitrary = fc.record({
  cpus: fc.integer({ min: 1, max: 6 }),
  mem: fc.integer({ min: 50, max: 900 }),
  count: fc.integer({ min: 1, max: 4 }),
  inA: fc.boolean(),
  revocable: fc.constantFrom(undefined, undefined, 'also' as const, 'only' as const),
});
const frameworkArbitrary = fc.record({
  role: fc.constantFrom(...ROLES),
  needs: fc.option(fc.array(needArbitrary, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  takesRevocable: fc.boolean(),
  /** What it does with each of the offers that it is made. */
  answers: fc.array(fc.constantFrom('launch', 'refuse', 'decline', 'leave'), {
    minLength: 1,
    maxLength: 6,
  }),
  maxOffers: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 3 }),
});
const sharesArbitrary = fc.record({
  role: fc.constantFrom(...ROLES),
  guarantee: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
  limit: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
});
const worldArbitrary = fc.record({
  agents: fc.array(agentArbitrary, { minLength: 1, maxLength: 5 }),
  asker: frameworkArbitrary,
  others: fc.array(frameworkArbitrary, { maxLength: OTHERS.length }),
  shares: fc.array(sharesArbitrary, { maxLength: 2 }),
  ownLimit: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined, freq: 3 }),
  reclaims: fc.boolean(),
  capPermille: fc.constantFrom(1000, 500, 300),
});
type World = typeof worldArbitrary extends fc.Arbitrary<infer Value> ? Value : never;
type Behaviour = World['asker'];

const needsOf = (needs: NonNullable<Behaviour['needs']>): ScriptedNeed[] =>
  needs.map(({ cpus, mem, count, inA, revocable }, number) => ({
    shape: `shape-${number}`,
    resources: resourcesOf(cpus, mem),
    count,
    ...(inA && { constraints: [{ name: 'zone', operator: 'in' as const, values: ['a'] }] }),
    ...(revocable && { revocable }),
  }));

function build({
  agents,
  asker,
  others,
  shares,
  ownLimit,
  reclaims,
  capPermille,
}: World): ScriptedCluster {
  const cluster = new ScriptedCluster();
  const { master } = cluster;
  master.set({ reclaims });
  master.setCap(capPermille);
  for (const { role, guarantee, limit } of shares) {
    master.setRole(role, {
      guarantee: guarantee === undefined ? {} : { cpus: guarantee * 1000 },
      limit: limit === undefined ? {} : { cpus: limit * 1000 },
    });
  }
  if (ownLimit !== undefined) master.setShares(WHO, { limit: { cpus: ownLimit * 1000 } });
  for (const [number, agent] of agents.entries()) addAgent(cluster, number, agent);
  const behaviours = [asker, ...others];
  for (const [number, behaviour] of behaviours.entries()) {
    subscribe(cluster, number === 0 ? WHO : (OTHERS[number - 1] ?? ''), behaviour);
  }
  live(
    cluster,
    new Map(
      behaviours.map((one, number) => [number === 0 ? WHO : OTHERS[number - 1], one.answers]),
    ),
  );
  return cluster;
}

function addAgent(
  { master }: ScriptedCluster,
  number: number,
  { cpus, mem, zone, reservedFor, lent, isKept }: World['agents'][number],
): void {
  const reserved = resourcesOf(Math.max(1, Math.floor(cpus / 2)), Math.floor(mem / 2));
  const reservations =
    reservedFor === undefined ? [] : [aReservation(reservedFor, `r-${number}`, reserved)];
  master.addAgent(`agent-${number}`, resourcesOf(cpus, mem), {
    attributes: { zone },
    reservations,
    ...(lent > 0 && { revocable: resourcesOf(lent, 300) }),
  });
  if (isKept) {
    master.tell({
      kind: 'revoking',
      task: victimOn(number),
      agentId: anAgentId(`agent-${number}`),
      role: RoleName.parse('gone'),
      resources: NO_RESOURCES,
      beneficiary: { framework: aFramework('beneficiary'), role: RoleName.parse('gone') },
      reason: 'starved',
    });
  }
}

const victimOn = (agent: number) => ({
  ...aFramework('victim'),
  taskId: TaskId.parse(`t-${agent}`),
});

function subscribe({ master }: ScriptedCluster, name: string, behaviour: Behaviour): void {
  const { role, needs, takesRevocable, maxOffers } = behaviour;
  master.subscribe(name, role);
  master.takeRevocable(name, takesRevocable);
  if (needs !== undefined) master.need(name, role, needsOf(needs));
  if (maxOffers !== undefined) master.limitOffers(name, maxOffers);
}

/** Everybody answers as he does, until he has answered so often. */
function live(cluster: ScriptedCluster, answers: Map<string | undefined, string[]>): void {
  for (let round = 0; round < 4; round += 1) {
    for (const { number, framework } of cluster.settle()) {
      const answer = answers.get(framework.frameworkId)?.[round];
      if (answer === 'launch') cluster.master.launch(number);
      else if (answer === 'refuse') cluster.master.decline(number, REFUSE_MS);
      else if (answer === 'decline') cluster.master.decline(number, 0);
    }
  }
  cluster.settle();
}

function explained(cluster: ScriptedCluster): ExplainedClient {
  const request = { of: 'framework', framework: aFramework(WHO) } as const;
  const [client] = cluster.allocator.explain(request, cluster.nowMs)?.clients ?? [];
  assert(client !== undefined, 'the asker is known');
  return client;
}

const reasonsOf = ({ needs }: ExplainedClient): Set<AgentReason['kind']> =>
  new Set(needs.flatMap(({ reasons }) => reasons.map(({ kind }) => kind)));

const isToBeOffered = (client: ExplainedClient): boolean =>
  client.state === 'waits' &&
  (client.needs.some(({ suitable }) => suitable > 0) || reasonsOf(client).has('standsBack'));

/** Within a full run of the allocator. */
const isOffered = (cluster: ScriptedCluster): boolean =>
  [...cluster.settle(), ...cluster.settleWithin(FULL_RUN_INTERVAL_MS + 1)].some(
    ({ framework }) => framework.frameworkId === WHO,
  );

/** What an operator or the framework could do about it. */
function takeAway(cluster: ScriptedCluster, kind: string, { asker, agents, shares }: World): void {
  const { master } = cluster;
  switch (kind) {
    case 'limit':
    case 'quotaLimit':
      for (const { role, guarantee } of shares) {
        master.setRole(role, {
          guarantee: guarantee === undefined ? {} : { cpus: guarantee * 1000 },
        });
      }
      master.setShares(WHO, {});
      break;
    case 'headroom':
      master.set({ reclaims: true });
      break;
    case 'offerCap':
      master.setCap(1000);
      master.limitOffers(WHO, undefined);
      break;
    case 'refused':
      master.revive(WHO, asker.role);
      break;
    case 'kept':
      for (const [number, { isKept }] of agents.entries()) {
        if (isKept) master.tell({ kind: 'revoked', task: victimOn(number) });
      }
      break;
    default:
  }
  cluster.hear();
}

/** As it stands once all that can be taken away of what is named is. */
function remedied(
  cluster: ScriptedCluster,
  world: World,
  note: (kind: string) => void,
): ExplainedClient {
  for (let count = 0; count < MOST_REMEDIES; count += 1) {
    const client = explained(cluster);
    const kinds = [...reasonsOf(client), client.state].filter((kind) => REMEDIED.has(kind));
    if (isToBeOffered(client) || kinds.length === 0) return client;
    for (const kind of kinds) {
      note(kind);
      takeAway(cluster, kind, world);
    }
  }
  throw new Error('what is named is still named when it has been taken away');
}

const REMEDIED = new Set<string>([
  'limit',
  'quotaLimit',
  'headroom',
  'offerCap',
  'refused',
  'kept',
]);

test('whoever is said to have agents that would do is offered one when nobody else wants it, and nobody else is; so is whoever has lost what was said to hold it up', () => {
  const seen = new Map<string, number>();
  const note = (what: string) => void seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(worldArbitrary, fc.boolean(), (world, isRemedied) => {
      const cluster = build(world);
      for (const [number, { role }] of world.others.entries()) {
        cluster.master.suppress(OTHERS[number] ?? '', role);
      }
      cluster.hear();
      const client = isRemedied ? remedied(cluster, world, note) : explained(cluster);
      const text = JSON.stringify(client);
      note(isToBeOffered(client) ? 'offered' : 'not offered');
      expect(isOffered(cluster), text).toBe(isToBeOffered(client));
    }),
    { numRuns: 400 },
  );
  // All of it has been met.
  for (const what of [...REMEDIED, 'offered', 'not offered'])
    expect(seen.get(what), what).toBeGreaterThan(0);
}, 120_000);

// Owns the proof, on real processes, that a guarantee is met by what others give back: an inverse offer, the end of a
// task, an offer to the one that is entitled, and no more than that.
import { setTimeout as delay } from 'node:timers/promises';
import { PrincipalName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import type { OperatorSharingRequest } from '@parley/protocol/operators';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ask } from './cluster-caller.ts';
import { cluster as name, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const TASK_CPUS = 400;
const TASK = { scalars: { cpus: TASK_CPUS, mem: 32_000 } };
/** A task of this script would go on for ever. */
const LASTS = 'exec sleep 600';

const cluster = new ScenarioCluster();
const { fixture } = cluster;

beforeAll(() => cluster.start({ agents: ['a1'], masterOptions: ['--outstanding-cap', '100'] }));
afterAll(() => cluster.close());

async function share(body: OperatorSharingRequest): Promise<void> {
  const operator = PrincipalName.parse('olga');
  const request = { session: 'sharing', counter: 1, lowest: 1 };
  const { subject, bytes } = encodeMessage(SUBJECTS.operatorSharing, name, { operator }, body, {
    request,
  });
  const connection = await fixture.connect('operator', operator);
  const answer = await ask(connection, SUBJECTS.operatorSharing, subject, bytes);
  expect(answer).toMatchObject({ ok: true });
}

const launch = (offer: Offer, taskIds: readonly string[]) => ({
  offerIds: [offer.offerId],
  operations: [
    { kind: 'launch' as const, tasks: taskIds.map((id) => fixture.scriptTask(id, LASTS)) },
  ],
  filter: { refuseMs: 600_000 },
});

test('a framework below its guarantee gets it from one that holds everything, and no more', async () => {
  const rich = await ScenarioFramework.connect(fixture, 'alice', 'rich');
  const whole = await rich.offer('a1');
  const count = Math.floor((whole.resources.scalars['cpus'] ?? 0) / TASK_CPUS);
  const held = Array.from({ length: count }, (_, index) => `rich-${index}`);
  await rich.accept(launch(whole, held));
  await rich.untilState('running', ...held);

  const poor = await ScenarioFramework.connect(fixture, 'bob', 'poor', {
    demand: [{ count: 9, resources: TASK }],
  });
  await share({
    changes: [
      {
        kind: 'framework',
        framework: { principal: PrincipalName.parse('bob'), frameworkId: 'poor' as never },
        guarantee: { cpus: 2 * TASK_CPUS },
      },
    ],
    force: false,
  });
  const got: string[] = [];
  while (got.length < 2) {
    const offer = await poor.offer('a1');
    const room = Math.floor((offer.resources.scalars['cpus'] ?? 0) / TASK_CPUS);
    const taskIds = Array.from({ length: room }, (_, index) => `poor-${got.length + index}`);
    got.push(...taskIds);
    await poor.accept(launch(offer, taskIds));
  }
  await poor.untilState('running', ...got);

  const ended = () => held.filter((taskId) => rich.last(taskId)?.state === 'killed');
  expect(ended()).toHaveLength(2);
  for (const taskId of ended()) expect(rich.last(taskId)).toMatchObject({ reason: 'revoked' });
  const asked = rich.events.filter(({ kind }) => kind === 'inverseOffer');
  expect(asked).toHaveLength(2);
  expect(asked[0]).toMatchObject({ agentId: 'a1', reason: 'belowGuarantee' });
  const steps = cluster.happened
    .map(({ event }) => event.type)
    .filter((type) => /^revocation/.test(type));
  expect(new Set(steps)).toEqual(
    new Set(['revocationBegun', 'revocationAsked', 'revocationAnswered', 'revocationOver']),
  );

  // Its guarantee is met: the rest stays with who has it, though it could use more.
  await delay(4000);
  expect(cluster.of('revocationBegun')).toHaveLength(2);
  expect(ended()).toHaveLength(2);
  cluster.check();
  await Promise.all([rich, poor].map((each) => each.client.teardown()));
  await Promise.all([rich, poor].map((each) => each.close()));
});

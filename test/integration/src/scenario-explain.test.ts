// Owns the proof, on real processes, that an operator is told why a framework is not offered what it wants: by the
// allocator that leads, under the permissions that operators have.
import { Explanation } from '@parley/protocol/explanations';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { cluster as name, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const REFUSE_MS = 600_000;
const ANSWER_MS = 2000;

const cluster = new ScenarioCluster();
const { fixture } = cluster;

beforeAll(() => cluster.start({ agents: ['a1'] }));
afterAll(() => cluster.close());

test('an agent that a framework has declined for long is named as such to an operator who asks', async () => {
  const refuser = await ScenarioFramework.connect(fixture, 'alice', 'refuser');
  const offer = await refuser.offer('a1');
  await refuser.decline([offer], REFUSE_MS);
  const operator = await fixture.connect('operator', 'olga');
  const { framework } = refuser.client;
  const body = { of: 'framework', framework } as const;
  const { subject, bytes } = encodeMessage(SUBJECTS.explain, name, {}, body);
  let said = '';
  const asks = async (): Promise<boolean> => {
    const reply = await operator.request(subject, bytes, { timeout: ANSWER_MS });
    const answer = decodeAnswer(SUBJECTS.explain, reply.data);
    const explanation =
      answer.ok && answer.value.answer.ok
        ? Explanation.parse(answer.value.answer.value)
        : undefined;
    said = JSON.stringify(explanation ?? answer);
    const reasons = explanation?.clients.flatMap(({ needs }) => needs[0]?.reasons ?? []) ?? [];
    return reasons.some((reason) => reason.kind === 'refused' && reason.count === 1);
  };
  // The allocator hears of the refusal a moment later.
  await until(asks, () => `the refusal is named in ${said}`);
  await operator.close();
  await refuser.close();
});

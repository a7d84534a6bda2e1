// Owns the proof, on real processes, that an operator is told why a framework is not offered what it wants: by the
// allocator that leads, under the permissions that operators have.
import { Explanation } from '@parley/protocol/explanations';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cluster as name, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ClusterTerminal } from './cluster-terminal.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const REFUSE_MS = 600_000;
const ANSWER_MS = 2000;

const cluster = new ScenarioCluster();
const { fixture } = cluster;

let terminal: ClusterTerminal;

beforeAll(async () => {
  await cluster.start({ agents: ['a1', 'a2'] });
  terminal = new ClusterTerminal(fixture);
});
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

test('an operator types what to explain: a framework, its role, its task; an agent that drains is named, and what is not known', async () => {
  const waiter = await ScenarioFramework.connect(fixture, 'alice', 'waiter', { role: 'eng/ads' });
  const offer = await waiter.offer('a1');
  await waiter.decline([offer], REFUSE_MS);
  expect(await terminal.type('agent', 'drain', 'a2')).toMatchObject({ exitCode: 0 });

  const name = 'alice/waiter';
  const stands = `framework ${name} in role eng/ads `;
  let said = '';
  const types = async (...words: string[]): Promise<string> => {
    const typed = await terminal.type('explain', ...words);
    said = JSON.stringify(typed);
    return typed.exitCode === 0 ? typed.stdout : '';
  };
  // The allocator hears of both a moment later.
  await until(
    async () => {
      const page = await types('framework', name);
      return page.includes(stands) && /2 agents: 1 is declined, .*; 1 draining\n/.test(page);
    },
    () => `both agents are named in ${said}`,
  );

  const role = await types('role', 'eng');
  expect(role).toContain('role eng: share ');
  expect(role).toMatch(/alice\/waiter +eng\/ads +waits/);
  expect(role).toContain('1 draining');
  const explained = JSON.parse(await types('role', 'eng', '--json'));
  expect(explained).toMatchObject({
    agents: 1,
    clients: [{ role: 'eng/ads', needs: [{ reasons: [{ kind: 'refused', count: 1 }] }] }],
    leftOutAgents: { draining: 1 },
  });

  const task = await types('task', `${name}/task-1`);
  expect(task).toContain(`task ${name}/task-1 is not launched`);
  expect(task).toContain(stands);
  expect(await terminal.type('explain', 'framework', 'alice/nobody')).toMatchObject({
    exitCode: 3,
  });
  expect(await terminal.type('explain', 'role', 'nowhere')).toMatchObject({ exitCode: 3 });
  await waiter.close();
});

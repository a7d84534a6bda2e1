import { ExplainedNeed, Explanation } from '@parley/protocol/explanations';
import { expect, test } from 'vitest';
import { sentencesOf, starvedBy } from './why-sentences.ts';

const framework = { principal: 'alice', frameworkId: 'web' };
const share = { used: 2000, total: 8000, resource: 'cpus', weight: 1000, place: 1, of: 2 };

function told(state: string, { needs = [] as ExplainedNeed[], refused = 0 } = {}) {
  const client = {
    ...{ framework, role: 'eng', state, share, quotas: [], needs, needsLeftOut: 0 },
    ...{ offers: { outstanding: 0, proposed: 0 }, refusals: { agents: refused } },
  };
  const explanation = { agents: 2, openAgents: 1, clients: [client], clientsLeftOut: 0 };
  return { explanation: Explanation.parse(explanation), leftOutAgents: { draining: 1 } };
}

const need = (suitable: number) =>
  ExplainedNeed.parse({
    ...{ resources: { scalars: { cpus: 4000 } }, constraints: [], open: 1, agents: 2, suitable },
    reasons: [{ kind: 'lacks', count: 2 - suitable, resource: 'cpus', best: 1000, needed: 4000 }],
  });

test.each([
  ['it wants nothing', told('needsNothing'), undefined],
  ['it asked for no offers', told('suppressed'), undefined],
  ['it is not there', told('notSubscribed'), undefined],
  ['a limit stops it', told('quotaLimit'), 'it is stopped by a quota limit'],
  ['no agent suits', told('waits', { needs: [need(0)] }), '2 lack cpus (best 1 of 4)'],
  ['it declined all', told('waits', { refused: 1 }), 'it has declined 1 agent'],
  ['some suit', told('waits', { needs: [need(1)] }), 'nothing that it may have is free'],
])('why a framework starves when %s', (_, why, words) => {
  expect(starvedBy(why)).toBe(words);
});

test('an explanation reads as sentences in which one is told as one', () => {
  expect(sentencesOf(told('waits', { needs: [need(1)], refused: 1 }))).toStrictEqual([
    'In role eng it is offered what suits it when it is its turn; it holds 25 % of cpus; 1 of 2 to be offered next.',
    'It has declined 1 agent.',
    '1 task waits that needs cpus 4. Of 2 agents 1 suits, 1 lacks cpus (best 1 of 4).',
    '2 agents may be offered, 1 has something left; not looked at: 1 draining.',
  ]);
});

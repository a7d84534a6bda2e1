// Each rule of the verdict, broken on purpose.
import { expect, test } from 'vitest';
import { type Evidence, type FrameworkEvidence, judge } from './judge.ts';

const ID = 'f1-w0-abc-1';
const change = (to: string, isTerminal = false) => ({
  framework: 'f1',
  taskId: ID,
  agentId: 'a1',
  to,
  isTerminal,
});
const told = (state: string, isTerminal = true) => ({
  key: 'f1-w0',
  taskId: ID,
  state,
  isTerminal,
  isOver: isTerminal,
});
const FRAMEWORK: FrameworkEvidence = {
  framework: 'f1',
  wanted: [{ key: 'f1-w0', members: 1 }],
  told: [told('running', false), told('finished')],
  runs: [ID],
};
const master = (id: string, phase: string) => ({
  id,
  phase,
  sequence: 130,
  lagEntries: 0,
  differences: 0,
  isFit: true,
  mark: { sequence: 128, hash: 'aa' },
});
const GOOD: Evidence = {
  booked: [change('staging'), change('running'), change('finished', true)],
  frameworks: [FRAMEWORK],
  masters: [master('master-1', 'leading'), master('master-2', 'following')],
  masterCount: 2,
  replayedHash: 'aa',
  leftOver: [],
  lostAgents: new Set(),
};
const withFramework = (changes: Partial<FrameworkEvidence>): Evidence => ({
  ...GOOD,
  frameworks: [{ ...FRAMEWORK, ...changes }],
});

test('a run in which all holds has no broken rule', () => {
  expect(judge(GOOD)).toEqual([]);
});

const [leader, standby] = GOOD.masters;
if (leader === undefined || standby === undefined) throw new Error('there are two masters');

const BROKEN: readonly [what: string, evidence: Evidence, said: string][] = [
  ['a task that never ended', { ...GOOD, booked: [change('staging')] }, 'accepted and never ended'],
  [
    'a task that ended twice',
    { ...GOOD, booked: [...GOOD.booked, change('failed', true)] },
    'was finished and became failed',
  ],
  [
    'a task that lived after its end',
    { ...GOOD, booked: [...GOOD.booked, change('running')] },
    'was finished and became running',
  ],
  ['a doubled run', withFramework({ runs: [ID, ID] }), 'ran 2 times'],
  [
    'work that ran under two tasks',
    withFramework({ runs: [ID, 'f1-w0-abc-2'] }),
    'ran 2 times in place of 1',
  ],
  ['work that never ran', withFramework({ runs: [] }), 'ran 0 of 1 times'],
  ['work that is not over', withFramework({ told: [told('running', false)] }), 'is not over'],
  ['work that failed', withFramework({ told: [told('failed')] }), 'ended as failed'],
  [
    'two ends that were told',
    withFramework({ told: [told('finished'), told('killed')] }),
    'is finished and killed',
  ],
  [
    'an end that is not the one in the journal',
    { ...withFramework({ told: [told('killed')] }) },
    'in the journal it is finished',
  ],
  [
    'an end of a task that nobody accepted',
    { ...GOOD, booked: [] },
    'the journal does not know it',
  ],
  [
    'a master that is not there',
    { ...GOOD, masters: [leader] },
    '1 masters are heard in place of 2',
  ],
  [
    'two leaders',
    { ...GOOD, masters: [leader, { ...standby, phase: 'leading' }] },
    'not one master leads',
  ],
  [
    'a standby whose state differed',
    { ...GOOD, masters: [leader, { ...standby, differences: 1 }] },
    "another one than the leader's 1 times",
  ],
  [
    'states that differ at the end',
    { ...GOOD, masters: [leader, { ...standby, mark: { sequence: 128, hash: 'bb' } }] },
    "the masters' states differ",
  ],
  ['a journal that leads elsewhere', { ...GOOD, replayedHash: 'cc' }, 'the journal leads to state'],
  [
    'masters that compare nothing',
    { ...GOOD, masters: [leader, standby].map((one) => ({ ...one, mark: undefined })) },
    'no state was compared',
  ],
  ['something left over', { ...GOOD, leftOver: ['scope x is left on a1'] }, 'scope x is left'],
];

test.each(BROKEN)('%s is a broken rule', (_what, evidence, said) => {
  expect(judge(evidence).join('\n')).toContain(said);
});

test('a launch that came to nothing is told as dropped, and the journal need not know it', () => {
  const dropped = { ...told('dropped'), taskId: 'f1-w0-abc-0', isOver: false };
  expect(judge(withFramework({ told: [dropped, told('finished')] }))).toEqual([]);
});

test('work whose attempt ended with its host runs again, and once', () => {
  const again = 'f1-w0-abc-2';
  const booked = [
    change('failed', true),
    { ...change('finished', true), taskId: again, agentId: 'a2' },
  ];
  const lines = [
    { ...told('failed'), isOver: false },
    { ...told('finished'), taskId: again },
  ];
  const twice = { ...withFramework({ told: lines, runs: [ID, again] }), booked };
  expect(judge(twice)).not.toEqual([]);
  expect(judge({ ...twice, lostAgents: new Set(['a1']) })).toEqual([]);
  const never = withFramework({ told: lines, runs: [ID] });
  expect(judge({ ...never, booked, lostAgents: new Set(['a1']) })).toEqual([
    'work f1-w0 ran 0 of 1 times',
  ]);
});

test('each member of a group runs once', () => {
  const runs = ['f1-w0-abc-1x0', 'f1-w0-abc-1x1'];
  const group = { wanted: [{ key: 'f1-w0', members: 2 }], told: [told('finished')] };
  expect(judge(withFramework({ ...group, runs }))).toEqual([]);
  expect(judge(withFramework({ ...group, runs: runs.slice(1) }))).toEqual([
    'work f1-w0 ran 1 of 2 times',
  ]);
});

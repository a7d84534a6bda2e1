// Tests whose volumes are kept to their sizes, and whose end too much in one is. What is found in them is in disk-watch.test.ts.
import { RunOrder } from '@parley/protocol/agents';
import type { TaskDescriptionInput } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { type DiskShare, diskShares, exceeded } from './disk-shares.ts';
import { aGroup, aRun, KEY, keyOf, REF, ScriptedSupervisor } from './scripted-supervisor.ts';
import type { SupervisorInput } from './supervisor-messages.ts';

const { volumeSizes } = RunOrder.pick({ volumeSizes: true }).parse({
  volumeSizes: [
    { volumeId: 'v1', mib: 20 },
    { volumeId: 'v2', mib: 30 },
  ],
});
const wants = (volumeId: string) => ({ volumes: [{ volumeId, path: 'data' }] });
const volume = { role: 'a/b', volumeId: 'v1' };

function withSizes(input: SupervisorInput): SupervisorInput {
  if (input.kind === 'run') return { ...input, order: { ...input.order, volumeSizes } };
  if (input.kind === 'runGroup') return { ...input, order: { ...input.order, volumeSizes } };
  return input;
}

function runs(changes: Partial<TaskDescriptionInput>): ScriptedSupervisor {
  const story = new ScriptedSupervisor().registered().send(withSizes(aRun(1, changes)));
  return story.send({ kind: 'inputsCopied', task: KEY }).send({ kind: 'launched', task: KEY });
}

const sharesOf = ({ supervisor }: ScriptedSupervisor): DiskShare[] => [
  ...diskShares([...supervisor.tasks()], []),
];

test('a volume is kept to its size while its task runs, across a restart of the agent, and no longer', () => {
  const story = runs(wants('v1'));
  const shares = [{ limitMib: 20, owner: REF, volume }];
  expect(sharesOf(story)).toEqual(shares);
  expect(sharesOf(story.restarted({ [KEY]: { state: 'running' } }))).toEqual(shares);
  story.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
  expect(sharesOf(story)).toEqual([]);
});

test('a volume whose size the leader has not told is kept to none', () => {
  expect(sharesOf(new ScriptedSupervisor().registered().running(wants('v1')))).toEqual([]);
});

test('volumes are measured before the sandboxes of their tasks', () => {
  const disk = { resources: { scalars: { cpus: 100, mem: 32_000, disk: 5000 } } };
  expect(sharesOf(runs({ ...wants('v1'), ...disk }))).toEqual([
    { limitMib: 20, owner: REF, volume },
    { limitMib: 5, owner: REF },
  ]);
});

test('of the tasks of a group, that one ends whose volume holds too much', () => {
  const group = aGroup(['t1', 't2']);
  if (group.kind !== 'runGroup') throw new Error('it is one');
  const [first, second] = group.order.descriptions.map((description, index) => ({
    ...description,
    volumes: RunOrder.shape.description.shape.volumes.parse(wants(`v${index + 1}`).volumes),
  }));
  if (first === undefined || second === undefined) throw new Error('there are two');
  const descriptions = [first, second];
  const story = new ScriptedSupervisor().registered();
  story.send(withSizes({ ...group, order: { ...group.order, descriptions } }));
  for (const taskId of ['t1', 't2']) story.send({ kind: 'inputsCopied', task: keyOf(taskId) });
  for (const taskId of ['t1', 't2']) story.send({ kind: 'launched', task: keyOf(taskId) });
  const shares = sharesOf(story);
  expect(shares).toMatchObject([
    { limitMib: 20, owner: { taskId: 't1' }, volume: { volumeId: 'v1' } },
    { limitMib: 30, owner: { taskId: 't2' }, volume: { volumeId: 'v2' } },
  ]);
  const [, share] = shares;
  if (share === undefined) throw new Error('there are two');
  expect(exceeded(share, { limitMib: 30, peakMib: 31 })).toMatchObject({
    ...{ kind: 'overDisk', ref: { taskId: 't2' }, volumeId: 'v2', peakMib: 31 },
  });
});

test('with a task of a custom executor the executor ends whose task has the volume', () => {
  const command = { argv: ['executor'] };
  const executor = { executorId: 'e1', command, resources: { scalars: { mem: 32_000 } } };
  const order = aRun(1, { ...wants('v1'), command: undefined, executor });
  const [share] = sharesOf(new ScriptedSupervisor().registered().send(withSizes(order)));
  expect(share).toMatchObject({ limitMib: 20, owner: { executor: { executorId: 'e1' } }, volume });
  if (share === undefined) throw new Error('there is one');
  expect(exceeded(share, { limitMib: 20, peakMib: 31 })).toMatchObject({
    kind: 'executor',
    input: { kind: 'overDisk', executor: { executorId: 'e1' }, volumeId: 'v1' },
  });
});

// Tests of how the life of a task is told.
import { clusterCore } from '@parley/cluster/cluster-core';
import { aFramework, anAgentId, aTask, of, some } from '@parley/cluster/scripted-cluster';
import { PrincipalName, type TaskRef } from '@parley/protocol/ids';
import { beforeEach, expect, test } from 'vitest';
import { ScriptedHistory } from './scripted-history.ts';
import { TaskStory } from './task-story.ts';

const framework = aFramework();
const agentId = anAgentId();
const operator = { kind: 'operator', operator: PrincipalName.parse('olga') } as const;
let history: ScriptedHistory;

beforeEach(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(agentId, some(8));
  history.subscribe(framework);
});

async function told(
  task: TaskRef,
  core?: Parameters<ScriptedHistory['lines']>[0],
): Promise<string[]> {
  const story = new TaskStory(task);
  for (const line of await history.lines(core)) story.add(line);
  return story.lines().map(({ sequence, text }) => `${sequence} ${text}`);
}

test('a task that ran is told from the offer to its end', async () => {
  const offerId = history.offer(framework, some(2));
  const effects = history.accept(
    framework,
    [offerId],
    [aTask('t1', some(2)), aTask('t2', some(9))],
  );
  for (const { order } of of(effects, 'order')) history.answerOrder(order.orderId);
  const task = { ...framework, taskId: aTask('t1').taskId };
  history.update(task, 'running');
  history.update(task, 'running', { healthy: true });
  history.update(task, 'failed', { reason: 'commandExited', exitCode: 3 });
  expect(await told(task)).toEqual([
    '4 agent a1 is offered to framework alice/f1 in role r: cpus 2, mem 2 MiB (offer o1-1)',
    expect.stringMatching(
      /^5 framework alice\/f1 accepts offer o1-1 to launch t1, t2: t2 is rejected \(resources: .*\)$/,
    ),
    '5 task alice/f1/t1 is staging on agent a1',
    '5 the leader orders agent a1 to run task alice/f1/t1',
    '6 agent a1 has taken the order to run task alice/f1/t1',
    '7 task alice/f1/t1 is running on agent a1, was staging, says agent a1',
    '8 agent a1 reports task alice/f1/t1 running (update 2), which changes nothing',
    '9 task alice/f1/t1 is failed on agent a1, was running, says agent a1: command exited; exit code 3',
  ]);
});

test('a kill is told with who asked for it, and what others do to other tasks is not told', async () => {
  const task = history.launch(framework, 't1', some(2));
  const other = history.launch(framework, 'other', some(2));
  history.update(task, 'running');
  history.call(operator, { verb: 'operatorKill', body: { task: other } });
  history.call(operator, { verb: 'operatorKill', body: { task, graceMs: 1500 } });
  history.update(task, 'killed', { reason: 'killedByOperator' });
  const lines = await told(task);
  expect(lines.slice(-3)).toEqual([
    '12 operator olga asks to kill task alice/f1/t1 with a grace of 1.5 s',
    '12 the leader orders agent a1 to kill task alice/f1/t1, with a grace of 1.5 s: operator',
    '13 task alice/f1/t1 is killed on agent a1, was running, says agent a1: killed by operator',
  ]);
  expect(lines.join('\n')).not.toContain('other');
});

test('what befalls agent, framework and leader is told while the task lives, and not before or after', async () => {
  history.agentSilent();
  history.register(agentId, some(8));
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  history.startTerm();
  history.frameworkSilent(framework);
  history.subscribe(framework);
  const lost = history.agentSilent(2);
  history.readBack(lost);
  const named = [{ task, state: 'running', lastSequence: 1 } as const];
  history.readBack(history.register(agentId, some(8), named));
  history.update(task, 'finished');
  history.startTerm();
  const lines = await told(task);
  expect(lines[0]).toContain('is offered to');
  expect(lines.map((line) => line.replace(/^\d+ /, '')).slice(6)).toEqual([
    'master-1 leads from here on (epoch 1/2)',
    'framework alice/f1 is disconnected: nothing was heard of it for too long',
    'framework alice/f1 (f1) subscribed in r: session 2',
    'agent a1 is unreachable: nothing was heard of it for too long',
    expect.stringMatching(
      /^task alice\/f1\/t1 is unreachable on agent a1, was running, says the leader/,
    ),
    'agent a1 registers anew and names task alice/f1/t1',
    'agent a1 on a1.example is back with cpus 8, mem 8 MiB',
    expect.stringMatching(
      /^task alice\/f1\/t1 is running on agent a1, was unreachable, says the leader/,
    ),
    'task alice/f1/t1 is finished on agent a1, was running, says agent a1',
  ]);
});

test('a revocation is told with whom it is for', async () => {
  const other = aFramework('f2', 'bob');
  history.subscribe(other);
  const task = history.launch(framework, 't1', some(2));
  history.update(task, 'running');
  history.enter({
    kind: 'revocations',
    epoch: history.epoch,
    revocations: [
      { task, agentId, beneficiary: { framework: other, role: 'r' }, reason: 'starved' },
    ],
  });
  expect((await told(task)).join('\n')).toContain(
    'is to give back cpus 2, mem 2 MiB for bob/f2 in role r: it has waited for its fair share for too long',
  );
});

test('an input that makes a step throw is told as left out, with the reason', async () => {
  const task = history.launch(framework, 't1', some(2));
  history.append([
    {
      kind: 'call',
      caller: operator,
      request: { session: 'x', counter: 1, lowest: 1 },
      call: { verb: 'operatorKill', body: { task } },
    },
  ]);
  const poisoned: typeof clusterCore = {
    ...clusterCore,
    step: (state, context, input) => {
      if (input.kind === 'call' && input.call.verb === 'operatorKill') throw new Error('poison');
      return clusterCore.step(state, context, input);
    },
  };
  expect((await told(task, poisoned)).at(-1)).toBe(
    `${history.journal.lastSequence} left out by every master: a step of it threw: poison (operator olga asks to kill task alice/f1/t1)`,
  );
});

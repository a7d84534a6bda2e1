// Owns the scenarios of tasks whose agent is away, and of tasks that are killed. Mesos docs, "Partition-aware frameworks".

import { TaskId } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { aTask, type Scenario, type Scene, SILENCE_LIMIT_MS } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

export const partitioned: Scenario = {
  name: 'S13',
  about:
    'tasks of an agent that is away are unreachable, and running or finished when it is back; gone is for good',
  options: { agents: 2, leaderChanges: true },
  play: async (scene) => {
    const framework = scene.framework('f1');
    const agent = scene.agent(0);
    const stays = await scene.launch(framework, aTask('stays'), agent);
    const ends = await scene.launch(
      framework,
      aTask('ends', {
        kind: 'works',
        durationMs: scene.random.between(20_000, 240_000),
      }),
      agent,
    );
    await scene.until(
      'both run',
      () => scene.runs(framework, stays) && scene.runs(framework, ends),
    );
    await scene.until(
      'both are told to run',
      () =>
        [stays, ends].every(({ taskId }) => framework.isTold(taskId, 'running')) ||
        framework.updatesOf(ends.taskId).some(({ state }) => isTerminal(state)),
    );
    scene.cut(agent);
    await scene.until(
      'it is unreachable',
      () => framework.isTold(stays.taskId, 'unreachable'),
      SILENCE_LIMIT_MS,
    );
    const { agentId } = agent;
    await scene.until('it is told which agent', () =>
      framework.events.some(
        (event) => event.kind === 'agentUnreachable' && event.agentId === agentId,
      ),
    );
    await scene.pause(0, 60_000);
    if (scene.random.chance(0.5)) await comesBack(scene, framework, { stays, ends });
    else await isGone(scene, framework, { stays, ends });
    const told = framework.updatesOf(ends.taskId).filter(({ state }) => isTerminal(state));
    scene.must('its end is told once', told.length === 1);
    await scene.until(
      'and is what the books say',
      () => told[0]?.state === scene.booked(framework, ends),
    );
  },
};

type Tasks = { readonly stays: ReturnType<typeof aTask>; readonly ends: ReturnType<typeof aTask> };

async function comesBack(
  scene: Scene,
  framework: ScriptedFramework,
  { stays, ends }: Tasks,
): Promise<void> {
  const agent = scene.agent(0);
  scene.mend(agent);
  await scene.until('it runs again', () => framework.isTold(stays.taskId, 'running'));
  const last = framework.updatesOf(stays.taskId).at(-1);
  scene.must(
    'because its agent returned',
    last?.reason === 'agentReturned' || last?.reason === 'reconciliation',
  );
  await scene.until('it is told which agent', () =>
    framework.events.some(({ kind }) => kind === 'agentReturned'),
  );
  await scene.until(
    'the other one has finished',
    () => framework.isTold(ends.taskId, 'finished'),
    400_000,
  );
}

/** The agent may be back at about the same time, with the news that a task finished: the stream decides. */
async function isGone(
  scene: Scene,
  framework: ScriptedFramework,
  { stays, ends }: Tasks,
): Promise<void> {
  const agent = scene.agent(0);
  const isBackFirst = scene.random.chance(0.5);
  if (isBackFirst) scene.mend(agent);
  await scene.pause(0, 3000);
  scene.operator.change(agent.agentId, 'gone');
  await scene.pause(0, 3000);
  if (!isBackFirst) scene.mend(agent);
  const endOf = ({ taskId }: Tasks['stays']): StatusUpdate | undefined =>
    framework.updatesOf(taskId).find(({ state }) => isTerminal(state));
  await scene.until('both have ended', () => [stays, ends].every(endOf), 300_000);
  // An agent that hears of it kills its tasks, and what it says of them may be in the stream before the leader's word.
  scene.must(
    'the one that would stay is gone, or was killed by its agent',
    [endOf(stays)].every(
      (end) =>
        end?.state === 'killed' || (end?.state === 'gone' && end.reason === 'agentGoneByOperator'),
    ),
  );
  await scene.until(
    'and that is what the books say',
    () => endOf(stays)?.state === scene.booked(framework, stays),
  );
  await scene.until('it is told which agent', () =>
    framework.events.some(({ kind }) => kind === 'agentGone'),
  );
  await scene.until(
    'the agent ends what it runs',
    () => agent.runningTasks().length === 0,
    300_000,
  );
}

export const killed: Scenario = {
  name: 'S14',
  about:
    'a kill is heard while staging, running and unreachable; a shorter grace counts; an unknown task is answered',
  options: { agents: 1, leaderChanges: true },
  play: async (scene) => {
    const framework = scene.framework('f1');
    const early = await scene.launch(framework, aTask('early'));
    await scene.pause(0, 1000);
    framework.kill(early.taskId);
    await scene.until('the early one is killed', () => framework.isTold(early.taskId, 'killed'));
    const stubborn = await scene.launch(
      framework,
      aTask('stubborn', { kind: 'stubborn', durationMs: 3600_000 }),
    );
    await scene.until('it runs', () => framework.isTold(stubborn.taskId, 'running'));
    framework.kill(stubborn.taskId, 600_000);
    await scene.pause(20_000, 100_000);
    scene.must('it is given its time', scene.runs(framework, stubborn));
    framework.kill(stubborn.taskId, 500);
    await scene.until('the shorter grace counts', () =>
      framework.isTold(stubborn.taskId, 'killed'),
    );
    const unknown = framework.kill(TaskId.parse('nobody'));
    await scene.until('a kill of an unknown task is answered', () =>
      framework.answers.has(unknown),
    );
    const answer = framework.answers.get(unknown);
    scene.must(
      'as unknown',
      answer?.ok === true && JSON.stringify(answer.value).includes('"unknown"'),
    );
    await killUnreachable(scene, framework);
  },
};

async function killUnreachable(scene: Scene, framework: ScriptedFramework): Promise<void> {
  const agent = scene.agent(0);
  const away = await scene.launch(framework, aTask('away'));
  await scene.until('it runs', () => framework.isTold(away.taskId, 'running'));
  scene.cut(agent);
  await scene.until(
    'it is unreachable',
    () => framework.isTold(away.taskId, 'unreachable'),
    SILENCE_LIMIT_MS,
  );
  framework.kill(away.taskId);
  await scene.pause(1000, 30_000);
  scene.must('it goes on as long as its agent is away', scene.runs(framework, away));
  scene.mend(agent);
  await scene.until('it is killed when its agent is back', () =>
    framework.isTold(away.taskId, 'killed'),
  );
}

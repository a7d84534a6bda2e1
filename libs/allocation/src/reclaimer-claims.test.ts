// Tests what is taken for clients that state no demand, and for frameworks with guarantees of their own.
import type { Fact } from '@parley/protocol/allocation';
import { RoleName } from '@parley/protocol/ids';
import { beforeEach, describe, expect, test } from 'vitest';
import { LOOK_MS } from './reclaimer.ts';
import { agent } from './scripted-claims.ts';
import {
  anAgent,
  guaranteed,
  isTaken,
  questionOf,
  ref,
  role,
  ScriptedReclaimer,
  STARVATION_MS,
  settings,
  subscribed,
  takenOf,
  tasks,
  uses,
} from './scripted-reclaimer.ts';

let story: ScriptedReclaimer;
beforeEach(() => {
  story = new ScriptedReclaimer();
});

describe('for one that states no demand', () => {
  const both = (cpu: number, mem: number) => ({ scalars: { cpus: cpu, mem }, ports: [], sets: {} });
  const withLeast = (minAllocatable: Record<string, number>): Fact =>
    ({ ...settings(), minAllocatable }) as Fact;
  const hasAgent = (total: ReturnType<typeof both>): Fact => ({ ...anAgent(), total }) as Fact;
  const richHas = (scalars: Record<string, number>): Fact =>
    ({ kind: 'usage', framework: ref('rich'), role, scalars }) as Fact;
  const tasksOf = (count: number, resources: ReturnType<typeof both>) =>
    tasks(count).map((task) => ({ ...task, resources }));

  test('what its guarantee lacks is taken, and no other resource is dragged along', () => {
    story.hear([withLeast({ cpus: 10, mem: 32_000 }), hasAgent(both(8000, 16_384_000))]);
    story.hear([subscribed('rich'), richHas({ cpus: 8000, mem: 16_384_000 }), subscribed('poor')]);
    story.hear([guaranteed('poor', 4000)]);
    const { question, needs } = questionOf(story.pass(LOOK_MS));
    expect(needs).toEqual([{ resources: both(40, 32_000), constraints: [] }]);
    const eight = tasksOf(8, both(1000, 2_048_000));
    expect(takenOf(story.answer(question, eight))).toHaveLength(4);
  });

  test('what is taken on an agent is enough for an offer there', () => {
    story.hear([withLeast({ cpus: 10, mem: 32_000 }), hasAgent(both(8000, 64_000))]);
    story.hear([subscribed('rich'), richHas({ cpus: 8000, mem: 64_000 }), subscribed('poor')]);
    story.hear([guaranteed('poor', 1000)]);
    const bare = tasksOf(4, both(1000, 0)).map((task) => ({ ...task, launchedAtMs: 1 }));
    const [last] = tasksOf(5, both(1000, 32_000)).slice(-1);
    if (last === undefined) throw new Error('there is a task');
    const taken = takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question, [...bare, last]));
    expect(taken.map(({ task }) => task.taskId)).toEqual(['t4']);
  });

  test('a guarantee of what the least offer does not name is claimed', () => {
    const gpus = { scalars: { cpus: 1, gpus: 1000 }, ports: [], sets: {} };
    const ofGpus = { kind: 'frameworkShare', framework: ref('poor'), weight: 1000, limit: {} };
    story.hear([
      settings(),
      { ...anAgent(), total: { ...gpus, scalars: { cpus: 10, gpus: 4000 } } } as Fact,
    ]);
    story.hear([subscribed('rich'), richHas({ cpus: 4, gpus: 4000 }), subscribed('poor')]);
    story.hear([{ ...ofGpus, guarantee: { gpus: 2000 } } as Fact, uses('poor', 6)]);
    const four = tasks(4).map((task) => ({ ...task, resources: gpus }));
    expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question, four))).toHaveLength(2);
  });

  test('where any amount is an offer, both claims are served all the same', () => {
    story.hear([withLeast({ cpus: 0 }), hasAgent(both(10_000, 320_000))]);
    story.hear([subscribed('rich'), richHas({ cpus: 10_000, mem: 320_000 }), subscribed('poor')]);
    const ten = tasksOf(10, both(1000, 32_000));
    story.pass(LOOK_MS);
    story.pass(STARVATION_MS + 1);
    story.nowMs = story.reclaimer.nextWakeMs();
    const starved = questionOf(story.reclaimer.tick(story.nowMs));
    expect(starved.needs).toEqual([{ resources: both(10, 32_000), constraints: [] }]);
    expect(takenOf(story.answer(starved.question, ten))).toHaveLength(5);
    story.hear(ten.map(({ task }): Fact => ({ kind: 'revoked', task })));
    story.hear([guaranteed('poor', 3000)]);
    story.nowMs += 20_000;
    const short = questionOf(story.reclaimer.tick(story.nowMs));
    expect(takenOf(story.answer(short.question, ten))[0]?.reason).toBe('belowGuarantee');
  });
});

describe('of a framework with a guarantee of its own', () => {
  const offered: Fact = {
    kind: 'outstanding',
    framework: ref('rich'),
    offers: 1,
    scalars: { cpus: 3 },
  };

  test('an offer in another role is nothing that it would keep', () => {
    story.full(guaranteed('poor', 3), guaranteed('rich', 8), uses('rich', 3, 'other'), offered);
    const { question, holders } = questionOf(story.pass(LOOK_MS));
    expect(holders).toContainEqual({ framework: ref('rich'), role, spare: { cpus: 2 } });
    expect(takenOf(story.answer(question))).toHaveLength(2);
  });

  test('no more goes from all its roles together, what is coming back already included', () => {
    const other = RoleName.parse('other');
    const [gone] = tasks(20).slice(-1);
    if (gone === undefined) throw new Error('there is a task');
    const beneficiary = { framework: ref('poor'), role };
    story.full(
      guaranteed('poor', 9),
      guaranteed('rich', 7),
      uses('rich', 5),
      uses('rich', 5, 'other'),
    );
    story.hear(
      isTaken([{ task: gone.task, agentId: agent('a1'), beneficiary, reason: 'belowGuarantee' }]),
    );
    const named = tasks(10).map((task, index) => (index < 5 ? task : { ...task, role: other }));
    expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question, named))).toHaveLength(2);
  });
});

// Owns the rules of what a framework's plan makes of groups that an earlier scheduler launched: which members it has to ask
// for, and how a group ends of which some had ended before. That it asks, and when, is framework-takeover.test.ts's.
import type { TaskId } from '@parley/protocol/ids';
import type { TaskState, TaskStatus } from '@parley/protocol/tasks';
import { describe, expect, it } from 'vitest';
import { cmd, type DesiredTask } from './desired-task.ts';
import type { FrameworkUpdate } from './framework-update.ts';
import { PlanFixture } from './plan-fixture.ts';

const ROOMY = { cpus: 100 };
const pod = (size: number, rest: Partial<DesiredTask> = {}): DesiredTask => {
  const members = Array.from({ length: size }, () => ({ need: { cpus: 1 }, run: cmd('true') }));
  const executor = { executorId: 'pod', kind: 'default' };
  return { key: 'g', members, executor, ...rest } as DesiredTask;
};
const member = (index: number): TaskId => `g-t0-1x${index}` as TaskId;
const says = (states: Record<number, TaskStatus['state']>): TaskStatus[] =>
  Object.entries(states).map(([index, state]) => ({ taskId: member(Number(index)), state }));

/** A scheduler that takes over, with a group in its list. */
class Takeover extends PlanFixture {
  constructor(list: readonly DesiredTask[]) {
    super({ incarnation: 't1' });
    this.desired(list);
  }

  recovered(states: Record<number, TaskStatus['state']>): void {
    this.take(this.plan.recovered(says(states), this.nowMs));
  }

  /** The members that the leader is asked for before this end is judged, and the judgement with its answer. */
  ends(
    index: number,
    state: TaskState,
    answer: Record<number, TaskStatus['state']> = {},
  ): { asked: readonly TaskId[]; told: FrameworkUpdate | undefined } {
    const update = this.an(member(index), state);
    const asked = this.plan.doubtfulMembers(update);
    this.take(this.plan.membersTold(says(answer), this.nowMs, update));
    return { asked, told: this.update(member(index), state) };
  }
}

describe('a framework that takes over and hears the last end of a group', () => {
  it('asks for the members of which it heard nothing, and is through with the group when they finished', () => {
    const fixture = new Takeover([pod(3)]);
    const { asked, told } = fixture.ends(1, 'finished', { 0: 'finished', 2: 'finished' });
    expect(asked).toEqual([member(0), member(2)]);
    expect(told).toMatchObject({ terminal: true, willRetry: false });
    fixture.recovered({});
    expect(fixture.offer(ROOMY)).toEqual([]);
  });

  it('counts the attempt as failed when a member failed before, and runs all of it again', () => {
    const fixture = new Takeover([pod(2)]);
    const { told } = fixture.ends(1, 'finished', { 0: 'failed' });
    expect(told).toMatchObject({ state: 'finished', terminal: true, willRetry: true });
    fixture.recovered({});
    fixture.pass(1000);
    expect(fixture.offer(ROOMY).map(({ taskId }) => taskId)).toEqual(['g-t1-1x0', 'g-t1-1x1']);
    expect(fixture.plan.explain('g', fixture.nowMs)).toMatchObject({ state: 'staging' });
  });

  it('waits for a member that the leader says lives', () => {
    const fixture = new Takeover([pod(2)]);
    expect(fixture.ends(1, 'finished', { 0: 'running' }).told).toMatchObject({ terminal: false });
    expect(fixture.ends(0, 'finished')).toMatchObject({
      asked: [],
      told: { terminal: true, willRetry: false },
    });
  });

  it('runs it again when the leader has forgotten a member: nobody knows that it finished', () => {
    const fixture = new Takeover([pod(2)]);
    const { told } = fixture.ends(1, 'finished', { 0: 'unknown' });
    expect(told).toMatchObject({ terminal: true, willRetry: true });
    fixture.recovered({});
    fixture.pass(1000);
    expect(fixture.offer(ROOMY)).toHaveLength(2);
  });

  it('counts a failure as one, also where another member is forgotten', () => {
    const fixture = new Takeover([pod(2, { retry: { max: 1 } })]);
    const { told } = fixture.ends(1, 'failed', { 0: 'unknown' });
    expect(told).toMatchObject({ terminal: true, willRetry: false });
    expect(fixture.plan.explain('g', fixture.nowMs).state).toBe('quarantined');
  });

  it('asks again for those that an answer left out', () => {
    const fixture = new Takeover([pod(3)]);
    const update = fixture.an(member(1), 'finished');
    fixture.take(fixture.plan.membersTold(says({ 0: 'finished' }), fixture.nowMs, update));
    expect(fixture.plan.doubtfulMembers(update)).toEqual([member(2)]);
  });

  it('asks for nobody while another member lives, of a single task, of its own launch, or of what nobody desires', () => {
    const living = new Takeover([pod(3)]);
    living.update(member(0), 'running');
    expect(living.ends(1, 'finished').asked).toEqual([]);
    const single = new Takeover([{ key: 'g', need: { cpus: 1 }, run: cmd('true') }]);
    expect(single.plan.doubtfulMembers(single.an('g-t0-1', 'finished'))).toEqual([]);
    const own = PlanFixture.begun([pod(2)]);
    own.offer(ROOMY);
    own.update(member(0), 'finished');
    own.desired([pod(3)]);
    expect(own.plan.doubtfulMembers(own.an(member(1), 'finished'))).toEqual([]);
    expect(own.plan.missingMembers()).toEqual([]);
    const unwanted = new Takeover([]);
    expect(unwanted.ends(1, 'finished').asked).toEqual([]);
    expect(unwanted.plan.doubtfulMembers(unwanted.an('no-name-of-ours', 'finished'))).toEqual([]);
  });
});

describe('a framework that takes over and finds a group running', () => {
  it('misses the members that the leader did not name, until it knows them', () => {
    const fixture = new Takeover([pod(3)]);
    expect(fixture.ends(1, 'finished', { 0: 'running' }).asked).toEqual([member(0), member(2)]);
    fixture.recovered({ 0: 'running' });
    expect(fixture.plan.missingMembers()).toEqual([member(2)]);
    fixture.take(fixture.plan.membersTold(says({ 2: 'failed' }), fixture.nowMs));
    expect(fixture.plan.missingMembers()).toEqual([]);
    expect(fixture.ends(0, 'finished')).toMatchObject({
      asked: [],
      told: { terminal: true, willRetry: true },
    });
  });

  it('does not take up again what has ended since the leader was asked', () => {
    const fixture = new Takeover([pod(2)]);
    for (const taskId of [member(0), member(1), 'old-t0-1']) fixture.update(taskId, 'running');
    fixture.update(member(1), 'finished');
    fixture.update('old-t0-1', 'killed');
    const old = { taskId: 'old-t0-1' as TaskId, state: 'running' as const };
    const statuses = [...says({ 0: 'running', 1: 'running' }), old];
    fixture.take(fixture.plan.recovered(statuses, fixture.nowMs));
    expect(fixture.plan.liveTasks()).toEqual([member(0)]);
    expect(fixture.update(member(0), 'finished')).toMatchObject({
      terminal: true,
      willRetry: false,
    });
    expect(fixture.offer(ROOMY)).toEqual([]);
  });

  it('believes what it has heard meanwhile, not the answer to what it asked before', () => {
    const fixture = new Takeover([pod(2)]);
    fixture.recovered({ 0: 'running' });
    fixture.update(member(1), 'failed');
    fixture.take(fixture.plan.membersTold(says({ 0: 'unknown', 1: 'running' }), fixture.nowMs));
    expect(fixture.plan.liveTasks()).toEqual([member(0)]);
    expect(fixture.update(member(0), 'killed')).toMatchObject({ terminal: true, willRetry: true });
  });

  it('begins nothing anew with an answer about a group that has ended, or is desired no more', () => {
    const fixture = new Takeover([pod(2)]);
    fixture.recovered({ 0: 'running' });
    fixture.desired([]);
    fixture.update(member(0), 'killed');
    fixture.desired([pod(2)]);
    fixture.take(fixture.plan.membersTold(says({ 1: 'running' }), fixture.nowMs));
    expect(fixture.plan.liveTasks()).toEqual([]);
    expect(fixture.offer(ROOMY)).toHaveLength(2);
  });

  it('is not misled by a reconciliation before it knows what runs', () => {
    const fixture = new Takeover([pod(2)]);
    const reason = 'reconciliation';
    expect(fixture.update(member(0), 'running', { reason })).toBeUndefined();
    expect(fixture.plan.liveTasks()).toEqual([]);
    fixture.recovered({});
    expect(fixture.update(member(0), 'running', { reason })).toMatchObject({ state: 'running' });
    expect(fixture.plan.liveTasks()).toEqual([member(0)]);
  });
});

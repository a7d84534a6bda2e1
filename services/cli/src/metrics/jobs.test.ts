import type { ClusterEvent } from '@parley/cluster/events';
import { AgentId, FrameworkRef, RoleName, TaskRef } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { TaskState } from '@parley/protocol/tasks';
import { describe, expect, it } from 'vitest';
import { JobFold } from './jobs.ts';

const framework = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-1' });
const subscribed = (session: number): ClusterEvent => ({
  type: 'frameworkSubscribed',
  framework,
  name: 'batch',
  roles: [RoleName.parse('batch')],
  session,
});
const taskIs = (taskId: string, to: TaskState): ClusterEvent => ({
  type: 'taskStateChanged',
  task: TaskRef.parse({ ...framework, taskId }),
  name: '',
  agentId: AgentId.parse('agent-1'),
  from: undefined,
  to,
  resources: NO_RESOURCES,
});

describe('JobFold', () => {
  it('measures completion from the first subscription to the last status update', () => {
    const fold = new JobFold();
    fold.apply(100, subscribed(1));
    fold.apply(150, { type: 'frameworkRampedUp', framework, rampUpMs: 50 });
    fold.apply(200, taskIs('a', 'running'));
    fold.apply(900, taskIs('a', 'finished'));
    expect(fold.jobs()[0]).toMatchObject({ rampUpMs: 50, completionMs: undefined, endedTasks: 1 });
    fold.apply(5000, { type: 'frameworkRemoved', framework, reason: 'teardown' });
    expect(fold.jobs()[0]?.completionMs).toBe(800);
  });

  it('takes a framework that came back for the same job', () => {
    const fold = new JobFold();
    fold.apply(100, subscribed(1));
    fold.apply(400, subscribed(2));
    expect(fold.jobs()).toHaveLength(1);
    expect(fold.jobs()[0]?.submittedAtMs).toBe(100);
  });

  it('passes over what is about a framework whose beginning it has not seen', () => {
    const fold = new JobFold();
    fold.apply(1, taskIs('a', 'finished'));
    fold.apply(2, { type: 'frameworkRemoved', framework, reason: 'teardown' });
    expect(fold.jobs()).toEqual([]);
  });
});

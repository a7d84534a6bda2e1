// Tests of what a kill says.
import { TaskStatus } from '@parley/protocol/tasks';
import { describe, expect, it } from 'vitest';
import { EXIT } from './command-failure.ts';
import { checkKilled, describeKill, isEndNear } from './kill-report.ts';
import type { ShownTask } from './task-table.ts';

const task = 'a/b/c';
const statusIs = (state: string, more: object = {}) =>
  TaskStatus.parse({ taskId: 'c', agentId: 'a1', state, ...more });
const endedAs = (state: string, reason = ''): ShownTask => ({
  task,
  name: '',
  state,
  agent: 'a1',
  cpus: '0',
  memory: '0 MiB',
  isRevocable: false,
  reason,
  cause: undefined,
  message: '',
  exitCode: undefined,
  signal: undefined,
  ended: true,
});

describe('parley task kill', () => {
  it('waits for the end of a task, but not while its agent is away or when it has ended', () => {
    for (const state of ['staging', 'running', 'killing']) {
      expect(isEndNear(task, statusIs(state))).toBe(true);
    }
    for (const state of ['unreachable', 'finished', 'gone']) {
      expect(isEndNear(task, statusIs(state))).toBe(false);
    }
  });

  it('fails when nobody knows the task', () => {
    expect(() => isEndNear(task, statusIs('unknown'))).toThrow(
      expect.objectContaining({ exitCode: EXIT.notFound }),
    );
  });

  it.each([
    ['killing', {}, 'a/b/c: asked to stop on a1, killing'],
    ['staging', {}, 'a/b/c: asked to stop on a1, staging'],
    [
      'finished',
      { reason: 'commandExited' },
      'a/b/c: had ended before on a1: finished (commandExited)',
    ],
    [
      'unreachable',
      {},
      'a/b/c: unreachable on a1: it is killed when its agent returns, or gone with it',
    ],
  ])('prints the status when the call was carried out: %s', (state, more, line) => {
    expect(describeKill({ task, status: statusIs(state, more), ended: undefined })).toBe(line);
  });

  it('prints how the task ended, and fails when that is not by being killed', () => {
    const status = statusIs('killing');
    const killed = { task, status, ended: endedAs('killed') } as const;
    expect(describeKill(killed)).toBe('a/b/c: killed');
    expect(() => checkKilled(killed)).not.toThrow();
    expect(() => checkKilled({ task, status, ended: undefined })).not.toThrow();
    expect(() => checkKilled({ ...killed, ended: endedAs('finished', 'commandExited') })).toThrow(
      expect.objectContaining({ exitCode: EXIT.failed }),
    );
  });
});

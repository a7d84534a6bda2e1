import { describe, expect, it } from 'vitest';
import {
  agentArgument,
  clusterArgument,
  contextFirst,
  countArgument,
  durationArgument,
  frameworkArgument,
  intervalArgument,
  percentArgument,
  rolesArgument,
  taskArgument,
} from './arguments.ts';

describe('arguments', () => {
  it('take a task as the list prints it and nothing else', () => {
    expect(taskArgument('batch/run-1/task-7')).toEqual({
      principal: 'batch',
      frameworkId: 'run-1',
      taskId: 'task-7',
    });
    for (const wrong of ['task-7', 'a/b', 'a/b/c/d', 'a//c', 'a/b/c.d', '../b/c']) {
      expect(() => taskArgument(wrong), wrong).toThrow(/must be|PRINCIPAL\/FRAMEWORK\/TASK/);
    }
  });

  it('take a framework as the list prints it and nothing else', () => {
    expect(frameworkArgument('batch/run-1')).toEqual({ principal: 'batch', frameworkId: 'run-1' });
    for (const wrong of ['run-1', 'a/b/c', '/b', 'a/', 'a/b.c', '']) {
      expect(() => frameworkArgument(wrong), wrong).toThrow(/must be|PRINCIPAL\/FRAMEWORK/);
    }
  });

  it('refuse ids that the protocol does not allow', () => {
    expect(clusterArgument('local-2')).toBe('local-2');
    for (const wrong of ['', 'a.b', 'a b', '*', '>', 'x'.repeat(65)]) {
      expect(() => clusterArgument(wrong), wrong).toThrow('1 to 64 characters');
    }
  });

  it('know that the master is no agent', () => {
    expect(agentArgument('agent-1')).toBe('agent-1');
    expect(() => agentArgument('master')).toThrow('no agent id');
  });

  it('take a share as a percentage', () => {
    expect([percentArgument('50'), percentArgument('33.3%'), percentArgument('100')]).toEqual([
      50, 33.3, 100,
    ]);
    for (const wrong of ['0', '101', '33.33', '-1', 'half', '', '1e1']) {
      expect(() => percentArgument(wrong), wrong).toThrow('percentage');
    }
  });

  it('take roles as a list', () => {
    expect(rolesArgument('web, eng/search')).toEqual(['web', 'eng/search']);
    expect(() => rolesArgument('web,')).toThrow('components');
  });

  it('take counts and durations with their bounds and units', () => {
    expect(countArgument(1)('200')).toBe(200);
    for (const wrong of ['0', '-1', '1.5', 'many', '']) {
      expect(() => countArgument(1)(wrong), wrong).toThrow('whole number');
    }
    expect([durationArgument('500ms'), durationArgument('1.5s'), durationArgument('2m')]).toEqual([
      500, 1500, 120_000,
    ]);
    expect(() => durationArgument('5')).toThrow('such as');
  });

  it('take an allocation interval from 0 to 10 s', () => {
    expect(['0', '0ms', '250ms', '10s'].map(intervalArgument)).toEqual([0, 0, 250, 10_000]);
    for (const wrong of ['10001ms', '1m', '5', '-1s', '']) {
      expect(() => intervalArgument(wrong), wrong).toThrow('such as');
    }
  });
});

describe('the context', () => {
  it('may stand before or behind the command', () => {
    expect(contextFirst(['status', '--json', '--context', 'prod'])).toEqual([
      '--context',
      'prod',
      'status',
      '--json',
    ]);
    expect(contextFirst(['status', '--context=prod'])).toEqual(['--context=prod', 'status']);
    expect(contextFirst(['--context', 'prod', 'status'])).toEqual(['--context', 'prod', 'status']);
  });

  it('is not looked for in the words of a command that is run, nor of a service', () => {
    const run = ['run', '--', 'tool', '--context', 'its-own'];
    expect(contextFirst(run)).toEqual(run);
    const agent = ['agent', '--context', 'its-own'];
    expect(contextFirst(agent)).toEqual(agent);
  });

  it('is looked for behind what operators ask of masters', () => {
    for (const verb of ['list', 'step-down']) {
      expect(contextFirst(['master', verb, '--context', 'prod'])).toEqual([
        ...['--context', 'prod'],
        ...['master', verb],
      ]);
    }
    const allocator = ['allocator', 'list', '--context', 'its-own'];
    expect(contextFirst(allocator)).toEqual(allocator);
  });

  it('is looked for behind what operators ask of agents', () => {
    for (const verb of ['list', 'deactivate', 'drain', 'reactivate', 'gone']) {
      expect(contextFirst(['agent', verb, 'a1', '--context', 'prod'])).toEqual([
        ...['--context', 'prod'],
        ...['agent', verb, 'a1'],
      ]);
    }
  });
});

// Tests which paths name the sandbox of a task, and that nothing else does.
import { AgentId, TaskRef } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { modeText } from './sandbox-files.ts';
import { readSandboxPath, sandboxDirectory } from './sandbox-paths.ts';

const agentId = AgentId.parse('a1');
const task = TaskRef.parse({ principal: 'alice', frameworkId: 'f1', taskId: 't1' });

test('the directory of a task that the pages tell is read back, with what is inside', () => {
  const directory = sandboxDirectory(agentId, task);
  const whole = { ok: true, value: { agentId, task, inside: '' } };
  expect(readSandboxPath(directory)).toStrictEqual(whole);
  expect(readSandboxPath(`${directory}/`)).toStrictEqual(whole);
  expect(readSandboxPath(directory.slice(1))).toStrictEqual(whole);
  expect(readSandboxPath(`${directory}/logs/a b/stdout`)).toMatchObject({
    value: { inside: 'logs/a b/stdout' },
  });
});

test('a task is found by the id that its framework chose, and beside its executor', () => {
  const of = (executor: string, more = '') =>
    readSandboxPath(`/slaves/a1/frameworks/alice.f1/executors/${executor}/runs/latest${more}`);
  expect(of('one.task:1')).toMatchObject({ value: { task: { taskId: '__e_one_ptask_k1' } } });
  expect(of('executor', '/tasks/t1/stdout')).toMatchObject({ value: { task, inside: 'stdout' } });
});

test.each([
  '',
  '/etc/passwd',
  '/slaves/a1',
  '/slaves/a1/frameworks/alice/executors/t1/runs/latest',
  '/slaves/../frameworks/alice.f1/executors/t1/runs/latest',
  '/slaves/a1/frameworks/alice.f1/executors//runs/latest',
  '/slaves/a1/frameworks/alice.f1/executors/t1/runs/latest/../x',
  '/slaves/a1/frameworks/alice.f1/executors/t1/runs/latest/a/./b',
  '/slaves/a1/frameworks/alice.f1/executors/t1/runs/latest/a\0b',
])('%j names no file', (path) => {
  expect(readSandboxPath(path)).toMatchObject({ ok: false, failure: { code: 'unknownFile' } });
});

test('modes read as ls tells them', () => {
  expect([0o100644, 0o040755, 0o120777].map(modeText)).toStrictEqual([
    '-rw-r--r--',
    'drwxr-xr-x',
    'lrwxrwxrwx',
  ]);
});

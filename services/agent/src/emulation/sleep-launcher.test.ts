import type { TaskKey } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { expect, it } from 'vitest';
import { SleepLauncher } from './sleep-launcher.ts';

const KEY: TaskKey = 'p/f/t';

const description = (...argv: string[]): TaskDescription =>
  TaskDescription.parse({ taskId: 't', resources: { scalars: { cpus: 1000 } }, command: { argv } });

it.each([
  [['sleep', '20'], 20_000],
  [['sleep', '0.25'], 250],
  [['sh', '-c', 'echo a; sleep 3; echo b'], 3000],
  [['oversleep', '9'], 0],
  [['true'], 0],
])('a task whose command is %j lasts %d ms', (argv, lastsMs) => {
  const launcher = new SleepLauncher();
  launcher.launch(KEY, description(...argv), 1000);
  expect(launcher.nextEndMs()).toBe(1000 + lastsMs);
  expect(launcher.takeEnded(1000 + lastsMs - 1)).toEqual([]);
  const end = { task: KEY, outcome: { state: 'exited', code: 0 } };
  expect(launcher.takeEnded(1000 + lastsMs)).toEqual([end]);
  expect(launcher.takeEnded(90_000)).toEqual([]);
});

it('a task that was stopped does not end by itself', () => {
  const launcher = new SleepLauncher();
  launcher.launch(KEY, description('sleep', '1'), 0);
  expect(launcher.stop(KEY)).toBe(true);
  expect(launcher.stop(KEY)).toBe(false);
  expect(launcher.takeEnded(5000)).toEqual([]);
});

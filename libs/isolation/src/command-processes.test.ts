// Tests of ending a command with what it has started.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { belongingTo, CommandProcesses } from './command-processes.ts';
import { identifyProcess, isProcessAlive, type ProcessIdentity } from './process-identity.ts';

test('descendants belong to it, and who shares a session with one of them, and nobody else', () => {
  const processes = [
    { pid: 10, parent: 1, session: 10 },
    { pid: 11, parent: 10, session: 11 },
    { pid: 12, parent: 11, session: 12 },
    // Its parent has ended, and it was in the session of 11.
    { pid: 13, parent: 1, session: 11 },
    { pid: 20, parent: 1, session: 20 },
    { pid: 21, parent: 20, session: 9 },
  ];
  const sessions = new Set([10]);
  expect(belongingTo(sessions, processes).map(({ pid }) => pid)).toEqual([10, 11, 12, 13]);
  const left = processes.filter(({ pid }) => pid === 13 || pid === 20);
  expect(belongingTo(sessions, left).map(({ pid }) => pid)).toEqual([13]);
});

test('what a command has started ends with it, in a session of its own as well', async () => {
  const script = 'trap "" HUP TERM; setsid sleep 1000 & sleep 1000 & echo $! up; wait';
  const child = spawn('sh', ['-c', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const started = await identifyProcess(Number.parseInt(said.toString(), 10));
  const ended = once(child, 'exit');
  await new CommandProcesses(child.pid ?? 0).kill();
  expect((await ended)[1]).toBe('SIGKILL');
  await expect
    .poll(() => isProcessAlive(started as ProcessIdentity), { timeout: 30_000 })
    .toBe(false);
});

test('once nothing is left it knows no session any more: their numbers may become those of others', async () => {
  const child = spawn('sh', ['-c', 'exit 0'], { detached: true, stdio: 'ignore' });
  const processes = new CommandProcesses(child.pid ?? 0);
  expect(processes.innermost).toBe(child.pid);
  await once(child, 'exit');
  await processes.kill();
  expect(processes.innermost).toBe(0);
});

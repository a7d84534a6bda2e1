// Tests the shim where it cannot do its work: no process can be made for the task, or what it is told is not whole.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { outcomeOf } from './exit-status.ts';
import { environmentFragment } from './launcher.ts';
import { prepareRunDirectory, readExitRecord } from './run-directory.ts';

const SHIM = fileURLToPath(new URL('./shim.sh', import.meta.url));
/** Of nobody: the limit of processes is one for each user, and root has none. */
const USER = 54_321;

it('only root: a task for which no process can be made has not started, and that is recorded', async ({
  skip,
}) => {
  skip(process.getuid?.() !== 0, 'only root can become a user of no other process');
  const root = await mkdtemp(path.join(tmpdir(), 'parley-shim-'));
  try {
    const run = path.join(root, 'unit-1');
    await prepareRunDirectory(run, { environment: 'whole=1\n' });
    const files = ['.', '.ended', 'unit-1', 'unit-1/environment', 'unit-1/process', 'unit-1/exit'];
    for (const file of files) await chown(path.join(root, file), USER, USER);
    const as = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--'];
    const shim = ['/bin/sh', SHIM, 'process', run, root, '--', 'true'];
    const words = [...as, 'prlimit', '--nproc=1', ...shim];
    const child = spawn('setpriv', words, { cwd: '/', detached: true, stdio: 'ignore' });
    await once(child, 'exit');
    const record = await readExitRecord(run);
    expect(record && outcomeOf(record)).toMatchObject({
      ...{ state: 'couldNotStart', fault: 'memoryForStart' },
    });
  } finally {
    await rm(root, { recursive: true });
  }
});

it('of a fragment that ends too early nothing is run, and the task has not started', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'parley-shim-'));
  try {
    const command = ['touch', path.join(root, 'ran')];
    const fragment = environmentFragment({
      ...{ unit: 'unit', runDirectory: root, sandboxDirectory: root, command, environment: {} },
      ...{ stdoutPath: root, stderrPath: root, limits: { cpuMillis: 1, memoryMib: 1 } },
    });
    const lines = fragment.split('\n');
    const cuts = lines.slice(0, -1).map((_, index) => lines.slice(0, index).join('\n'));
    for (const [index, cut] of [...cuts, fragment].entries()) {
      const isWhole = cut === fragment;
      const run = path.join(root, `unit-${index}`);
      await prepareRunDirectory(run, { environment: cut });
      const child = spawn('/bin/sh', [SHIM, 'process', run, root, '--', ...command], {
        cwd: '/',
        detached: true,
        stdio: 'ignore',
      });
      await once(child, 'exit');
      const record = await readExitRecord(run);
      const { state } = record === undefined ? { state: 'none' } : outcomeOf(record);
      const ran = await readFile(path.join(root, 'ran')).then(
        () => true,
        () => false,
      );
      expect({ cut, state, ran }).toEqual({
        cut,
        state: isWhole ? 'exited' : 'couldNotStart',
        ran: isWhole,
      });
    }
  } finally {
    await rm(root, { recursive: true });
  }
});

it('a task whose sandbox went before its start has not started, and that is recorded', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'parley-shim-'));
  try {
    const run = path.join(root, 'unit-1');
    await prepareRunDirectory(run, { environment: 'whole=1\n' });
    const gone = path.join(root, 'gone');
    const words = [SHIM, 'process', run, gone, '--', 'touch', path.join(root, 'ran')];
    const child = spawn('/bin/sh', words, { cwd: '/', detached: true, stdio: 'ignore' });
    await once(child, 'exit');
    const record = await readExitRecord(run);
    expect(record && outcomeOf(record)).toMatchObject({
      ...{ state: 'couldNotStart', fault: 'sandboxUnavailable' },
    });
    expect(await readdir(root)).not.toContain('ran');
  } finally {
    await rm(root, { recursive: true });
  }
});

// Tests the shim where it cannot do its work: no process can be made for the task.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { outcomeOf } from './exit-status.ts';
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
    await prepareRunDirectory(run, { environment: 'set -- "$@"\n' });
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

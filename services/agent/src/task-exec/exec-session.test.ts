// A test of the one order of events that only a busy agent sees; what sessions do is tested in exec-desk.test.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ExecSession } from './exec-session.ts';

const WAIT_MS = 30_000;

/** Nothing else happens in this process meanwhile. */
function awaitExit({ pid }: ChildProcess): void {
  const untilMs = performance.now() + WAIT_MS;
  const isThere = () => !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (isThere()) if (performance.now() > untilMs) throw new Error('it does not end');
}

// Of all children that have ended this process hears at once, and hears what one of them said at the end only then.
test('a command of which its end is heard before anything else has run all the same', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-exec-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const waiting = 'until [ -e go ]; do sleep 0.02; done';
  const command = spawn('sh', ['-c', `${waiting}; echo entered >&3; exec 3>&-; exit 5`], {
    ...{ cwd: directory, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] },
  });
  const session = new ExecSession(command);
  const other = spawn('echo', ['said'], { stdio: ['ignore', 'pipe', 'ignore'] });
  awaitExit(other);
  other.stdout.on('data', () => {
    writeFileSync(path.join(directory, 'go'), '');
    awaitExit(command);
  });
  await once(command, 'exit');
  await expect
    .poll(() => session.output(0, 1000), { timeout: WAIT_MS })
    .toMatchObject({ end: { kind: 'exited', code: 5 } });
});

// Which system calls a confined task is refused, tried with real scopes; and that what programs need is there.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runInScope } from '@parley/isolation/enter-scope';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { stopScope } from '@parley/isolation/stop-scope';
import { ARGUMENT_RULES, CLONE3, REFUSED_CALLS } from '@parley/isolation/syscall-filter';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eachLauncher } from './each-launcher.ts';
import { aTask, type Bench, launched, openBench, saidBy, WAIT_MS } from './isolation-fixture.ts';

const processor = process.arch === 'x64' ? 0 : 1;
const EPERM = 1;
const ENOSYS = 38;

/** Prints what the calls with these words of Perl in parentheses end with, as numbers of errors. */
function errorsOf(calls: readonly string[]): string {
  const each = calls.map((call) => `$! = 0; syscall(${call}); print $! + 0, " ";`);
  return `perl -e '${each.join(' ')}'`;
}

eachLauncher(['scope', 'systemd-run'])('a confined task run as a %s', (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kind);
  }, WAIT_MS);
  afterAll(() => bench.close(), WAIT_MS);

  const sh = (script: string): Promise<LaunchRequest> => aTask(bench, ['/bin/sh', '-c', script]);

  /** What a command beside a task says. */
  async function saidBeside(script: string): Promise<string> {
    const task = await sh('sleep 1000');
    await launched(bench, task);
    const outcome = await runInScope({
      ...task,
      command: ['/bin/sh', '-c', `{ ${script}; } > beside 2>&1`],
      timeoutMs: WAIT_MS,
      enterCommand: bench.settings.enterCommand,
    });
    expect(outcome).toMatchObject({ kind: 'exited' });
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
    return readFile(path.join(task.sandboxDirectory, 'beside'), 'utf8');
  }

  /** Both are asked the same. */
  async function expectOfBoth(script: string, expected: string): Promise<void> {
    expect(await saidBy(bench, await sh(`{ ${script}; } 2>&1`))).toBe(expected);
    expect(await saidBeside(script)).toBe(expected);
  }

  it('is refused every call that the filter names, and so is a command beside it', async () => {
    const numbers = Object.values(REFUSED_CALLS).flatMap((each) => each[processor] ?? []);
    const script = errorsOf(numbers.map((number) => `${number}, 0, 0, 0, 0, 0`));
    await expectOfBoth(script, `${EPERM} `.repeat(numbers.length));
  });

  it('makes no namespace of its own, by no call, and so does no command beside it', async () => {
    const { clone, unshare } = ARGUMENT_RULES;
    const newUser = 0x1000_0000;
    const calls = [
      `${clone.numbers[processor]}, ${newUser} | 17, 0, 0, 0, 0`,
      `${unshare.numbers[processor]}, ${newUser}`,
      `${CLONE3}, 0, 0`,
    ];
    await expectOfBoth(
      `${errorsOf(calls)}; unshare --user true > said 2>&1 || echo refused`,
      `${EPERM} ${EPERM} ${ENOSYS} refused\n`,
    );
  });

  it('types nothing into a terminal, and gives it a size all the same', async () => {
    const type = 'perl -e "my \\$typed = q(x); ioctl(STDIN, 0x5412, \\$typed); print \\$! + 0"';
    const said = await saidBy(
      bench,
      await sh(`script -qec '${type}; stty rows 7; stty size' /dev/null`),
    );
    expect(said).toBe(`${EPERM}7 0\r\n`);
  });

  it('runs processes, pipes and archives as ever', async () => {
    const script =
      'mkdir d && echo kept > d/file && tar czf d.tgz d && rm -r d && tar xzf d.tgz && cat d/file; seq 3 | sort -r | xargs -n1 -P2 true; (sleep 0.01 & wait) && echo done';
    await expectOfBoth(script, 'kept\ndone\n');
  });
});

// What a confined task cannot do, tried with real scopes: see, change or become what is not its own; and that being
// confined changes nothing about how its end is told and how it is stopped.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { makeDeviceNodes } from '@parley/isolation/device-nodes';
import { runInScope } from '@parley/isolation/enter-scope';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { stopScope } from '@parley/isolation/stop-scope';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { eachLauncher } from './each-launcher.ts';
import {
  aTask,
  type Bench,
  endOf,
  launched,
  openBench,
  saidBy,
  textOf,
  WAIT_MS,
} from './isolation-fixture.ts';

const isRoot = process.getuid?.() === 0;
const OTHER = { userId: 2_000_777, groupId: 2_000_777 };

eachLauncher(['scope', 'systemd-run'])('a confined task run as a %s', (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kind);
    await writeFile(path.join(bench.workDirectory, 'checkpoint'), 'secret', { mode: 0o644 });
  }, WAIT_MS);
  afterAll(() => bench.close(), WAIT_MS);

  const sh = (script: string, changes?: Partial<LaunchRequest>): Promise<LaunchRequest> =>
    aTask(bench, ['/bin/sh', '-c', script], changes);

  /** Of the same framework where the agent is not root: then namespaces alone keep them apart. */
  const ofAnother = (script: string): Promise<LaunchRequest> =>
    sh(script, {
      confinement: {
        owner: isRoot ? OTHER : undefined,
        places: bench.confinement?.places ?? [],
      },
    });

  it('has no capability, can get none, and is not root', async () => {
    const said = await saidBy(
      bench,
      await sh('id -u; grep -E "^(Cap|NoNewPrivs)" /proc/self/status'),
    );
    const [user, ...status] = said.trim().split('\n');
    expect(user).not.toBe('0');
    const expected = ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map(
      (set) => `Cap${set}:\t${'0'.repeat(16)}`,
    );
    expect(status).toEqual([...expected, 'NoNewPrivs:\t1']);
  });

  it('is told as one without a sandbox when that went before its start', async () => {
    const stdoutPath = path.join(bench.workDirectory, `gone-${kind}-stdout`);
    const stderrPath = path.join(bench.workDirectory, `gone-${kind}-stderr`);
    const task = await sh('echo ran', { stdoutPath, stderrPath });
    await rm(task.sandboxDirectory, { recursive: true });
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({
      state: 'couldNotStart',
      fault: 'sandboxUnavailable',
    });
    expect(await readFile(stdoutPath, 'utf8')).toBe('');
  });

  it('opens no device but those that every program needs, whatever rights the node gives', async ({
    skip,
  }) => {
    skip(!isRoot, 'a systemd of a user has no say about devices');
    const node = `/dev/parley-test-${process.pid}`;
    // As /dev/autofs, which can be opened by whoever the node lets, and does nothing by itself.
    execFileSync('mknod', ['-m', '666', node, 'c', '10', '235']);
    try {
      const needed = ['null', 'zero', 'full', 'random', 'urandom'].map((name) => `/dev/${name}`);
      const opened = (places: readonly string[]): string =>
        `for each in ${places.join(' ')}; do (: < $each) 2> /dev/null && echo $each; done; ls -ln ${node}`;
      const without = await saidBy(bench, await sh(opened([...needed, node])));
      expect(without.split('\n').slice(0, -2)).toEqual(needed);
      const task = await sh(opened([node]));
      const { confinement = { owner: undefined, places: [] }, runDirectory } = task;
      const devices = await makeDeviceNodes(runDirectory, [node], confinement.owner ?? OTHER);
      const given = await saidBy(bench, { ...task, confinement: { ...confinement, devices } });
      expect(given).toMatch(new RegExp(`^${node}\ncrw------- +1 2000000 +2000000 `));
    } finally {
      await rm(node);
    }
  });

  it('does not become root by a setuid program', async ({ skip }) => {
    skip(!isRoot, 'only root can make a program that is root’s');
    const task = await sh('./id -u');
    const program = path.join(task.sandboxDirectory, 'id');
    await copyFile('/usr/bin/id', program);
    await chmod(program, 0o4755);
    expect(await saidBy(bench, task)).toBe('2000000\n');
  });

  it('sees no process but its own, not even in /proc', async () => {
    const other = await ofAnother('sleep 1000');
    await launched(bench, { ...other, environment: { PASSWORD: 'of another' } });
    const script =
      'for each in /proc/[0-9]*; do tr "\\0" " " < $each/cmdline; echo; done; cat /proc/[0-9]*/environ | tr "\\0" "\\n"';
    const task = await sh(`{ ${script}; } 2> /dev/null`);
    const said = await saidBy(bench, task);
    expect(said).toContain('/bin/sh -c');
    expect(said).not.toMatch(/sleep|PASSWORD/);
    await stopScope(bench.launcher, other.unit, { graceMs: 0 });
  });

  it('does not see what is mounted on the host after its start', async ({ skip }) => {
    const { enterCommand } = bench.settings;
    skip(!isRoot || enterCommand.length === 0, 'only mounts of a private systemd are changed');
    const onHost = (...words: string[]): void => {
      const [program = '', ...rest] = [...enterCommand, ...words];
      execFileSync(program, rest);
    };
    onHost('mount', '--make-rshared', '/');
    try {
      const { owner, places = [] } = bench.confinement ?? { owner: undefined };
      const task = await sh('touch ready; until [ -e go ]; do sleep 0.05; done; ls -A /mnt', {
        confinement: { owner, places, hostSharesMounts: true },
      });
      await launched(bench, task);
      const ready = path.join(task.sandboxDirectory, 'ready');
      await vi.waitUntil(() => existsSync(ready), { timeout: WAIT_MS });
      onHost('mount', '-t', 'tmpfs', 'later', '/mnt');
      onHost('touch', '/mnt/later');
      await writeFile(path.join(task.sandboxDirectory, 'go'), '');
      expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
      expect(await textOf(task)).not.toContain('later');
      onHost('umount', '/mnt');
    } finally {
      onHost('mount', '--make-rprivate', '/');
    }
  });

  it('learns nothing of the host by the interpreter that its script names', async () => {
    const secret = path.join(bench.workDirectory, 'checkpoint');
    const known = await Promise.all(
      [secret, `${secret}-not`].map(async (interpreter) => {
        const task = await aTask(bench, ['./program']);
        const script = `#!/bin/sh\nsed -i '1s,.*,#!${interpreter},' program; exit 127\n`;
        await writeFile(path.join(task.sandboxDirectory, 'program'), script, { mode: 0o755 });
        if (isRoot) await chown(path.join(task.sandboxDirectory, 'program'), 2_000_000, 2_000_000);
        await launched(bench, task);
        return endOf(bench, task);
      }),
    );
    expect(known[0]).toEqual(known[1]);
  });

  it('does not see the sandbox of another, nor what its agent keeps', async () => {
    const other = await ofAnother('echo private > note; chmod 644 note; sleep 1000');
    await launched(bench, other);
    const { workDirectory } = bench;
    const secrets = [
      path.join(other.sandboxDirectory, 'note'),
      path.join(workDirectory, 'checkpoint'),
      path.join(other.runDirectory, 'process'),
    ];
    for (const file of secrets) {
      await expect
        .poll(() => readFile(file, 'utf8').catch(() => ''), { timeout: WAIT_MS })
        .not.toBe('');
    }
    const tries = secrets.map((file) => `cat '${file}' && exit 1; [ -e '${file}' ] && exit 2;`);
    const task = await sh(
      `{ ${tries.join(' ')} ls '${workDirectory}'; ls ..; } 2> /dev/null; exit 0`,
    );
    expect(await saidBy(bench, task)).toBe('');
    await stopScope(bench.launcher, other.unit, { graceMs: 0 });
  });

  it('has its environment from where no other user of the host can read it', async () => {
    const environment = { PASSWORD: 'of its own', EMPTY: '', AWKWARD: ' $a "b"\n\\c ' };
    const script = 'printf "<%s>" "$PASSWORD" "$EMPTY" "$AWKWARD"; echo; sleep 1000';
    const task = await sh(script, { environment });
    await launched(bench, task);
    const said = '<of its own><>< $a "b"\n\\c >\n';
    await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toBe(said);
    const enter = bench.settings.enterCommand;
    const [ps = '', ...words] = [...enter, 'ps', '-eo', 'args'];
    expect(execFileSync(ps, words, { encoding: 'utf8' })).not.toContain('PASSWORD=');
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
  });

  it('writes to its sandbox and nowhere else on the host', async () => {
    const places = ['/', '/etc', '/usr', '/var', '/run', '/home', bench.workDirectory, '..'];
    const tries = places.map((place) => `touch ${place}/parley-was-here && echo ${place};`);
    const task = await sh(`{ ${tries.join(' ')} } 2> /dev/null; touch mine && echo mine`);
    expect(await saidBy(bench, task)).toBe('mine\n');
  });

  it('has directories for temporary files of its own, which go with it', async () => {
    const directories = ['/tmp', '/var/tmp', '/dev/shm'];
    const write = directories.map((place) => `ls -A ${place}; touch ${place}/parley-mine &&`);
    const script = `${write.join(' ')} echo written`;
    // Its sandbox may lie below /tmp, and then shows there: by a name, and no more.
    const only = (said: string): string => said.replace(/^parley-isolation-.*\n/m, '');
    expect(only(await saidBy(bench, await sh(script)))).toBe('written\n');
    expect(only(await saidBy(bench, await sh(script)))).toBe('written\n');
    await expect(readFile('/tmp/parley-mine')).rejects.toThrow('ENOENT');
  });

  it('can open its outputs once more by their names', async () => {
    const task = await sh(
      'echo one; echo two >> /dev/stdout; echo three >> stdout; echo x >> /dev/stderr',
    );
    expect(await saidBy(bench, task)).toBe('one\ntwo\nthree\n');
  });

  it('does not see a hidden file, and sees a place that is let through, but cannot change it', async () => {
    const directory = path.join(bench.workDirectory, 'tools');
    await mkdir(directory, { recursive: true });
    await writeFile(path.join(directory, 'tool'), 'useful');
    const key = path.join(directory, 'key');
    await writeFile(key, 'secret', { mode: 0o644 });
    const places = [
      { path: key, is: 'hiddenFile' },
      ...(bench.confinement?.places ?? []),
      { path: directory, is: 'readOnly' },
    ] as const;
    const task = await sh(
      `cd ${directory}; cat tool; { cat key && exit 1; rm tool && exit 2; echo > tool && exit 3; } 2> /dev/null; exit 0`,
      { confinement: { owner: bench.confinement?.owner, places } },
    );
    expect(await saidBy(bench, task)).toBe('useful');
  });

  it('that does not handle SIGTERM is ended by it at once, and told to be', async () => {
    const task = await aTask(bench, ['sleep', '1000']);
    await launched(bench, task);
    const beganMs = performance.now();
    // Right away, so that most often the task is not there yet.
    expect(await stopScope(bench.launcher, task.unit, { graceMs: WAIT_MS })).toEqual({
      killed: false,
    });
    expect(performance.now() - beganMs).toBeLessThan(WAIT_MS / 4);
    expect(await endOf(bench, task)).toEqual({ state: 'signaled', signal: 'SIGTERM' });
  });

  it('gets a signal once, however far its start has come', async () => {
    const script = `n=0; trap 'n=$((n + 1))' TERM; while [ $n = 0 ]; do sleep 0.02; done; sleep 0.3; exit $n`;
    const ends = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const task = await sh(script);
        await launched(bench, task);
        await wait(index * 15);
        await bench.launcher.stop(task.unit, 'SIGTERM');
        return endOf(bench, task);
      }),
    );
    for (const end of ends) {
      expect([
        { state: 'signaled', signal: 'SIGTERM' },
        { state: 'exited', code: 1 },
      ]).toContainEqual(end);
    }
  });

  it.each(['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)(
    'gets %s as well',
    async (signal) => {
      const name = signal.slice('SIG'.length);
      const task = await sh(`trap "exit 4" ${name}; echo ready; while :; do sleep 0.05; done`);
      await launched(bench, task);
      await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toBe('ready\n');
      await bench.launcher.stop(task.unit, signal);
      expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 4 });
    },
  );

  it('has a command beside it that sees what it sees, as the same user', async () => {
    const task = await sh('echo mine > /tmp/note; sleep 1000');
    await launched(bench, task);
    const note = 'until [ -e /tmp/note ]; do sleep 0.05; done';
    const script = `${note}; cat /tmp/note; pwd; id -u; grep -c . /proc/1/comm; cat /proc/1/comm; grep CapBnd /proc/self/status`;
    const outcome = await runInScope({
      ...task,
      command: ['/bin/sh', '-c', `{ ${script}; } > beside`],
      timeoutMs: WAIT_MS,
      enterCommand: bench.settings.enterCommand,
    });
    expect(outcome).toEqual({ kind: 'exited', code: 0 });
    const user = String(task.confinement?.owner?.userId ?? process.getuid?.());
    const said = await readFile(path.join(task.sandboxDirectory, 'beside'), 'utf8');
    expect(said.trim().split('\n')).toEqual([
      ...['mine', task.sandboxDirectory, user, '1', 'bwrap'],
      `CapBnd:\t${'0'.repeat(16)}`,
    ]);
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
  });

  it('leaves nothing behind: children in sessions of their own end with it', async () => {
    const name = `parley-${process.pid}-${kind}`;
    const script = `cp /bin/sleep ./${name}; setsid ./${name} 1000 & (setsid ./${name} 1000 &); sleep 0.2`;
    await saidBy(bench, await sh(script));
    await wait(200);
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(processes).not.toContain(`./${name}`);
  });
});

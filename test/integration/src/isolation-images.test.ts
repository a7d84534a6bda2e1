// What a task with an image sees and may do, tried with real scopes: its image's files and not its host's, with nothing in the
// image but what it needs itself; and that of all that nothing stays.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { copyPrograms } from '@parley/agent/images/made-layout';
import { runInScope } from '@parley/isolation/enter-scope';
import { imageDirectoryOf, rememberImage } from '@parley/isolation/image-root';
import { prepareImageTools } from '@parley/isolation/image-tools';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { readLog } from '@parley/isolation/sandbox';
import { stopScope } from '@parley/isolation/stop-scope';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aTask, type Bench, endOf, launched, openBench, WAIT_MS } from './isolation-fixture.ts';

describe.runIf(process.getuid?.() === 0).each(['scope', 'systemd-run'] as const)(
  'a task with an image, run as a %s',
  (kind) => {
    let bench: Bench;
    let image: string;
    let toolsDirectory: string;
    beforeAll(async () => {
      bench = await openBench(kind);
      image = mkdtempSync(path.join(tmpdir(), 'parley-image-'));
      execFileSync('chmod', ['755', image]);
      copyPrograms(image, ['/bin/sh', '/bin/ls', '/bin/cat', '/bin/id', '/bin/sleep']);
      writeFileSync(path.join(image, 'note'), 'of the image\n');
      toolsDirectory = await prepareImageTools(path.join(bench.workDirectory, 'image-tools'));
    }, WAIT_MS);
    afterAll(async () => {
      await bench.close();
      rmSync(image, { recursive: true });
    }, WAIT_MS);

    async function inImage(
      command: readonly string[],
      root = image,
      changes: Partial<LaunchRequest> = {},
    ): Promise<LaunchRequest> {
      const owner = bench.confinement?.owner;
      const hasNames = changes.network === undefined;
      const confinement = { owner, places: [], image: { toolsDirectory, hasNames } };
      const task = await aTask(bench, command, { ...changes, confinement });
      await rememberImage(task.runDirectory, { root, environment: {} });
      return task;
    }
    const sh = (script: string): Promise<LaunchRequest> => inImage(['/bin/sh', '-c', script]);

    async function textOf({ sandboxDirectory }: LaunchRequest): Promise<string> {
      const read = await readLog({
        sandboxDirectory,
        stream: 'stdout',
        offset: 0,
        maxBytes: 10_000,
      });
      if (!read.ok) throw new Error(read.failure.message);
      return read.data.toString();
    }

    async function saidBy(task: LaunchRequest): Promise<string> {
      await launched(bench, task);
      const end = await endOf(bench, task);
      const { sandboxDirectory } = task;
      const said = readFileSync(path.join(sandboxDirectory, 'stderr'), 'utf8');
      expect([end, said]).toEqual([{ state: 'exited', code: 0 }, '']);
      return textOf(task);
    }

    it('sees the files of its image and none of its host’s, and works in its sandbox', async () => {
      const task = await sh('cat /note; pwd; cd /; ls; ls etc var; id -u');
      const said = (await saidBy(task)).split('\n');
      expect(said.slice(0, 2)).toEqual(['of the image', task.sandboxDirectory]);
      const [, top = ''] = bench.workDirectory.split('/');
      const own = ['bin', 'lib', 'lib64', 'note', 'dev', 'proc', 'tmp', 'var', 'etc'];
      const listed = ['', 'etc:', 'hosts', 'resolv.conf', 'ld.so.preload', 'var:', 'tmp'];
      for (const name of said.slice(2, -2)) expect([...own, ...listed, top]).toContain(name);
      expect(said.at(-2)).toBe('2000000');
    });

    it('looks names up as its host does, unless it has no network', async () => {
      const look = ['/bin/sh', '-c', 'cat /etc/hosts || ls /etc; ls -d /proc/1'];
      const hosts = readFileSync('/etc/hosts', 'utf8');
      expect(await saidBy(await inImage(look))).toBe(`${hosts}/proc/1\n`);
      const alone = await inImage(['/bin/ls', '/etc'], image, { network: { kind: 'none' } });
      expect(await saidBy(alone)).toBe('ld.so.preload\n');
    });

    it('is not started by what its image says of users and libraries, nor is what runs beside it', async () => {
      const hostile = mkdtempSync(path.join(tmpdir(), 'parley-image-'));
      execFileSync('cp', ['-a', `${image}/.`, hostile]);
      mkdirSync(path.join(hostile, 'etc'));
      const etc = (name: string, text: string): void =>
        writeFileSync(path.join(hostile, 'etc', name), text);
      etc('passwd', '2000000:x:0:0::/:/bin/sh\n');
      etc('group', '2000000:x:0:\n');
      // The loader tells of a library that it cannot load.
      etc('ld.so.preload', '/no-such-library.so\n');
      try {
        const ids = 'id -u; id -g';
        const task = await inImage(['/bin/sh', '-c', `${ids}; exec sleep 1000`], hostile);
        await launched(bench, task);
        await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toBe('2000000\n2000000\n');
        expect(readFileSync(path.join(task.sandboxDirectory, 'stderr'), 'utf8')).toBe('');
        const { enterCommand } = bench.settings;
        const script = `{ ${ids}; } > beside 2>&1`;
        const command = ['/bin/sh', '-c', script];
        const request = { ...task, enterCommand, command, timeoutMs: WAIT_MS };
        expect(await runInScope(request)).toMatchObject({ kind: 'exited', code: 0 });
        const beside = readFileSync(path.join(task.sandboxDirectory, 'beside'), 'utf8');
        expect(beside).toBe('2000000\n2000000\n');
        await stopScope(bench.launcher, task.unit, { graceMs: 0 });
      } finally {
        rmSync(hostile, { recursive: true });
      }
    });

    it('has no capability, can get none, and sees its own processes', async () => {
      const script =
        'while read -r name value; do case $name in CapBnd:|CapEff:|NoNewPrivs:) echo "$value";; esac; done < /proc/self/status; ls -d /proc/[0-9]*';
      const [bound, effective, ...rest] = (await saidBy(await sh(script))).split('\n').toSorted();
      expect([bound, effective]).toEqual(['', '/proc/1']);
      expect(rest.filter((line) => !line.startsWith('/proc/'))).toEqual([
        '0000000000000000',
        // Nobody gets these two either: no program of the image gives any.
        '00000000000000c0',
        '1',
      ]);
    });

    it('writes where its image allows it, and another task of the image does not see that', async () => {
      const open = path.join(image, 'open');
      mkdirSync(open);
      execFileSync('chmod', ['1777', open]);
      const script = 'ls /open; echo mine > /open/file && echo written; echo x > /tmp/file';
      expect(await saidBy(await sh(script))).toBe('written\n');
      const task = await sh(script);
      expect(await saidBy(task)).toBe('written\n');
      expect(execFileSync('ls', [open], { encoding: 'utf8' })).toBe('');
      // Its own.
      const upper = path.join(imageDirectoryOf(task.runDirectory), 'upper/open/file');
      expect(readFileSync(upper, 'utf8')).toBe('mine\n');
    });

    it('changes nothing that is root’s in it', async () => {
      const task = await sh(
        '(echo x > /note; echo x > /new; echo x > /.parley/sh) 2> sandboxed; cat /note',
      );
      expect(await saidBy(task)).toBe('of the image\n');
    });

    it('needs no program in its image but its own', async () => {
      const root = mkdtempSync(path.join(tmpdir(), 'parley-image-'));
      execFileSync('chmod', ['755', root]);
      copyPrograms(root, ['/bin/id']);
      const task = await inImage(['id', '-u'], root);
      expect(await saidBy(task)).toBe('2000000\n');
      rmSync(root, { recursive: true });
    });

    it.each([
      ['no-such-program', 'commandNotFound'],
      ['/usr/bin/env', 'commandNotFound'],
      ['/note', 'commandNotPermitted'],
      ['/script', 'commandNotFound'],
    ])('that cannot start %s has the cause %s', async (program, fault) => {
      writeFileSync(path.join(image, 'script'), '#!/bin/bash\n', { mode: 0o755 });
      const task = await inImage([program]);
      await launched(bench, task);
      expect(await endOf(bench, task)).toMatchObject({ state: 'couldNotStart', fault });
    });

    it('is not led to the host by links in its image, and leads nothing of the agent there', async () => {
      const root = mkdtempSync(path.join(tmpdir(), 'parley-image-'));
      const outside = mkdtempSync(path.join(tmpdir(), 'parley-outside-'));
      execFileSync('chmod', ['755', root]);
      copyPrograms(root, ['/bin/sh', '/bin/ls']);
      const [, top = ''] = bench.workDirectory.split('/');
      for (const name of new Set(['tmp', 'dev', 'proc', 'etc', 'var', '.parley', top])) {
        symlinkSync(`/oldroot${outside}`, path.join(root, name));
      }
      const task = await inImage(['/bin/sh', '-c', 'echo > /tmp/x; ls /tmp/x'], root);
      expect(await saidBy(task)).toBe('/tmp/x\n');
      expect(execFileSync('ls', ['-A', outside], { encoding: 'utf8' })).toBe('');
      for (const each of [root, outside]) rmSync(each, { recursive: true });
    });

    it('is joined by commands, which see the same files', async () => {
      const task = await sh('echo here > /tmp/file; sleep 1000');
      await launched(bench, task);
      const seen = async (): Promise<unknown> =>
        runInScope({
          ...task,
          command: ['sh', '-c', 'cat /note /tmp/file > seen && exit 7'],
          environment: {},
          timeoutMs: WAIT_MS,
          enterCommand: bench.settings.enterCommand,
        });
      await expect.poll(seen, { timeout: WAIT_MS }).toEqual({ kind: 'exited', code: 7 });
      const text = readFileSync(path.join(task.sandboxDirectory, 'seen'), 'utf8');
      expect(text).toBe('of the image\nhere\n');
      await stopScope(bench.launcher, task.unit, { graceMs: 0 });
    });

    it('is ended by a signal that comes while it starts, is told as ended by that, and leaves no mount', async () => {
      const ends = [
        { state: 'signaled', signal: 'SIGTERM' },
        { state: 'exited', code: 9 },
      ];
      for (let delayMs = 0; delayMs < 60; delayMs += 8) {
        const task = await sh('trap "exit 9" TERM; while :; do sleep 0.1; done');
        await launched(bench, task);
        await wait(delayMs);
        // Where the host is busy, one may get lost between two processes of a task that starts, with an image or without.
        const isAlive = (): Promise<boolean> => bench.launcher.stop(task.unit, 'SIGTERM');
        await expect.poll(isAlive, { timeout: WAIT_MS, interval: 250 }).toBe(false);
        expect(ends).toContainEqual(await endOf(bench, task));
      }
      const [cat = '', ...words] = [...bench.settings.enterCommand, 'cat', '/proc/mounts'];
      for (const mounts of [
        readFileSync('/proc/mounts', 'utf8'),
        execFileSync(cat, words, { encoding: 'utf8' }),
      ]) {
        expect(mounts).not.toContain(bench.runRoot);
      }
    });
  },
);

// Tasks in scopes that do not have their host's network: none, or a namespace that was made for them.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runInScope } from '@parley/isolation/enter-scope';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { stopScope } from '@parley/isolation/stop-scope';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eachLauncher, isRoot } from './each-launcher.ts';
import { aTask, type Bench, endOf, launched, openBench, WAIT_MS } from './isolation-fixture.ts';

const LINKS = 'ip -brief link | cut -d " " -f 1 | cut -d @ -f 1 | xargs; ip -brief address show lo';

describe('a task run as a plain process', () => {
  it('is not started with another network than its host has', async () => {
    const bench = await openBench('process');
    const task = await aTask(bench, ['true'], { network: { kind: 'none' } });
    expect(await bench.launcher.launch(task)).toEqual({
      ok: false,
      failure: { code: 'invalidRequest', message: expect.stringContaining('in scopes') },
    });
    await bench.close();
  });
});

eachLauncher(['scope', 'systemd-run'])('a task run as a %s', (kind) => {
  let bench: Bench;
  const namespace = `parley-test-${process.pid}-${kind}`;

  beforeAll(async () => {
    bench = await openBench(kind);
    if (!isRoot) return;
    inBench('ip', 'netns', 'add', namespace);
    inBench('ip', '-n', namespace, 'link', 'add', 'own', 'type', 'veth', 'peer', 'name', 'far');
  }, WAIT_MS);
  afterAll(async () => {
    if (isRoot) inBench('ip', 'netns', 'delete', namespace);
    await bench.close();
  }, WAIT_MS);

  function inBench(...words: string[]): string {
    const [program = '', ...rest] = [...bench.settings.enterCommand, ...words];
    return execFileSync(program, rest, { encoding: 'utf8' });
  }

  async function saidBy(task: LaunchRequest): Promise<string[]> {
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
    return (await readFile(task.stdoutPath, 'utf8')).trim().split('\n');
  }

  describe.each(['confined', 'not confined'])('and %s', (how) => {
    const sh = async (script: string, changes: Partial<LaunchRequest>): Promise<LaunchRequest> => {
      const task = await aTask(bench, ['/bin/sh', '-c', script], changes);
      if (how === 'confined') return task;
      const { confinement: _, ...plain } = task;
      return plain;
    };

    it('without a network has a loopback that works, and nothing else', async ({ skip }) => {
      skip(!isRoot && how === 'not confined', 'only root can take the network from such a task');
      const [links, loopback = ''] = await saidBy(await sh(LINKS, { network: { kind: 'none' } }));
      expect(links).toBe('lo');
      expect(loopback).toContain('127.0.0.1/8');
    });

    it('in a namespace of its own has the links of that', async ({ skip }) => {
      skip(!isRoot, 'only root can make one that a task is put into');
      const place = { kind: 'namespace', path: `/run/netns/${namespace}` } as const;
      const [links] = await saidBy(await sh(LINKS, { network: place }));
      expect(links?.split(' ').toSorted()).toEqual(['far', 'lo', 'own']);
    });

    it('has the network of its host when it asks for nothing', async () => {
      const [links] = await saidBy(await sh(LINKS, {}));
      expect(links).toBe(inBench('sh', '-c', LINKS).split('\n')[0]);
    });
  });

  it('has a command beside it that has the same network', async () => {
    const task = await aTask(bench, ['sleep', '1000'], { network: { kind: 'none' } });
    await launched(bench, task);
    const outcome = await runInScope({
      ...task,
      command: ['/bin/sh', '-c', `{ ${LINKS}; } > beside`],
      timeoutMs: WAIT_MS,
      enterCommand: bench.settings.enterCommand,
    });
    expect(outcome).toEqual({ kind: 'exited', code: 0 });
    const said = await readFile(path.join(task.sandboxDirectory, 'beside'), 'utf8');
    expect(said.split('\n')[0]).toBe('lo');
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
  });
});

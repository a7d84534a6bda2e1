// What a recorded end means, and what is said of a run that recorded none.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, readOutcome } from './exit-status.ts';
import { readBootId } from './process-identity.ts';
import { type ExitRecord, fenceRun, prepareRunDirectory } from './run-directory.ts';
import type { ScopeCounters } from './scope-events.ts';

const MIB = 1024 * 1024;
const usage = { cpuNs: 5n, memoryPeakBytes: 40 * MIB };

type Changes = Partial<ScopeCounters> & Pick<Partial<ExitRecord>, 'status' | 'couldNotStart'>;

function aRecord({ status = 0, couldNotStart, ...counted }: Changes = {}): ExitRecord {
  const counters = {
    ...{ oomKills: 0, memoryHits: 0, peakBytes: 40 * MIB, limitBytes: 64 * MIB },
    ...{ pidsHits: 0, pidsPeak: undefined, pidsLimit: undefined },
    ...counted,
  };
  return { status, couldNotStart, counters, cpuNs: 5n };
}

const pids = { pidsHits: 3, pidsPeak: 23, pidsLimit: 23 };
const metPids = { pids: { limit: 20, peak: 20 } };
const memory = { limitMib: 64, peakMib: 40 };
const overLimit = { oomKills: 1, memoryHits: 7 };

describe('a recorded end', () => {
  it.each<[string, Changes, object]>([
    ['status 0', { status: 0 }, { state: 'exited', code: 0 }],
    ['status 3', { status: 3 }, { state: 'exited', code: 3 }],
    ['status 128, which is no signal', { status: 128 }, { state: 'exited', code: 128 }],
    ['status 143', { status: 143 }, { state: 'signaled', signal: 'SIGTERM' }],
    ['status 134', { status: 134 }, { state: 'signaled', signal: 'SIGABRT' }],
    ['status 255, above every signal', { status: 255 }, { state: 'exited', code: 255 }],
    [
      'SIGKILL after a kill at its memory limit',
      { status: 137, ...overLimit },
      { state: 'memoryLimit', ...memory },
    ],
    [
      'a failure after a kill at its memory limit',
      { status: 1, ...overLimit },
      { state: 'memoryLimit', ...memory },
    ],
    [
      'SIGKILL for memory while it was below its limit',
      { status: 137, oomKills: 1 },
      { state: 'hostMemory', ...memory },
    ],
    ['success in spite of one', { status: 0, ...overLimit }, { state: 'exited', code: 0 }],
    [
      'a failure after a process too many',
      { status: 2, ...pids },
      { state: 'exited', code: 2, ...metPids },
    ],
    [
      'a signal after a process too many',
      { status: 143, ...pids },
      { state: 'signaled', signal: 'SIGTERM', ...metPids },
    ],
    ['success in spite of one too many', { status: 0, ...pids }, { state: 'exited', code: 0 }],
    [
      'a program that was not there',
      { status: 127, couldNotStart: 'commandNotFound' },
      { state: 'couldNotStart', fault: 'commandNotFound' },
    ],
    ['status 127 of its own', { status: 127 }, { state: 'exited', code: 127 }],
  ])('with %s is told apart', (_title, changes, outcome) => {
    expect(outcomeOf(aRecord(changes))).toEqual({ ...outcome, usage });
  });
});

describe('a run directory', () => {
  let root = '';
  let run = '';
  const dead = async (): Promise<boolean> => false;
  const alive = async (): Promise<boolean> => true;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'parley-exit-'));
    run = path.join(root, 'unit-1');
    await prepareRunDirectory(run, {});
  });
  afterEach(() => rm(root, { recursive: true }));

  it('without `started` is a task that was not started', async () => {
    expect(await readOutcome(run, dead)).toEqual({ state: 'notStarted' });
    expect(await readOutcome(path.join(root, 'other'), dead)).toEqual({ state: 'notStarted' });
  });

  it('with `started` and a live scope is a running task', async () => {
    await fenceRun(run);
    expect(await readOutcome(run, alive)).toEqual({ state: 'running' });
  });

  it('with `started`, no scope and no status is a task whose end is unknown', async () => {
    await fenceRun(run);
    expect(await readOutcome(run, dead)).toEqual({ state: 'unknown' });
  });

  it('of an earlier boot of the host is a task that ended with it', async () => {
    await writeFile(path.join(run, 'started'), '');
    for (const [boot, expected] of [
      [await readBootId(), {}],
      ['00000000-0000-4000-8000-000000000000', { hostRebooted: true }],
    ] as const) {
      await writeFile(path.join(run, 'exit'), `program=/bin/sh\n    \nboot=${boot}\n`);
      expect(await readOutcome(run, dead)).toEqual({ state: 'unknown', ...expected });
    }
  });

  it('with half a status is a task whose end is unknown', async () => {
    await fenceRun(run);
    await writeFile(path.join(run, 'exit'), 'status=0\noomKi');
    expect(await readOutcome(run, dead)).toEqual({ state: 'unknown' });
  });

  it('whose status appears while its scope goes is a task that ended', async () => {
    await fenceRun(run);
    const goes = async (): Promise<boolean> => {
      await writeFile(
        path.join(run, 'exit'),
        'status=4\noomKills=0\npeakBytes=\nlimitBytes=max\ncpuNs=\nend\n',
      );
      return false;
    };
    expect(await readOutcome(run, goes)).toEqual({
      state: 'exited',
      code: 4,
      usage: { cpuNs: undefined, memoryPeakBytes: undefined },
    });
  });

  it('is fenced once only', async () => {
    expect([await fenceRun(run), await fenceRun(run)]).toEqual([true, false]);
  });
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identifyProcess, isProcessAlive } from '@parley/isolation/process-identity';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endProcesses, ProcessRecord, readProcesses } from './process-record.ts';
import { ServiceProcess, type ServiceWatch } from './service-process.ts';

describe('ServiceProcess', () => {
  let directory = '';
  let record: ProcessRecord;
  const restarts: string[] = [];
  const givenUp: string[] = [];
  const left: string[] = [];
  const recordFile = () => path.join(directory, 'processes.json');

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'parley-service-'));
    record = new ProcessRecord(recordFile());
    restarts.length = 0;
    givenUp.length = 0;
    left.length = 0;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  function aService(script: string, nowMs: () => number = () => 0): ServiceProcess {
    const watch: ServiceWatch = {
      record,
      nowMs,
      onRestart: (name, how) => restarts.push(`${name}: ${how}`),
      onLeft: (name) => left.push(name),
      onGivenUp: (name, how, ends) => givenUp.push(`${name}: ${how}, ${ends} times`),
    };
    const plan = {
      name: 'service',
      argv: ['/bin/sh', '-c', script],
      environment: {},
      logFile: path.join(directory, 'service.log'),
      finalExitCode: 7,
    };
    return new ServiceProcess(plan, watch);
  }
  const log = () => readFile(path.join(directory, 'service.log'), 'utf8');

  it('is started again when it ends unasked, its log going on in one file', async () => {
    const service = aService('echo started; sleep 60');
    service.start();
    await vi.waitFor(async () => expect(await log()).toBe('started\n'), 20_000);
    process.kill(service.pid ?? 0, 'SIGKILL');
    await vi.waitFor(async () => expect(await log()).toBe('started\nstarted\n'), 20_000);
    expect(restarts).toEqual(['service: SIGKILL']);
    await service.stop(5000);
    expect(service.pid).toBeUndefined();
    expect(restarts).toHaveLength(1);
  });

  it('is given up when it ends again and again', async () => {
    let nowMs = 0;
    // Every look at the clock makes the waits seem long past, but not long enough to be forgiven.
    const service = aService('exit 3', () => {
      nowMs += 1;
      return nowMs;
    });
    service.start();
    await vi.waitFor(() => expect(restarts.length).toBeGreaterThanOrEqual(3), 20_000);
    await service.stop(1000);
    expect(restarts[0]).toBe('service: exit code 3');
    expect(givenUp).toEqual([]);
  });

  it('is not started again after its final exit code, which is told once', async () => {
    const service = aService('echo started; exit 7');
    service.start();
    await vi.waitFor(() => expect(left).toEqual(['service']), 20_000);
    await service.stop(1000);
    expect(await log()).toBe('started\n');
    expect([left, restarts, givenUp]).toEqual([['service'], [], []]);
  });

  it('is killed when it does not heed SIGTERM', async () => {
    const service = aService('trap "" TERM; echo up; while :; do sleep 1; done');
    service.start();
    await vi.waitFor(async () => expect(await log()).toBe('up\n'), 20_000);
    const identity = await identifyProcess(service.pid ?? 0);
    await service.stop(100);
    expect(identity !== undefined && (await isProcessAlive(identity))).toBe(false);
  });

  it('is on the record while it runs, so that it can be ended by another', async () => {
    const service = aService('echo up; exec sleep 60');
    service.start();
    await vi.waitFor(() => expect(readProcesses(recordFile())).toHaveLength(1), 20_000);
    const listed = readProcesses(recordFile());
    expect(listed[0]).toMatchObject({ name: 'service', pid: service.pid });
    const stopped = service.stop(10_000);
    await endProcesses(listed, 10_000);
    await stopped;
    expect(readProcesses(recordFile())).toEqual([]);
  });
});

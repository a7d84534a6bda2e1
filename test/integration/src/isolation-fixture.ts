// What the isolation tests share: launchers of both kinds on this host, with a private systemd where PID 1 is
// something else, and tasks in a directory of their own. It tests nothing itself.

import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Confinement } from '@parley/isolation/confinement';
import { type EndedOutcome, readOutcome, type TaskOutcome } from '@parley/isolation/exit-status';
import { probeHost } from '@parley/isolation/host-probe';
import { detectIsolation, scopeControllers } from '@parley/isolation/host-support';
import { findIoHost } from '@parley/isolation/io-host';
import type { IoHost } from '@parley/isolation/io-limits';
import type { LaunchOutcome, LaunchRequest, TaskLauncher } from '@parley/isolation/launcher';
import { type PrivateSystemd, startPrivateSystemd } from '@parley/isolation/private-systemd';
import { createProcessLauncher } from '@parley/isolation/process-launcher';
import { createRunRoot } from '@parley/isolation/run-directory';
import { createSandbox, type Owner, readLog, runRootOf } from '@parley/isolation/sandbox';
import { createScopeLauncher } from '@parley/isolation/scope-launcher';
import { weighSlices } from '@parley/isolation/slice-weights';
import { stopScope } from '@parley/isolation/stop-scope';
import { filteredProcessor, syscallFilterFor } from '@parley/isolation/syscall-filter';
import { createSystemdRunLauncher } from '@parley/isolation/systemd-run-launcher';
import { type CgroupMode, cgroupModeOf } from '@parley/isolation/unit-properties';
import { expect } from 'vitest';

export const WAIT_MS = 30_000;

/** `scope` is the fast way into scopes, `systemd-run` the plain one. */
export type LauncherKind = 'scope' | 'systemd-run' | 'process';

export type LauncherSettings = {
  readonly kind: LauncherKind;
  readonly manager: 'system' | 'user';
  readonly systemdVersion: number;
  readonly cgroupMode: CgroupMode;
  /** The disk of the work directory. */
  readonly io: IoHost;
  readonly enterCommand: readonly string[];
  readonly runRoot: string;
};

export type Bench = {
  readonly settings: LauncherSettings;
  readonly launcher: TaskLauncher;
  readonly workDirectory: string;
  readonly runRoot: string;
  /** Leads to the files as a task sees them. */
  readonly rootPath: string;
  /** As an agent confines tasks when nobody asks for anything; undefined for plain processes. */
  readonly confinement: Confinement | undefined;
  close(): Promise<void>;
};

export function createLauncher(settings: LauncherSettings): TaskLauncher {
  switch (settings.kind) {
    case 'scope':
      return weighSlices((onShimExit) => createScopeLauncher({ ...settings, onShimExit }));
    case 'systemd-run':
      return weighSlices((onShimExit) => createSystemdRunLauncher({ ...settings, onShimExit }));
    case 'process':
      return createProcessLauncher(settings);
  }
}

/** Rejects on a host that cannot make scopes, with the reason. The directory goes when the bench is closed. */
export async function openBench(kind: LauncherKind, directory?: string): Promise<Bench> {
  const workDirectory = directory ?? (await mkdtemp(path.join(tmpdir(), 'parley-isolation-')));
  const runRoot = runRootOf(workDirectory);
  await createRunRoot(runRoot);
  const host = await openHost(kind, path.join(workDirectory, 'systemd'));
  const settings = { kind, runRoot, ...host };
  const launcher = createLauncher(settings);
  return {
    settings,
    launcher,
    workDirectory,
    runRoot,
    rootPath: host.systemd?.rootPath ?? '/',
    confinement:
      kind === 'process' ? undefined : await confinementOf(await realpath(workDirectory)),
    async close(): Promise<void> {
      for (const unit of await launcher.list()) await stopScope(launcher, unit, { graceMs: 0 });
      await host.systemd?.stop();
      await rm(workDirectory, { recursive: true, force: true });
    },
  };
}

/** Of the first framework. */
const OWNER: Owner = { userId: 2_000_000, groupId: 2_000_000 };

async function confinementOf(workDirectory: string): Promise<Confinement> {
  const places = [{ path: workDirectory, is: 'hiddenDirectory' }] as const;
  const processor = filteredProcessor(process.arch);
  if (processor === undefined) throw new Error(`no filter is known for ${process.arch}`);
  const syscallFilter = path.join(workDirectory, 'system-calls.bpf');
  await writeFile(syscallFilter, syscallFilterFor(processor));
  return { owner: process.getuid?.() === 0 ? OWNER : undefined, places, syscallFilter };
}

type Host = Omit<LauncherSettings, 'kind' | 'runRoot'> & {
  readonly systemd: PrivateSystemd | undefined;
};

async function openHost(kind: LauncherKind, stateDirectory: string): Promise<Host> {
  const facts = await probeHost();
  const cgroupMode = cgroupModeOf(facts.cgroupLayout);
  const plain = {
    manager: 'system',
    systemdVersion: 0,
    cgroupMode,
    io: { lacks: 'nothing is limited' },
    enterCommand: [],
    systemd: undefined,
  } as const;
  if (kind === 'process') return plain;
  const support = detectIsolation(facts);
  if (support.kind === 'unsupported') throw new Error(`${support.reason}: ${support.remedy}`);
  const { kind: supported, systemdVersion } = support;
  const controllers = scopeControllers(supported, facts);
  const io = await findIoHost({ directory: path.dirname(stateDirectory), controllers });
  const scopes = { ...plain, systemdVersion, io };
  if (supported !== 'private-systemd') {
    return { ...scopes, manager: supported === 'user-systemd' ? 'user' : 'system' };
  }
  const systemd = await startPrivateSystemd({ stateDirectory, name: 'test' });
  return { ...scopes, enterCommand: systemd.enterCommand, systemd };
}

let taskCount = 0;

/** A request for a task of its own, with its sandbox made. */
export async function aTask(
  bench: Bench,
  command: readonly string[],
  changes: Partial<LaunchRequest> = {},
): Promise<LaunchRequest> {
  taskCount += 1;
  // One that is to run as somebody else is not confined: that user has a home and files of its own here.
  const confinement = 'user' in changes ? undefined : (changes.confinement ?? bench.confinement);
  const identity = {
    cluster: 'isolation',
    agentId: `agent-${process.pid}`,
    principal: 'team',
    frameworkId: bench.settings.kind,
    taskId: `task-${taskCount}`,
  };
  const made = await createSandbox(bench.workDirectory, identity, confinement?.owner);
  if (!made.ok) throw new Error(made.failure.message);
  return {
    ...made.directories,
    command,
    environment: {},
    limits: { cpuMillis: 1_000, memoryMib: 64, pidsMax: 100 },
    ...(confinement && { confinement }),
    ...changes,
  };
}

export function outcomeOfTask(bench: Bench, task: LaunchRequest): Promise<TaskOutcome> {
  return readOutcome(task.runDirectory, async (unit) => (await bench.launcher.inspect(unit)).alive);
}

export async function launched(bench: Bench, task: LaunchRequest): Promise<LaunchOutcome> {
  const outcome = await bench.launcher.launch(task);
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome;
}

/** What it has written to its stdout by now. */
export async function textOf({ sandboxDirectory }: LaunchRequest): Promise<string> {
  const read = await readLog({ sandboxDirectory, stream: 'stdout', offset: 0, maxBytes: 10_000 });
  if (!read.ok) throw new Error(read.failure.message);
  return read.data.toString();
}

/** What a task wrote that ends well. */
export async function saidBy(bench: Bench, task: LaunchRequest): Promise<string> {
  await launched(bench, task);
  expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
  return textOf(task);
}

/** Waits until the task has ended, and says how, without what it used. */
export async function endOf(
  bench: Bench,
  task: LaunchRequest,
): Promise<Omit<EndedOutcome, 'usage'> | TaskOutcome> {
  const states = ['exited', 'signaled', 'memoryLimit', 'hostMemory', 'couldNotStart', 'unknown'];
  await expect
    .poll(async () => (await outcomeOfTask(bench, task)).state, { timeout: WAIT_MS })
    .toSatisfy((state: string) => states.includes(state));
  const outcome = await outcomeOfTask(bench, task);
  if (!('usage' in outcome)) return outcome;
  const { usage, ...end } = outcome;
  return end;
}

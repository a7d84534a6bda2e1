// Owns the processes and directories of tasks on this host, as the supervisor's effects ask for them. What is to be
// done it does not decide; how a scope is made is in @parley/isolation.
import { access } from 'node:fs/promises';
import { runInScope } from '@parley/isolation/enter-scope';
import { readOutcome, type TaskOutcome } from '@parley/isolation/exit-status';
import { readFirstKept } from '@parley/isolation/kept-output';
import type { LaunchOutcome, StopSignal, TaskLauncher } from '@parley/isolation/launcher';
import {
  createSandbox,
  locateTask,
  readLog,
  type TaskDirectories,
} from '@parley/isolation/sandbox';
import type { TaskIdentity } from '@parley/isolation/unit-name';
import type { LogsRequest, LogsResult } from '@parley/protocol/agents';
import type { Probe } from '@parley/protocol/checks';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AgentId, TaskRef } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { StepFailure } from './supervisor-messages.ts';
import { describeProbe, noResult, type ProbeAnswer } from './task-checks.ts';
import { limitsOf } from './task-limits.ts';

export type TaskHostOptions = {
  readonly agentId: AgentId;
  readonly workDirectory: string;
  readonly launcher: TaskLauncher;
  /** Leads into the namespaces that tasks run in; empty when they are this process's own. */
  readonly enterCommand: readonly string[];
};

export type CommandProbe = {
  readonly ref: TaskRef;
  /** Of the task that is probed. */
  readonly description: TaskDescription;
  readonly groupDirectory: string | undefined;
  readonly probe: Extract<Probe, { kind: 'command' }>;
  readonly timeoutMs: number;
};

export class TaskHost {
  readonly #options: TaskHostOptions;

  constructor(options: TaskHostOptions) {
    this.#options = options;
  }

  identityOf(ref: TaskRef): TaskIdentity {
    return { agentId: this.#options.agentId, ...ref };
  }

  directoriesOf(ref: TaskRef): TaskDirectories {
    const located = locateTask(this.#options.workDirectory, this.identityOf(ref));
    // Ids were parsed when they came from the bus or the disk: another failure is a defect.
    if (!located.ok) throw new Error(located.failure.message);
    return located.directories;
  }

  hasSandbox(ref: TaskRef): Promise<boolean> {
    return access(this.directoriesOf(ref).sandboxDirectory).then(
      () => true,
      () => false,
    );
  }

  /** Makes the sandbox; undefined when it is there. */
  async prepare(ref: TaskRef): Promise<StepFailure | undefined> {
    const made = await createSandbox(this.#options.workDirectory, this.identityOf(ref));
    if (made.ok) return undefined;
    const { code, message } = made.failure;
    return { code: code === 'diskFull' ? code : 'failed', message };
  }

  /** `groupDirectory`: what the tasks of its group share. */
  async launch(
    ref: TaskRef,
    description: TaskDescription,
    groupDirectory: string | undefined,
  ): Promise<LaunchOutcome> {
    const { command } = description;
    if (command === undefined) {
      const message = 'the task has no command';
      return { ok: false, failure: { code: 'invalidRequest', message } };
    }
    return this.#options.launcher.launch({
      ...this.directoriesOf(ref),
      command: command.argv,
      environment: this.#environmentOf(ref, description, groupDirectory),
      limits: { ...limitsOf([description]), isBestEffort: description.revocable === true },
    });
  }

  /** Runs a probe's command in the task's scope, with the task's environment and its sandbox to work in. */
  async probe(asked: CommandProbe): Promise<ProbeAnswer> {
    const { ref, description, groupDirectory, probe, timeoutMs } = asked;
    const { argv, environment } = probe.command;
    const outcome = await runInScope({
      ...this.directoriesOf(ref),
      command: argv,
      environment: { ...this.#environmentOf(ref, description, groupDirectory), ...environment },
      timeoutMs,
      enterCommand: this.#options.enterCommand,
    });
    const what = describeProbe(probe);
    switch (outcome.kind) {
      case 'exited': {
        const { code } = outcome;
        const result = { kind: 'command', exitCode: code } as const;
        return { result, detail: `${what} exited with ${code}` };
      }
      case 'signaled':
        return { result: noResult(probe), detail: `${what} was ended by ${outcome.signal}` };
      case 'timedOut':
        return { result: noResult(probe), detail: `${what} did not end within ${timeoutMs} ms` };
      case 'notStarted':
        return { result: noResult(probe), detail: `${what} was not started: ${outcome.message}` };
      default:
        return unreachable(outcome);
    }
  }

  stop(ref: TaskRef, signal: StopSignal): Promise<boolean> {
    return this.#options.launcher.stop(this.directoriesOf(ref).unit, signal);
  }

  /** Rejects when it cannot be known. */
  outcomeOf(ref: TaskRef): Promise<TaskOutcome> {
    const { launcher } = this.#options;
    return readOutcome(
      this.directoriesOf(ref).runDirectory,
      async (unit) => (await launcher.inspect(unit)).alive,
    );
  }

  /** The units that have a process. Rejects when that cannot be known. */
  listLive(): Promise<ReadonlySet<string>> {
    return this.#options.launcher.list();
  }

  /** Part of a task's output; `hasEnded` says whether more can come. A negative offset counts from the end. */
  async readLog(
    request: LogsRequest,
    hasEnded: boolean,
    sandboxDirectory: string = this.directoriesOf(request.task).sandboxDirectory,
  ): Promise<Outcome<LogsResult>> {
    const { stream, maxBytes } = request;
    const place = { sandboxDirectory, stream };
    const start = await readLog({ ...place, offset: 0, maxBytes: 0 });
    if (!start.ok) {
      return start.failure.code === 'notFound'
        ? fail('unknownTask', `no ${stream} of task ${request.task.taskId} is kept here`)
        : fail('internalError', start.failure.message);
    }
    const wanted = request.offset < 0 ? start.size + request.offset : request.offset;
    const { runDirectory } = this.directoriesOf(request.task);
    const firstKept = await readFirstKept(runDirectory, stream).catch(() => 0);
    // What lies before it is only zeros; a task that has emptied its output has begun a new one.
    const first = firstKept <= start.size ? firstKept : 0;
    const offset = Math.min(Math.max(first, wanted), start.size);
    const part = await readLog({ ...place, offset, maxBytes });
    if (!part.ok) return fail('internalError', part.failure.message);
    const isAtEnd = offset + part.data.length >= part.size;
    return succeed({
      data: Uint8Array.from(part.data),
      offset,
      size: part.size,
      ended: hasEnded && isAtEnd,
    });
  }

  #environmentOf(
    ref: TaskRef,
    { command }: TaskDescription,
    groupDirectory: string | undefined,
  ): Record<string, string> {
    return {
      ...command?.environment,
      PARLEY_TASK_ID: ref.taskId,
      PARLEY_FRAMEWORK_ID: ref.frameworkId,
      PARLEY_PRINCIPAL: ref.principal,
      PARLEY_AGENT_ID: this.#options.agentId,
      PARLEY_SANDBOX: this.directoriesOf(ref).sandboxDirectory,
      ...(groupDirectory !== undefined && { PARLEY_GROUP_DIRECTORY: groupDirectory }),
    };
  }
}

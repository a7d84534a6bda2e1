// The shell of an executor: its socket, its timer, its process. A framework's program calls `runExecutor` with one
// function that runs a task; what has to be kept over the loss of a connection is in executor-session.ts.
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import type { AgentId, TaskId } from '@parley/protocol/ids';
import type { StopAnswer } from '@parley/protocol/revocations';
import { unreachable } from '@parley/protocol/unreachable';
import { AgentConnection } from './agent-connection.ts';
import { type ExecutorEnvironment, readEnvironment } from './executor-environment.ts';
import { ExecutorSession, type SessionEffect } from './executor-session.ts';
import { type LaunchTask, TaskRuns } from './task-runs.ts';

export type MessageData = Extract<FromExecutor, { kind: 'message' }>['data'];

export type ExecutorDefinition = {
  /**
   * Runs one task: its return ends it as `finished`, its throw as `failed`. When it is to be killed, `context.signal`
   * aborts; it then ends as `killed`, by itself or when its grace is over. Tasks of a group are called in one go.
   */
  readonly launch: LaunchTask;
  /** From the framework's scheduler. */
  readonly message?: (data: MessageData, executor: Executor) => void;
  /** The agent was reached, for the first time or again. */
  readonly subscribed?: (about: ExecutorAbout, executor: Executor) => void;
  /**
   * A task's resources are taken back. Without this the task is told to end at once, within the grace. With it nothing
   * happens but what it does: a task that has neither ended nor asked for time is killed after the grace.
   */
  readonly stopAsked?: (asked: StopAsked) => void;
  /** A task that was asked to stop may go on. */
  readonly stopCalledOff?: (taskId: TaskId) => void;
  /** All tasks are being killed, and the process ends within the grace. */
  readonly shutdown?: (graceMs: number, why: string) => void;
  /** Trouble that passes: the agent is away, a message was not understood. */
  readonly trouble?: (reason: string) => void;
};

export type ExecutorAbout = {
  readonly agentId: AgentId;
  readonly hostname: string;
  /** What the framework put into the description of the executor. */
  readonly data: MessageData | undefined;
};

export type StopAsked = {
  readonly taskId: TaskId;
  readonly graceMs: number;
  /** May be called again: the last word counts. False when it is lost, which counts as silence. */
  readonly answer: (answer: StopAnswer) => boolean;
  /** Says that the task is stopping, and aborts its signal. */
  readonly stop: () => void;
};

export interface Executor {
  /** To the framework's scheduler, at most once; false when it is lost already. At most 256 KiB. */
  send(data: MessageData): boolean;
}

export type RunExecutorOptions = {
  readonly environment?: ExecutorEnvironment;
  /** By default the process ends. */
  readonly onExit?: (why: string) => void;
};

/** Runs until the agent shuts the executor down, or was away for too long. Throws when no agent has started it. */
export function runExecutor(
  definition: ExecutorDefinition,
  options: RunExecutorOptions = {},
): Executor {
  // biome-ignore lint/style/noProcessEnv: the agent tells an executor by its environment who it is.
  const environment = options.environment ?? readEnvironment(process.env);
  return new RunningExecutor(definition, environment, options.onExit ?? endProcess);
}

function endProcess(): void {
  process.exit(0);
}

// Unlike the wall clock it is never set.
const monotonicMs = (): number => Math.round(process.uptime() * 1000);

class RunningExecutor implements Executor {
  readonly #definition: ExecutorDefinition;
  readonly #environment: ExecutorEnvironment;
  readonly #onExit: (why: string) => void;
  readonly #session: ExecutorSession;
  readonly #runs: TaskRuns;
  #connection: AgentConnection | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    definition: ExecutorDefinition,
    environment: ExecutorEnvironment,
    onExit: (why: string) => void,
  ) {
    this.#definition = definition;
    this.#environment = environment;
    this.#onExit = onExit;
    this.#session = new ExecutorSession(environment);
    this.#runs = new TaskRuns(definition.launch, (report) => {
      const { isTold, effects } = this.#session.report(report);
      this.#carryOut(effects);
      return isTold;
    });
    this.#carryOut(this.#session.begin(monotonicMs()));
  }

  send(data: MessageData): boolean {
    const effects = this.#session.message(data);
    if (effects === false) return false;
    this.#carryOut(effects);
    return true;
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) this.#carryOutOne(effect);
    clearTimeout(this.#timer);
    const dueMs = this.#session.nextDueMs();
    if (dueMs === undefined) return;
    const inMs = Math.max(1, dueMs - monotonicMs());
    this.#timer = setTimeout(() => this.#carryOut(this.#session.tick(monotonicMs())), inMs);
  }

  #carryOutOne(effect: SessionEffect): void {
    const { message, shutdown, subscribed } = this.#definition;
    switch (effect.kind) {
      case 'connect':
        this.#connect();
        return;
      case 'send':
        if (this.#connection?.send(effect.message) === false) {
          this.#trouble(`a ${effect.message.kind} was too long to be sent`);
        }
        return;
      case 'start':
        for (const task of effect.tasks) this.#runs.start(task);
        return;
      case 'stop':
        this.#runs.stop(effect.taskId, effect.graceMs);
        return;
      case 'askToStop':
        this.#askToStop(effect.taskId, effect.graceMs);
        return;
      case 'stopCalledOff':
        this.#definition.stopCalledOff?.(effect.taskId);
        return;
      case 'deliver':
        message?.(effect.data, this);
        return;
      case 'subscribed': {
        const { agentId, hostname, data } = effect.about;
        subscribed?.({ agentId, hostname, data }, this);
        return;
      }
      case 'shutDown':
        shutdown?.(effect.graceMs, effect.why);
        return;
      case 'exit':
        void this.#end(effect.why);
        return;
      default:
        unreachable(effect);
    }
  }

  #askToStop(taskId: TaskId, graceMs: number): void {
    const answer = (said: StopAnswer): boolean => {
      const effects = this.#session.answerStop(taskId, said);
      if (effects === false) return false;
      this.#carryOut(effects);
      return true;
    };
    const stop = (): void => {
      answer({ kind: 'stopping' });
      this.#carryOut(this.#session.stop(taskId, graceMs));
    };
    const { stopAsked } = this.#definition;
    if (stopAsked === undefined) stop();
    else stopAsked({ taskId, graceMs, answer, stop });
  }

  #connect(): void {
    const { socketPath, sandbox } = this.#environment;
    this.#connection = new AgentConnection(socketPath, sandbox, {
      onConnected: () => this.#carryOut(this.#session.connected()),
      onMessage: (said: ToExecutor) => this.#carryOut(this.#session.received(said, monotonicMs())),
      onClosed: (reason) => {
        this.#connection = undefined;
        if (reason !== undefined) this.#trouble(`the agent is not reached: ${reason}`);
        this.#carryOut(this.#session.disconnected(monotonicMs()));
      },
    });
  }

  #trouble(reason: string): void {
    this.#definition.trouble?.(reason);
  }

  async #end(why: string): Promise<void> {
    clearTimeout(this.#timer);
    await this.#connection?.end();
    this.#onExit(why);
  }
}

// Owns the program of one custom executor on a simulated host: the real session of the executor SDK, tasks that take their
// time, and its temper: what it does when it is asked to end one. It outlives the agent's process, and dies with its host.
import { ExecutorSession, type SessionEffect } from '@parley/executor-sdk/executor-session';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import { type AgentId, type TaskId, type TaskKey, taskKey } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/**
 * Asked for a task back it says that it stops, and does; asks for more time, and stops when that is over; asks for ever
 * more; says nothing. `deaf`: nor does it end a task that it is told to kill, or itself.
 */
export const TEMPERS = ['stops', 'needsTime', 'stalls', 'silent', 'deaf'] as const;
export type Temper = (typeof TEMPERS)[number];

const temperOf = (argv: readonly string[]): Temper =>
  TEMPERS.find((temper) => argv.includes(temper)) ?? 'stops';

/** What of the host's it needs. */
export type Socket = {
  /** The number of a connection to the agent; undefined while the agent's process is not there. */
  readonly connect: () => number | undefined;
  readonly say: (connection: number, message: FromExecutor) => void;
  /** A task of it has begun. */
  readonly started: () => void;
  /** The program has ended by itself. */
  readonly exited: () => void;
};

export type SimulatedExecutorOptions = {
  readonly world: World;
  readonly agentId: AgentId;
  readonly executor: Extract<FromExecutor, { kind: 'subscribe' }>['executor'];
  readonly argv: readonly string[];
  readonly random: Random;
  readonly socket: Socket;
};

const RECOVERY_TIMEOUT_MS = 15 * 60_000;
/** Each way, so that messages stay in order. */
const SOCKET_MS = 1;
/** From one call for more time to the next. */
const STALL_MS = 5000;

export class SimulatedExecutor {
  readonly #options: SimulatedExecutorOptions;
  readonly #session: ExecutorSession;
  readonly #temper: Temper;
  readonly #tasks = new Set<TaskId>();
  /** Tasks that were asked to end and have not been let off. */
  readonly #asked = new Set<TaskId>();
  #connection: number | undefined;
  #isRunning = true;

  constructor(options: SimulatedExecutorOptions) {
    this.#options = options;
    const { executor, argv } = options;
    this.#temper = temperOf(argv);
    this.#session = new ExecutorSession({ executor, recoveryTimeoutMs: RECOVERY_TIMEOUT_MS });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  runningTasks(): TaskKey[] {
    return [...this.#tasks].map((taskId) => this.#key(taskId));
  }

  begin(): void {
    this.#carryOut(this.#session.begin(this.#nowMs));
  }

  receive(connection: number, message: ToExecutor): void {
    this.#after(SOCKET_MS, () => {
      if (connection === this.#connection)
        this.#carryOut(this.#session.received(message, this.#nowMs));
    });
  }

  /** The connection is gone: this one, or whichever there is. */
  disconnect(connection = this.#connection): void {
    if (connection === undefined || connection !== this.#connection || !this.#isRunning) return;
    this.#connection = undefined;
    this.#carryOut(this.#session.disconnected(this.#nowMs));
  }

  /** Every process of it is gone. */
  end(): void {
    this.#isRunning = false;
    for (const taskId of this.#tasks) this.#options.world.stopped(this.#key(taskId));
    this.#tasks.clear();
  }

  get #nowMs(): number {
    return this.#options.world.clock.nowMs;
  }

  #key(taskId: TaskId): TaskKey {
    return taskKey({ ...this.#options.executor, taskId });
  }

  /** As long as it runs. */
  #after(delayMs: number, run: () => void): void {
    this.#options.world.clock.after(delayMs, () => {
      if (this.#isRunning) run();
    });
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) if (this.#isRunning) this.#carryOutOne(effect);
    const dueMs = this.#session.nextDueMs();
    if (dueMs === undefined || !this.#isRunning) return;
    this.#after(Math.max(0, dueMs - this.#nowMs), () => {
      if (this.#session.nextDueMs() === dueMs) this.#carryOut(this.#session.tick(this.#nowMs));
    });
  }

  #carryOutOne(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'connect':
        this.#after(SOCKET_MS, () => this.#connect());
        break;
      case 'send':
        this.#send(effect.message);
        break;
      case 'start':
        for (const task of effect.tasks) this.#start(task);
        break;
      case 'stop':
        if (this.#temper !== 'deaf') this.#endSoon(effect.taskId, 'killed');
        break;
      case 'askToStop':
        this.#asked.add(effect.taskId);
        this.#beAsked(effect.taskId);
        break;
      case 'stopCalledOff':
        this.#asked.delete(effect.taskId);
        break;
      case 'exit':
        if (this.#temper === 'deaf' && this.#tasks.size > 0) break;
        this.end();
        this.#options.socket.exited();
        break;
      case 'deliver':
      case 'subscribed':
      case 'shutDown':
        break;
      default:
        unreachable(effect);
    }
  }

  #connect(): void {
    const connection = this.#options.socket.connect();
    this.#connection = connection;
    this.#carryOut(
      connection === undefined
        ? this.#session.disconnected(this.#nowMs)
        : this.#session.connected(),
    );
  }

  #send(message: FromExecutor): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#options.world.clock.after(SOCKET_MS, () => this.#options.socket.say(connection, message));
  }

  /** What it is to do is in its labels: `kind` and `durationMs`, as of a command. */
  #start({ taskId, labels }: TaskDescription): void {
    const { world, agentId, random, socket } = this.#options;
    world.started(this.#key(taskId), agentId);
    this.#tasks.add(taskId);
    socket.started();
    this.#after(random.between(0, 50), () => {
      this.#carryOut(this.#session.report({ taskId, state: 'running' }).effects);
    });
    if (labels['kind'] === 'lasts') return;
    this.#after(Number(labels['durationMs'] ?? 0), () => this.#end(taskId, 'finished'));
  }

  #beAsked(taskId: TaskId): void {
    const { random } = this.#options;
    switch (this.#temper) {
      case 'stops':
        this.#answer(taskId, { kind: 'stopping' });
        this.#endSoon(taskId, 'killed');
        break;
      case 'needsTime': {
        const needMs = random.between(100, 20_000);
        this.#answer(taskId, { kind: 'needsTime', needMs });
        this.#after(needMs, () => {
          if (this.#asked.has(taskId)) this.#end(taskId, 'killed');
        });
        break;
      }
      case 'stalls':
        this.#answer(taskId, { kind: 'needsTime', needMs: 2 * STALL_MS });
        this.#after(STALL_MS, () => {
          if (this.#asked.has(taskId)) this.#beAsked(taskId);
        });
        break;
      case 'silent':
      case 'deaf':
        break;
      default:
        unreachable(this.#temper);
    }
  }

  #answer(taskId: TaskId, answer: Parameters<ExecutorSession['answerStop']>[1]): void {
    this.#carryOut(this.#session.answerStop(taskId, answer) || []);
  }

  #endSoon(taskId: TaskId, state: 'killed'): void {
    this.#after(this.#options.random.between(0, 300), () => this.#end(taskId, state));
  }

  #end(taskId: TaskId, state: 'finished' | 'killed'): void {
    if (!this.#tasks.delete(taskId)) return;
    this.#asked.delete(taskId);
    this.#options.world.stopped(this.#key(taskId));
    this.#carryOut(this.#session.report({ taskId, state }).effects);
  }
}

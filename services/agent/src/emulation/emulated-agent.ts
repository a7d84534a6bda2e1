// Owns one agent of an emulation: the deciding core and the bus half of a real agent; nothing is written to a disk, no
// process is started, and time comes from the wheel that all of them share. It outlives no end of the process.
import { fail, succeed } from '@parley/protocol/errors';
import type { AgentId, ClusterName } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { Logger } from '@parley/telemetry/logger';
import { type AgentConnection, AgentLink, isBusEffect } from '../agent-link.ts';
import type { ExecutorEffect } from '../executors/executor-messages.ts';
import { Supervisor } from '../supervisor.ts';
import type { Instant, SupervisorEffect, SupervisorInput } from '../supervisor-messages.ts';
import type { SupervisorOptions } from '../supervisor-options.ts';
import type { ProbeAnswer } from '../task-checks.ts';
import type { LaunchTally } from './launch-tally.ts';
import { SleepLauncher } from './sleep-launcher.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';

export type EmulatedAgentOptions = {
  readonly agentId: AgentId;
  readonly cluster: ClusterName;
  readonly host: SupervisorOptions['host'];
  /** Random. */
  readonly session: string;
  /** Random, from 0 to 1. */
  readonly jitter: number;
  readonly wheel: TimerWheel;
  readonly now: () => Instant;
  readonly tally: LaunchTally;
  readonly logger: Logger;
  readonly onReport: (about: string, what: string) => void;
};

type Effect<Kind extends SupervisorEffect['kind']> = Extract<SupervisorEffect, { kind: Kind }>;

export class EmulatedAgent implements WheelEntry {
  wheelTick: number | undefined;
  readonly #options: EmulatedAgentOptions;
  readonly #supervisor: Supervisor;
  readonly #link: AgentLink;
  readonly #sleeps = new SleepLauncher();
  readonly #inputs: SupervisorInput[] = [];
  #isWorking = false;
  #isOver = false;

  constructor(options: EmulatedAgentOptions) {
    this.#options = options;
    const { agentId, cluster, host, jitter, session, logger } = options;
    this.#supervisor = new Supervisor({
      agentId,
      host,
      registration: { session, jitter },
    });
    this.#link = new AgentLink({
      cluster,
      agentId,
      supervisor: this.#supervisor,
      dispatch: (input) => this.dispatch(input),
      files: { answer: noProcess, ofPrincipal: noProcess, logs: noProcess },
      exec: { answer: noProcess },
      relay: { answer: noProcess },
      // What sleeps uses nothing.
      watchUsage: () => undefined,
      logger,
    });
  }

  get isRegistered(): boolean {
    return this.#supervisor.isRegistered;
  }

  /** From now on it takes part in the cluster. */
  attach(connection: AgentConnection): void {
    this.dispatch({ kind: 'recovered', tasks: [] });
    this.#link.attach(connection);
    this.connectedChanged(connection.bus.connected);
  }

  connectedChanged(connected: boolean): void {
    this.dispatch({ kind: connected ? 'connected' : 'disconnected' });
  }

  close(): void {
    this.#isOver = true;
    this.#options.wheel.cancel(this);
    this.#link.close();
  }

  wake(nowMs: number): void {
    for (const { task, outcome } of this.#sleeps.takeEnded(nowMs)) {
      this.#options.tally.ended();
      this.#inputs.push({ kind: 'ended', task, outcome });
    }
    this.dispatch({ kind: 'tick' });
  }

  /** What comes of the effects of one input waits until all of them are carried out. */
  dispatch(input: SupervisorInput): void {
    if (this.#isOver) return;
    this.#inputs.push(input);
    if (this.#isWorking) return;
    this.#isWorking = true;
    const now = this.#options.now();
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      for (const effect of this.#supervisor.handle(next, now)) this.#carryOut(effect, now);
    }
    this.#isWorking = false;
    const wakeMs = Math.min(
      this.#supervisor.nextWakeMs() ?? Number.POSITIVE_INFINITY,
      this.#sleeps.nextEndMs(),
    );
    if (wakeMs !== Number.POSITIVE_INFINITY) this.#options.wheel.plan(this, wakeMs);
  }

  #carryOut(effect: SupervisorEffect, now: Instant): void {
    if (isBusEffect(effect)) {
      this.#track(this.#link.carryOut(effect));
      return;
    }
    switch (effect.kind) {
      case 'persist':
        this.#inputs.push({ kind: 'recorded', task: effect.task, revision: effect.revision });
        return;
      case 'forget':
        this.#sleeps.stop(effect.task);
        return;
      case 'copyInputs':
        this.#inputs.push({ kind: 'inputsCopied', task: effect.task });
        return;
      case 'launch':
        this.#launch(effect, now);
        return;
      case 'stop':
        this.#stop(effect);
        return;
      case 'copyOutputs':
        this.#inputs.push({ kind: 'outputsCopied', task: effect.task });
        return;
      case 'probe':
        this.#inputs.push({
          kind: 'probed',
          task: effect.task,
          aim: effect.aim,
          answer: allWell(effect),
        });
        return;
      case 'destroyVolume':
        this.#link.answer(effect.reply, succeed({}));
        return;
      case 'executor':
        this.#refuseExecutor(effect.effect);
        return;
      case 'rememberEpoch':
        return;
      case 'leave':
        this.close();
        return;
      case 'report':
        this.#options.onReport(effect.about, effect.what);
        return;
      default:
        unreachable(effect);
    }
  }

  #launch({ task, description }: Effect<'launch'>, { nowMs }: Instant): void {
    this.#options.tally.launched(task);
    this.#sleeps.launch(task, description, nowMs);
    this.#inputs.push({ kind: 'launched', task });
  }

  #stop({ task, signal }: Effect<'stop'>): void {
    if (!this.#sleeps.stop(task)) return;
    this.#options.tally.ended();
    this.#inputs.push({ kind: 'ended', task, outcome: { state: 'signaled', signal } });
  }

  /** An executor would be a process. */
  #refuseExecutor(effect: ExecutorEffect): void {
    switch (effect.kind) {
      case 'tellExited':
        this.#track(this.#tellExited(effect));
        return;
      case 'persist':
        this.#toldOf(effect, { kind: 'recorded', revision: effect.revision });
        return;
      case 'setLimits':
        this.#toldOf(effect, { kind: 'limitsSet', revision: effect.revision });
        return;
      case 'launch': {
        const message = 'an emulated agent runs no executors';
        this.#toldOf(effect, { kind: 'launchFailed', failure: { code: 'failed', message } });
        return;
      }
      case 'forget':
      case 'destroy':
      case 'send':
      case 'closeConnection':
      case 'publishMessage':
        return;
      default:
        unreachable(effect);
    }
  }

  #toldOf(
    { executor, incarnation }: Exclude<ExecutorEffect, { kind: 'tellExited' }>,
    told: Told,
  ): void {
    this.#inputs.push({ kind: 'executor', input: { executor, incarnation, ...told } });
  }

  async #tellExited({ counter, request, body }: ToldExit): Promise<void> {
    const answer = await this.#link.agent?.executorExited(request, body);
    if (answer === undefined) return;
    this.dispatch({ kind: 'executor', input: { kind: 'exitAnswered', counter, answer } });
  }

  #track(work: Promise<void> | undefined): void {
    const { logger, agentId } = this.#options;
    work?.catch((err: unknown) => logger.error({ agentId, err }, 'an effect failed'));
  }
}

type ToldExit = Extract<ExecutorEffect, { kind: 'tellExited' }>;
type Told =
  | { readonly kind: 'recorded'; readonly revision: number }
  | { readonly kind: 'limitsSet'; readonly revision: number }
  | {
      readonly kind: 'launchFailed';
      readonly failure: { readonly code: 'failed'; readonly message: string };
    };

const NO_PROCESS = fail(
  'unknownTask',
  'an emulated agent starts no processes: its tasks have no output, no files and no scope',
);
const noProcess = (): Promise<typeof NO_PROCESS> => Promise.resolve(NO_PROCESS);

/** What sleeps is well, whatever is asked. */
function allWell({ probe }: Effect<'probe'>): ProbeAnswer {
  const detail = 'emulated';
  switch (probe.kind) {
    case 'command':
      return { result: { kind: 'command', exitCode: 0 }, detail };
    case 'http':
      return { result: { kind: 'http', statusCode: 200 }, detail };
    case 'tcp':
      return { result: { kind: 'tcp', succeeded: true }, detail };
    default:
      return unreachable(probe);
  }
}

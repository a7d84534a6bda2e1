// Owns an agent's half of the bus: messages become inputs of its supervisor, the supervisor's effects for the bus go out,
// and what is answered becomes inputs again. The process of one agent and an emulation of many use it alike.
import { type Requester, store } from '@parley/actor/nats/jetstream-requests';
import type { AgentId, ClusterName } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { unreachable } from '@parley/protocol/unreachable';
import type { WatchUsage } from '@parley/protocol/usage';
import { changeLevel, type Logger } from '@parley/telemetry/logger';
import { AgentBus, type AgentBusOptions, type AgentHandlers } from './agent-bus.ts';
import { OpenReplies } from './open-replies.ts';
import type { Supervisor } from './supervisor.ts';
import type { ReplyHandle, SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';

const BUS_EFFECTS = [
  'answer',
  'publishUpdate',
  'register',
  'tellStop',
  'tellTasks',
  'heartbeat',
  'oversubscribed',
] as const;
type Effect<Kind extends SupervisorEffect['kind']> = Extract<SupervisorEffect, { kind: Kind }>;
export type BusEffect = Effect<(typeof BUS_EFFECTS)[number]>;

const kinds: ReadonlySet<string> = new Set(BUS_EFFECTS);
export const isBusEffect = (effect: SupervisorEffect): effect is BusEffect =>
  kinds.has(effect.kind);

/** The bus as this agent has it; `requester` takes the acknowledgements of stored updates into its own inbox. */
export type AgentConnection = Pick<AgentBusOptions, 'bus' | 'read'> & {
  readonly requester: Requester;
};

export type AgentLinkOptions = {
  readonly cluster: ClusterName;
  readonly agentId: AgentId;
  readonly supervisor: Pick<Supervisor, 'epoch' | 'isRegistered'>;
  readonly dispatch: (input: SupervisorInput) => void;
  readonly files: AgentHandlers['files'];
  readonly exec: AgentHandlers['exec'];
  readonly relay: AgentHandlers['relay'];
  readonly watchUsage: (body: WatchUsage) => void;
  readonly logger: Logger;
};

type Reply = (answer: Answer) => void;

export class AgentLink {
  readonly #options: AgentLinkOptions;
  readonly #replies = new OpenReplies();
  #connection: { readonly agent: AgentBus; readonly requester: Requester } | undefined;

  constructor(options: AgentLinkOptions) {
    this.#options = options;
  }

  /** Undefined before `attach`. */
  get agent(): AgentBus | undefined {
    return this.#connection?.agent;
  }

  /** From now on the supervisor hears the bus. */
  attach({ bus, requester, read }: AgentConnection): void {
    const { cluster, agentId } = this.#options;
    const agent = new AgentBus({ bus, cluster, agentId, read, handlers: this.#handlers() });
    this.#connection = { agent, requester };
  }

  close(): void {
    this.#connection?.agent.close();
  }

  answer(reply: ReplyHandle, answer: Answer): void {
    this.#replies.answer(reply, answer);
  }

  /** Without a bus nothing is sent: what has to arrive is asked for again by the supervisor. */
  carryOut(effect: BusEffect): Promise<void> | undefined {
    switch (effect.kind) {
      case 'answer':
        this.answer(effect.reply, effect.answer);
        return undefined;
      case 'publishUpdate':
        return this.#publishUpdate(effect);
      case 'register':
        return this.#register(effect);
      case 'tellStop':
        return this.#tellStop(effect);
      case 'tellTasks':
        return this.#tellTasks(effect);
      case 'heartbeat':
        this.agent?.heartbeat(effect.body);
        return undefined;
      case 'oversubscribed':
        this.agent?.oversubscribed(effect.body);
        return undefined;
      default:
        return unreachable(effect);
    }
  }

  #handlers(): AgentHandlers {
    const { dispatch, files, exec, relay, watchUsage, logger } = this.#options;
    const add = (reply: Reply): ReplyHandle => this.#replies.add(reply);
    return {
      run: (epoch, order, reply) => dispatch({ kind: 'run', epoch, order, reply: add(reply) }),
      runGroup: (epoch, order, reply) =>
        dispatch({ kind: 'runGroup', epoch, order, reply: add(reply) }),
      destroyVolume: (epoch, order, reply) =>
        dispatch({ kind: 'destroyVolume', epoch, order, reply: add(reply) }),
      kill: (epoch, order, reply) => dispatch({ kind: 'kill', epoch, order, reply: add(reply) }),
      askToStop: (epoch, order, reply) =>
        dispatch({ kind: 'askToStop', epoch, order, reply: add(reply) }),
      shutdownExecutor: (epoch, order, reply) =>
        dispatch({ kind: 'shutdownExecutor', epoch, order, reply: add(reply) }),
      presence: (epoch, { reportWithinMs, takesStandings }) =>
        dispatch({ kind: 'presence', epoch, reportWithinMs, takesStandings }),
      registerAgain: (epoch, { standing }) => dispatch({ kind: 'registerAgain', epoch, standing }),
      watermarks: (epoch, body) => dispatch({ kind: 'watermarks', epoch, body }),
      messageToExecutor: (executor, data) =>
        dispatch({ kind: 'executor', input: { kind: 'message', executor, data } }),
      files,
      exec,
      relay,
      watchUsage,
      logLevel: (level) => changeLevel(logger, level),
      onMalformed: (subject, reason) => logger.warn({ subject, reason }, 'message not understood'),
    };
  }

  async #publishUpdate({ task, update }: Effect<'publishUpdate'>): Promise<void> {
    if (this.#connection === undefined) return;
    const { agent, requester } = this.#connection;
    const { subject, bytes } = agent.encodeUpdate(update);
    const stored = await store(requester, subject, bytes);
    const { dispatch, logger } = this.#options;
    if (stored.kind === 'stored') {
      const { sequence } = update;
      dispatch({ kind: 'updateAcked', task, sequence, streamSequence: stored.sequence });
      return;
    }
    const reason = stored.kind === 'refused' ? 'refused' : stored.message;
    logger.debug({ ...update.task, reason }, 'status update not acknowledged yet');
  }

  async #register({ counter, request, body }: Effect<'register'>): Promise<void> {
    const answered = await this.agent?.register(request, body);
    if (answered === undefined) return;
    const { supervisor, dispatch, logger } = this.#options;
    const wasRegistered = supervisor.isRegistered;
    dispatch({ kind: 'registerAnswered', counter, ...answered });
    if (!wasRegistered && supervisor.isRegistered) {
      logger.info({ epoch: supervisor.epoch, tasks: body.tasks.length }, 'registered');
    }
  }

  async #tellTasks({ counter, request, body }: Effect<'tellTasks'>): Promise<void> {
    const answered = await this.agent?.tellTasks(request, body);
    if (answered === undefined) return;
    const { supervisor, dispatch, logger } = this.#options;
    dispatch({ kind: 'tasksTold', counter, ...answered });
    if (!body.isLast || !answered.answer.ok) return;
    const { epoch } = supervisor;
    logger.info({ epoch }, 'told a leader that had lost its books all that is here');
  }

  async #tellStop({ counter, request, body }: Effect<'tellStop'>): Promise<void> {
    const answer = await this.agent?.stopAnswered(request, body);
    if (answer !== undefined) this.#options.dispatch({ kind: 'stopTold', counter, answer });
  }
}

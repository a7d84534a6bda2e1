// Owns which executors are subscribed at this gateway, and the way of each to the agent of this host. A new subscription of
// an executor takes the place of the one before.
import { randomNonce } from '@parley/actor/nats/system-clock';
import type { ExecutorCall } from '@parley/mesos-api/message-types';
import type { Outcome } from '@parley/protocol/errors';
import type { ExecutorProof } from '@parley/protocol/executor-relay';
import {
  type ExecutorKey,
  type ExecutorRef,
  executorKey,
  frameworkKey,
  type TaskId,
  Token,
  taskKey,
} from '@parley/protocol/ids';
import type { GatewayContext } from '../gateway-context.ts';
import { foreignIdOf } from '../mesos/foreign-id.ts';
import { attributesOf } from '../read-model/agent-model.ts';
import { executorContainerId } from '../read-model/mesos-ids.ts';
import { mesosResources } from '../read-model/mesos-resources.ts';
import { partsOfAgent } from '../read-model/parts.ts';
import { ExecutorSession, type SubscribedFacts } from './executor-session.ts';
import type { ExecutorStream } from './executor-stream.ts';
import { mesosExecutor, mesosFramework } from './executor-translation.ts';
import { ExecutorUpdates } from './executor-updates.ts';
import { type Accepted, type AgentRelay, type Refused, RelayLink } from './relay-link.ts';

export type Caller = {
  readonly executor: ExecutorRef;
  readonly proof: ExecutorProof;
  /** As the framework calls the executor. */
  readonly executorId: string;
};

/** Executors whose updates are remembered over their connections; an agent has at most a thousand. */
const MAX_REMEMBERED = 2000;

type Context = Pick<GatewayContext, 'live' | 'logger' | 'config'>;

export class ExecutorDesk {
  readonly #relay: AgentRelay;
  readonly #context: Context;
  readonly #sessions = new Map<ExecutorKey, ExecutorSession>();
  readonly #updates = new Map<ExecutorKey, ExecutorUpdates>();

  constructor(relay: AgentRelay, context: Context) {
    this.#relay = relay;
    this.#context = context;
  }

  session(executor: ExecutorRef): ExecutorSession | undefined {
    return this.#sessions.get(executorKey(executor));
  }

  /** Whether the caller may speak for the executor. Fails as `AgentRelay.ask`. */
  prove({ executor, proof }: Caller): Promise<Outcome<Accepted | Refused>> {
    return this.#relay.prove(executor, proof);
  }

  /**
   * Opens a connection to the agent; then `begin` makes the answer, and its records follow. Fails as `AgentRelay.ask`.
   */
  async subscribe(
    caller: Caller,
    subscribe: NonNullable<ExecutorCall['subscribe']>,
    begin: () => ExecutorStream,
  ): Promise<Outcome<Accepted | Refused>> {
    const { executor, proof } = caller;
    const connection = Token.parse(randomNonce());
    const opened = await this.#relay.prove(executor, proof, connection);
    if (!opened.ok || opened.value.kind === 'refused') return opened;
    const key = executorKey(executor);
    const updates = this.#updatesOf(key);
    updates.countFrom(opened.value.lastSequence);
    this.#sessions.get(key)?.close();
    const session = this.#sessionOf(caller, opened.value, updates, begin());
    this.#sessions.set(key, session);
    const { logger } = this.#context;
    const link = new RelayLink(this.#relay, connection, {
      onMessage: (message) => session.hear(message),
      onClosed: (why) => {
        if (this.#sessions.get(key) === session) this.#sessions.delete(key);
        logger.info({ ...executor, why }, 'an executor is connected no more');
        session.close();
      },
    });
    logger.info({ ...executor }, 'an executor is connected');
    session.begin(link, subscribe);
    return opened;
  }

  closeAll(): void {
    for (const session of this.#sessions.values()) session.close();
  }

  #sessionOf(
    { executor, proof, executorId }: Caller,
    { description }: Accepted,
    updates: ExecutorUpdates,
    stream: ExecutorStream,
  ): ExecutorSession {
    return new ExecutorSession({
      ...{ executor, proof, updates, stream, agentId: this.#relay.agentId },
      info: mesosExecutor(executor, description, executorId),
      nameOf: (taskId) => this.#nameOf(executor, taskId),
      facts: ({ hostname }) => this.#factsOf(executor, description, hostname),
    });
  }

  #factsOf(
    executor: ExecutorRef,
    description: Accepted['description'],
    hostname: string,
  ): SubscribedFacts {
    const { state } = this.#context.live.followed;
    const { agentId } = this.#relay;
    const agent = state.agents.get(agentId);
    return {
      framework_info: mesosFramework(
        executor,
        state.frameworks.get(frameworkKey(executor)),
        description,
      ),
      agent_info: {
        hostname,
        id: { value: agentId },
        port: this.#context.config.port,
        ...(agent !== undefined && {
          resources: mesosResources(partsOfAgent(state, agent)) as never,
          attributes: attributesOf(agent) as never,
        }),
      },
      container_id: { value: executorContainerId(executor) },
    };
  }

  #nameOf(executor: ExecutorRef, taskId: TaskId): string {
    const { tasks } = this.#context.live.followed.state;
    return foreignIdOf(taskId, tasks.get(taskKey({ ...executor, taskId }))?.name);
  }

  /** The one used longest ago is forgotten first. */
  #updatesOf(key: ExecutorKey): ExecutorUpdates {
    const updates = this.#updates.get(key) ?? new ExecutorUpdates();
    this.#updates.delete(key);
    this.#updates.set(key, updates);
    const [oldest] = this.#updates.keys();
    if (this.#updates.size > MAX_REMEMBERED && oldest !== undefined) this.#updates.delete(oldest);
    return updates;
  }
}

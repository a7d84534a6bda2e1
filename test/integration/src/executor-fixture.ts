// What the tests of real executors share: tasks for one, the leader's and the framework's part in what is said about
// executors, beside what agent-fixture.ts plays. It tests nothing itself.
import { fileURLToPath } from 'node:url';
import type { ExecutorExited } from '@parley/protocol/agents';
import { type AgentId, ExecutorRef } from '@parley/protocol/ids';
import {
  type Answer,
  decodeAnswer,
  decodeMessage,
  encodeAnswer,
  encodeMessage,
} from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescriptionInput } from '@parley/protocol/tasks';
import type { NatsConnection } from 'nats';
import { agentId } from './agent-fixture.ts';
import { alice, type BusFixture, cluster } from './bus-fixture.ts';
import type { PlayedLeader } from './played-leader.ts';

const PROGRAM = fileURLToPath(new URL('./executor-process.ts', import.meta.url));
export const EXECUTOR_MIB = 256;

export const executorRef = (executorId: string): ExecutorRef =>
  ExecutorRef.parse({ principal: alice, frameworkId: 'fw', executorId });

/** What it does, executor-process.ts says by its name. */
export function anExecutorTask(
  taskId: string,
  name: string,
  executorId = 'e1',
): TaskDescriptionInput {
  return {
    taskId,
    name,
    resources: { scalars: { cpus: 100, mem: 32_000 } },
    executor: {
      executorId,
      command: { argv: [process.execPath, PROGRAM] },
      resources: { scalars: { cpus: 500, mem: EXECUTOR_MIB * 1000 } },
    },
  };
}

export class ExecutorStage {
  readonly exits: ExecutorExited[] = [];
  /** As the framework got them. */
  readonly messages: { readonly agentId: AgentId; readonly executorId: string; data: Buffer }[] =
    [];
  /** Exits that are not answered, before the first that is. */
  unanswered = 0;
  readonly #leader: PlayedLeader;
  readonly #master: NatsConnection;
  readonly #framework: NatsConnection;

  private constructor(leader: PlayedLeader, master: NatsConnection, framework: NatsConnection) {
    this.#leader = leader;
    this.#master = master;
    this.#framework = framework;
    const { executorExited, messageToFramework } = SUBJECTS;
    master.subscribe(wildcardOf(executorExited, cluster), {
      callback: (_, message) => {
        const parsed = decodeMessage(executorExited, cluster, message.subject, message.data);
        if (!parsed.ok) throw new Error(parsed.failure.message);
        this.exits.push(parsed.value.body);
        if (this.exits.length <= this.unanswered) return;
        message.respond(encodeAnswer({ ok: true, value: {} }, leader.epoch));
      },
    });
    framework.subscribe(wildcardOf(messageToFramework, cluster, { principal: alice }), {
      callback: (_, message) => {
        const parsed = decodeMessage(messageToFramework, cluster, message.subject, message.data);
        if (!parsed.ok) throw new Error(parsed.failure.message);
        const { parameters, body } = parsed.value;
        this.messages.push({ ...parameters, data: Buffer.from(body.data) });
      },
    });
  }

  static async open(bus: BusFixture, leader: PlayedLeader): Promise<ExecutorStage> {
    const master = await bus.as('master', 'master-1');
    const framework = await bus.as('principal', alice);
    return new ExecutorStage(leader, master.connection, framework.connection);
  }

  async shutDown(executorId: string, graceMs: number): Promise<Answer> {
    const { shutdownExecutorOrder } = SUBJECTS;
    const body = { executor: executorRef(executorId), graceMs };
    const { epoch } = this.#leader;
    const order = encodeMessage(shutdownExecutorOrder, cluster, { agentId }, body, { epoch });
    const reply = await this.#master.request(order.subject, order.bytes, { timeout: 10_000 });
    const answer = decodeAnswer(shutdownExecutorOrder, reply.data);
    if (!answer.ok) throw new Error(answer.failure.message);
    return answer.value.answer;
  }

  tell(executorId: string, text: string): void {
    const parameters = { agentId, ...executorRef(executorId) };
    const data = Uint8Array.from(Buffer.from(text));
    const message = encodeMessage(SUBJECTS.messageToExecutor, cluster, parameters, { data });
    this.#framework.publish(message.subject, message.bytes);
  }
}

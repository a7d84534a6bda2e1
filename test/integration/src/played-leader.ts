// Owns the leader that a test plays for an agent: it hears registrations, gives orders and reads what the agent tells. It tests
// nothing itself.
import { jetstreamManager } from '@nats-io/jetstream';
import type { RegisterRequest, RunOrder, UsageReport } from '@parley/protocol/agents';
import type { Epoch } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import { ExecutorDescription } from '@parley/protocol/executor-description';
import { ActorId, type FrameworkRef, RoleName, TaskRef, VolumeId } from '@parley/protocol/ids';
import {
  type Answer,
  decodeAnswer,
  decodeMessage,
  encodeAnswer,
  encodeMessage,
} from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import { updatesStreamName } from '@parley/protocol/streams';
import { subjectOf, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import {
  isTerminal,
  type StatusUpdate,
  TaskDescription,
  type TaskDescriptionInput,
} from '@parley/protocol/tasks';
import type { NatsConnection } from 'nats';
import { expect, vi } from 'vitest';
import { agentId, framework, WAIT_MS } from './agent-fixture.ts';
import { alice, type BusFixture, cluster } from './bus-fixture.ts';

const role = RoleName.parse('a/b');
const ANSWER_MS = 20_000;

type Request = 'run' | 'runGroup' | 'destroyVolume' | 'kill' | 'logs' | 'logLevel';

/** A leader as far as one agent sees it: answers its registrations and gives orders. */
export class PlayedLeader {
  readonly registrations: RegisterRequest[] = [];
  readonly usage: UsageReport[] = [];
  /** What may be offered as revocable, each time that the agent says so. */
  readonly lent: Resources[] = [];
  epoch: Epoch = { bucketCreatedMs: 1, revision: 5 };
  readonly #bus: BusFixture;
  readonly #connection: NatsConnection;
  #registered = 0;
  /** Updates of the stream that have been read, by their sequence in it. */
  readonly #read = new Map<number, StatusUpdate>();
  /** Answer to registrations that the agent was declared gone. */
  declaresGone = false;

  private constructor(bus: BusFixture, connection: NatsConnection) {
    this.#bus = bus;
    this.#connection = connection;
    this.#hearUsage();
    this.#hearLent();
    const subject = wildcardOf(SUBJECTS.register, cluster);
    connection.subscribe(subject, {
      callback: (_, message) => {
        const parsed = decodeMessage(SUBJECTS.register, cluster, message.subject, message.data);
        if (!parsed.ok) throw new Error(parsed.failure.message);
        this.registrations.push(parsed.value.body);
        const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
        const answer = this.declaresGone
          ? fail('agentGone', `${agentId} was declared gone`)
          : ({ ok: true, value } as const);
        message.respond(encodeAnswer(answer, this.epoch));
      },
    });
  }

  #hearUsage(): void {
    this.#connection.subscribe(wildcardOf(SUBJECTS.usage, cluster), {
      callback: (_, message) => {
        const parsed = decodeMessage(SUBJECTS.usage, cluster, message.subject, message.data);
        if (!parsed.ok) throw new Error(parsed.failure.message);
        this.usage.push(parsed.value.body);
      },
    });
  }

  #hearLent(): void {
    this.#connection.subscribe(wildcardOf(SUBJECTS.oversubscribed, cluster), {
      callback: (_, message) => {
        const { subject, data } = message;
        const parsed = decodeMessage(SUBJECTS.oversubscribed, cluster, subject, data);
        if (!parsed.ok) throw new Error(parsed.failure.message);
        this.lent.push(parsed.value.body.revocable);
      },
    });
  }

  static async lead(bus: BusFixture): Promise<PlayedLeader> {
    const { connection } = await bus.as('master', 'master-1');
    return new PlayedLeader(bus, connection);
  }

  /** Says and hears no more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Waits for a registration that has not been waited for yet. */
  async registered(): Promise<RegisterRequest> {
    await vi.waitUntil(() => this.registrations.length > this.#registered, { timeout: WAIT_MS });
    this.#registered = this.registrations.length;
    const last = this.registrations.at(-1);
    if (last === undefined) throw new Error('nobody registered');
    return last;
  }

  /** Of an agent that has ended: what it still said is no registration of the next one. */
  awaitsNobody(): void {
    this.#registered = this.registrations.length;
  }

  async order(
    description: TaskDescriptionInput,
    epoch: Epoch = this.epoch,
    of: FrameworkRef = framework,
  ): Promise<Answer> {
    const body = { framework: of, role, description: TaskDescription.parse(description) };
    return this.#run(body, epoch);
  }

  /** As somebody may send who does not look at it first: whether it can be is left to the agent. */
  orderUnchecked(description: object): Promise<Answer> {
    return this.orderBytes(this.runBytes(description));
  }

  /** The bytes of such an order. */
  runBytes(description: object): Uint8Array {
    const body = { framework, role, description: description as TaskDescription };
    const { epoch } = this;
    return encodeMessage(SUBJECTS.run, cluster, { agentId }, body, { epoch }).bytes;
  }

  /** None of its volumes may hold more than so many MiB. */
  async orderKeptTo(mib: number, input: TaskDescriptionInput): Promise<Answer> {
    const description = TaskDescription.parse(input);
    const volumeSizes = description.volumes.map(({ volumeId }) => ({ volumeId, mib }));
    return this.#run({ framework, role, volumeSizes, description }, this.epoch);
  }

  #run(body: RunOrder, epoch: Epoch): Promise<Answer> {
    const message = encodeMessage(SUBJECTS.run, cluster, { agentId }, body, { epoch });
    return this.#ask('run', message.subject, message.bytes, this.#connection);
  }

  /** The default executor is to run these together. */
  async orderGroup(
    descriptions: readonly TaskDescriptionInput[],
    executorId = 'pod',
  ): Promise<Answer> {
    const executor = ExecutorDescription.parse({ executorId, kind: 'default' });
    const tasks = descriptions.map((description) => TaskDescription.parse(description));
    const body = { framework, role, executor, descriptions: tasks };
    const { epoch } = this;
    const message = encodeMessage(SUBJECTS.runGroup, cluster, { agentId }, body, { epoch });
    return this.#ask('runGroup', message.subject, message.bytes, this.#connection);
  }

  async destroyVolume(volumeId: string): Promise<Answer> {
    const body = { role, volumeId: VolumeId.parse(volumeId) };
    const { epoch } = this;
    const message = encodeMessage(SUBJECTS.destroyVolume, cluster, { agentId }, body, { epoch });
    return this.#ask('destroyVolume', message.subject, message.bytes, this.#connection);
  }

  kill(taskId: string, graceMs: number, of: FrameworkRef = framework): Promise<Answer> {
    const body = { task: this.task(taskId, of), graceMs, reason: 'framework' } as const;
    const { epoch } = this;
    const message = encodeMessage(SUBJECTS.kill, cluster, { agentId }, body, { epoch });
    return this.#ask('kill', message.subject, message.bytes, this.#connection);
  }

  /** Bytes that may be anything, on the subject of run orders. */
  orderBytes(bytes: Uint8Array): Promise<Answer> {
    const subject = subjectOf(SUBJECTS.run, cluster, { agentId });
    return this.#ask('run', subject, bytes, this.#connection);
  }

  /** As an operator. */
  async logs(taskId: string, stream: 'stdout' | 'stderr' = 'stdout', offset = 0): Promise<Answer> {
    const body = { task: this.task(taskId), stream, offset, maxBytes: 1000 };
    const message = encodeMessage(SUBJECTS.logs, cluster, { agentId }, body);
    const { connection } = await this.#bus.as('operator', 'olga');
    return this.#ask('logs', message.subject, message.bytes, connection);
  }

  /** Every update in the stream, in its order. */
  async updates(): Promise<StatusUpdate[]> {
    const { connection } = await this.#bus.as('provisioner', 'provisioner', { principal: alice });
    const manager = await jetstreamManager(connection);
    const stream = updatesStreamName(cluster, alice);
    const { state } = await manager.streams.info(stream);
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
      if (this.#read.has(seq)) continue;
      const stored = await manager.streams.getMessage(stream, { seq });
      if (stored === null) continue;
      const parsed = decodeMessage(SUBJECTS.update, cluster, stored.subject, stored.data);
      if (!parsed.ok) throw new Error(parsed.failure.message);
      this.#read.set(seq, parsed.value.body);
    }
    await connection.close();
    return [...this.#read].toSorted(([one], [other]) => one - other).map(([, update]) => update);
  }

  /** Updates of one task as its framework reads them: each number once, nothing after its end. */
  async history(taskId: string): Promise<StatusUpdate[]> {
    const read: StatusUpdate[] = [];
    for (const update of await this.updates()) {
      if (update.task.taskId !== taskId) continue;
      if (read.some(({ sequence, state }) => sequence === update.sequence || isTerminal(state))) {
        continue;
      }
      read.push(update);
    }
    return read;
  }

  async untilState(taskId: string, state: StatusUpdate['state']): Promise<void> {
    await expect
      .poll(async () => (await this.history(taskId)).map((update) => update.state), {
        timeout: WAIT_MS,
        interval: 200,
      })
      .toContain(state);
  }

  async ended(taskId: string): Promise<StatusUpdate> {
    await expect
      .poll(async () => (await this.history(taskId)).some(({ state }) => isTerminal(state)), {
        timeout: WAIT_MS,
        interval: 200,
      })
      .toBe(true);
    const last = (await this.history(taskId)).at(-1);
    if (last === undefined) throw new Error('no update');
    return last;
  }

  /** As a new leader does: of a later term than before. */
  beginsTerm(): void {
    const { bucketCreatedMs, revision } = this.epoch;
    this.epoch = { bucketCreatedMs, revision: revision + 1 };
    const { epoch } = this;
    const body = { masterId: ActorId.parse('master-1'), reportWithinMs: 50 };
    const message = encodeMessage(SUBJECTS.presence, cluster, {}, body, { epoch });
    this.#connection.publish(message.subject, message.bytes);
  }

  /** Says that everything in the stream is journalled. */
  async watermark(): Promise<void> {
    const { connection } = await this.#bus.as('provisioner', 'provisioner', { principal: alice });
    const manager = await jetstreamManager(connection);
    const { created, state } = await manager.streams.info(updatesStreamName(cluster, alice));
    await connection.close();
    const streams = [
      { principal: alice, createdMs: Date.parse(created), sequence: state.last_seq },
    ];
    const { epoch } = this;
    const message = encodeMessage(SUBJECTS.watermarks, cluster, {}, { streams }, { epoch });
    this.#connection.publish(message.subject, message.bytes);
  }

  task(taskId: string, of: FrameworkRef = framework): TaskRef {
    return TaskRef.parse({ ...of, taskId });
  }

  async #ask(
    name: Request,
    subject: string,
    bytes: Uint8Array,
    connection: NatsConnection,
  ): Promise<Answer> {
    const reply = await connection.request(subject, bytes, { timeout: ANSWER_MS });
    const answer = decodeAnswer(SUBJECTS[name], reply.data);
    if (!answer.ok) throw new Error(answer.failure.message);
    return answer.value.answer;
  }
}

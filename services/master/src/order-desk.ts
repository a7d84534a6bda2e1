// Owns orders to agents on their way: each is sent until the agent has answered it or the books need it no more.
import type { Input, Order } from '@parley/cluster/inputs';
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import type { SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { ClusterView } from './cluster-view.ts';
import type { MasterOutput } from './master-actor.ts';
import { RetryQueue } from './retry-queue.ts';

/** What each kind of order is sent and answered as. */
const ORDERS = {
  run: SUBJECTS.run,
  runGroup: SUBJECTS.runGroup,
  kill: SUBJECTS.kill,
  shutdownExecutor: SUBJECTS.shutdownExecutorOrder,
  askToStop: SUBJECTS.askToStop,
  destroyVolume: SUBJECTS.destroyVolume,
} as const satisfies Record<Order['kind'], SubjectEntry>;

/** Orders being tried at once: beyond that they would only queue on the way. */
const MAX_IN_FLIGHT = 1024;
const RETRY = { firstMs: 250, maxMs: 5000 };
/** For orders that the agent refused and that stand all the same: each refusal is an entry of the journal. */
const REFUSED_RETRY = { firstMs: 1000, maxMs: 60_000 };

/** Answers that say nothing about the order itself, so that the books need not hear of them. */
const NO_VERDICT: ReadonlySet<string> = new Set([
  'staleEpoch',
  'overloaded',
  'rateLimited',
  'unavailable',
]);

type OrderAnswered = Extract<Input, { kind: 'orderAnswered' }>;

export class OrderDesk {
  readonly #cluster: ClusterName;
  readonly #epoch: Epoch;
  readonly #view: Pick<ClusterView, 'order' | 'awaitedOrder'>;
  readonly #queue = new RetryQueue<Order>(RETRY);
  readonly #trying = new Map<string, Order>();

  constructor(options: {
    readonly cluster: ClusterName;
    readonly epoch: Epoch;
    readonly view: Pick<ClusterView, 'order' | 'awaitedOrder'>;
  }) {
    this.#cluster = options.cluster;
    this.#epoch = options.epoch;
    this.#view = options.view;
  }

  add(order: Order, nowMs: number): void {
    this.#queue.add(order.orderId, order, nowMs);
  }

  /**
   * The books hear of the answer. A refusal may leave the order in them: then it goes out again. A refused launch
   * never does, and must not be repeated before the books say so: the agent might start what they call dropped.
   */
  answered({ orderId, failure }: OrderAnswered, nowMs: number): void {
    const kind = this.#awaited(orderId)?.kind;
    this.#trying.delete(orderId);
    const mayStand = failure !== undefined && kind !== 'run' && kind !== 'runGroup';
    if (mayStand) this.#queue.failed(orderId, nowMs, REFUSED_RETRY);
    else this.#queue.done(orderId);
  }

  failed(orderId: string, nowMs: number): void {
    this.#trying.delete(orderId);
    this.#queue.failed(orderId, nowMs);
  }

  /**
   * What is to be sent, as it stands in the books. The order of a task that has ended must not be repeated: an agent
   * that was told to forget the task, and then began anew, would take it for a new one.
   */
  takeDue(nowMs: number): MasterOutput[] {
    const room = MAX_IN_FLIGHT - this.#trying.size;
    const outputs: MasterOutput[] = [];
    for (const { key } of this.#queue.takeDue(nowMs, room)) {
      const order = this.#view.order(key);
      if (order === undefined) {
        this.#queue.done(key);
        continue;
      }
      this.#trying.set(key, order);
      outputs.push({ kind: 'order', orderId: key, ...this.#encode(order) });
    }
    return outputs;
  }

  /** Whether the agent says that it has taken it. */
  isTaken(orderId: string, bytes: Uint8Array): boolean {
    const order = this.#awaited(orderId);
    const answer = order && decodeAnswer(ORDERS[order.kind], bytes);
    return answer?.ok === true && answer.value.answer.ok;
  }

  /** The input that the answer makes; a log line when a later term answered; undefined when it is tried again. */
  replied(
    orderId: string,
    bytes: Uint8Array | undefined,
    nowMs: number,
  ): OrderAnswered | Extract<MasterOutput, { kind: 'log' }> | undefined {
    const order = this.#awaited(orderId);
    if (order === undefined) return undefined;
    const answer = bytes === undefined ? undefined : decodeAnswer(ORDERS[order.kind], bytes);
    if (!answer?.ok) {
      this.failed(orderId, nowMs);
      return undefined;
    }
    const { agentId } = order;
    const received = answer.value.answer;
    if (received.ok) return { kind: 'orderAnswered', agentId, orderId };
    const { failure } = received;
    if (NO_VERDICT.has(failure.code)) {
      this.failed(orderId, nowMs);
      const told = answer.value.epoch;
      const later =
        failure.code === 'staleEpoch' ||
        (told !== undefined && compareEpochs(told, this.#epoch) > 0);
      return later ? laterTerm(agentId, failure.message) : undefined;
    }
    return { kind: 'orderAnswered', agentId, orderId, failure };
  }

  #awaited(orderId: string): Order | undefined {
    return this.#trying.get(orderId) ?? this.#view.awaitedOrder(orderId);
  }

  #encode(order: Order): { subject: string; bytes: Uint8Array } {
    // The body fits the kind's entry by the type of orders.
    return encodeMessage<SubjectEntry>(
      ORDERS[order.kind],
      this.#cluster,
      { agentId: order.agentId },
      order.body,
      { epoch: this.#epoch },
    );
  }
}

function laterTerm(agentId: string, reason: string): Extract<MasterOutput, { kind: 'log' }> {
  return {
    kind: 'log',
    level: 'error',
    message:
      'an agent follows a leader of a later term: if no other leader runs, the lease bucket was restored or recreated',
    fields: { agentId, reason },
  };
}

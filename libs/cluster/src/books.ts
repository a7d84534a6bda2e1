// Owns what follows from the records and is too dear to work out each time: who holds how much of what, and
// which records belong to whom. Derived state: never hashed, built anew when a state is restored.
import {
  type AgentId,
  type ExecutorRef,
  executorKey,
  frameworkKey,
  type OfferId,
  type RoleName,
  taskKey,
} from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, contains, subtract, trySubtract } from '@parley/resources/resources';
import { FrameworkBook } from './framework-book.ts';
import { IdleReservations } from './idle-reservations.ts';
import { isLent } from './offered-agents.ts';
import type {
  AgentRecord,
  EndedTaskRecord,
  ExecutorRecord,
  FrameworkRecord,
  OfferRecord,
  ReservationRecord,
  ReservedPart,
  TaskRecord,
} from './records.ts';
import { type Holder, ReservationBooks, reservationKey } from './reservation-books.ts';
import { RevocableBook } from './revocable-book.ts';
import { RoleBooks } from './role-books.ts';
import { RoleSharers } from './role-sharers.ts';
import { ScalarSums } from './scalar-sums.ts';

export type AgentBook = {
  /** Not reserved. */
  offered: Resources;
  /** Of tasks and executors; not reserved. */
  allocated: Resources;
  /** All reservations, whoever holds what of them. */
  reserved: Resources;
  /** What is lent of what others do not use: in none of the other sums, here or elsewhere. */
  readonly revocable: RevocableBook;
  /** Of tasks and executors, what they hold of reservations included. */
  readonly used: ScalarSums;
  readonly offers: Set<OfferId>;
  readonly tasks: Set<string>;
  readonly executors: Set<string>;
  readonly orders: Set<string>;
  readonly reservations: Set<string>;
  /** What is free on it is offered, so what is reserved there is of use to its role. */
  isLent: boolean;
};

/** What an offer, a task or an executor holds of an agent. */
type Held = {
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly resources: Resources;
  readonly reserved: readonly ReservedPart[];
};

/** Key of an executor in its table: its id is unique within its framework and agent only. */
export const executorRecordKey = (agentId: AgentId, executor: ExecutorRef): string =>
  `${agentId}/${executorKey(executor)}`;

export class Books {
  readonly agents = new Map<AgentId, AgentBook>();
  readonly frameworks = new Map<string, FrameworkBook>();
  readonly reservations = new ReservationBooks();
  readonly roles = new RoleBooks();
  readonly idle = new IdleReservations(this.reservations, this.roles);
  readonly sharers = new RoleSharers();
  /** Over registered agents only. */
  readonly total = new ScalarSums();
  readonly allocated = new ScalarSums();
  /** Over all agents that are known: bounded, so that every sum is exact. */
  readonly known = new ScalarSums();
  registeredAgents = 0;
  subscribedFrameworks = 0;

  agent(agentId: AgentId): AgentBook {
    let book = this.agents.get(agentId);
    if (book === undefined) {
      book = {
        offered: NO_RESOURCES,
        allocated: NO_RESOURCES,
        reserved: NO_RESOURCES,
        revocable: new RevocableBook(),
        used: new ScalarSums(),
        offers: new Set(),
        tasks: new Set(),
        executors: new Set(),
        orders: new Set(),
        reservations: new Set(),
        isLent: false,
      };
      this.agents.set(agentId, book);
    }
    return book;
  }

  framework(key: string): FrameworkBook {
    let book = this.frameworks.get(key);
    if (book === undefined) {
      book = new FrameworkBook(key, this.sharers);
      this.frameworks.set(key, book);
    }
    return book;
  }

  /** Neither reserved, offered nor allocated; nothing while more is held or reserved than there is. */
  free(agent: AgentRecord): Resources {
    const book = this.agents.get(agent.agentId);
    if (book === undefined) return agent.total;
    return trySubtract(agent.total, taken(book)) ?? NO_RESOURCES;
  }

  /** Of what it says may be offered as revocable: neither offered nor allocated. */
  freeRevocable({ agentId, revocable }: AgentRecord): Resources {
    if (revocable === undefined) return NO_RESOURCES;
    return this.agents.get(agentId)?.revocable.freeOf(revocable) ?? revocable;
  }

  /** In no volume, offer or task. */
  freeOfReservation(record: ReservationRecord): Resources {
    return this.reservations.free(record);
  }

  fits(agent: AgentRecord): boolean {
    const book = this.agents.get(agent.agentId);
    return book === undefined || contains(agent.total, taken(book));
  }

  /** All that is held, the disk of volumes included. */
  scalarsOf({
    agentId,
    resources,
    reserved,
  }: Pick<Held, 'agentId' | 'resources' | 'reserved'>): Resources['scalars'] {
    if (reserved.length === 0) return resources.scalars;
    const sums = new ScalarSums();
    sums.add(resources.scalars);
    for (const part of reserved) sums.add(this.reservations.scalarsOf(agentId, part));
    return sums.toScalars();
  }

  /** After the record of an agent changed, came to be, or was forgotten. */
  agentChanged(before: AgentRecord | undefined, after: AgentRecord | undefined): void {
    if (before !== undefined) {
      this.known.subtract(before.total.scalars);
      this.#count(before, -1);
    }
    if (after !== undefined) {
      this.known.add(after.total.scalars);
      this.#count(after, 1);
    }
    const agent = after ?? before;
    if (agent !== undefined) this.#lend(agent.agentId, after !== undefined && isLent(after));
  }

  frameworkChanged(before: FrameworkRecord | undefined, after: FrameworkRecord | undefined): void {
    if (before?.state === 'subscribed') this.subscribedFrameworks -= 1;
    if (after?.state === 'subscribed') this.subscribedFrameworks += 1;
    const record = after ?? before;
    if (record === undefined) return;
    const isSharing = after?.state === 'subscribed';
    const roles = isSharing ? after.roles.map(({ role }) => role) : [];
    this.sharers.isSubscribed(frameworkKey(record.framework), roles);
  }

  reservationChanged(
    before: ReservationRecord | undefined,
    after: ReservationRecord | undefined,
  ): void {
    this.reservations.changed(before, after);
    const record = after ?? before;
    if (record === undefined) return;
    const agent = this.agent(record.agentId);
    const key = reservationKey(record.agentId, record);
    if (before !== undefined) agent.reserved = subtract(agent.reserved, before.resources);
    if (after === undefined) {
      agent.reservations.delete(key);
    } else {
      agent.reserved = add(agent.reserved, after.resources);
      agent.reservations.add(key);
    }
    this.idle.count(key, agent.isLent);
  }

  offerMade(offer: OfferRecord): void {
    const agent = this.agent(offer.agentId);
    const framework = this.framework(frameworkKey(offer.framework));
    const scalars = this.scalarsOf(offer);
    agent.offered = add(agent.offered, offer.resources);
    agent.revocable.offered.add(offer.revocable?.scalars ?? {});
    agent.offers.add(offer.offerId);
    framework.hold('offered', offer.role, scalars);
    framework.offers.add(offer.offerId);
    framework.promise(offer);
    this.roles.add(offer.role, 'offered', scalars);
    const holder = { kind: 'offer', offerId: offer.offerId } as const;
    this.#partsHeld(offer, holder);
  }

  offerEnded(offer: OfferRecord): void {
    const agent = this.agent(offer.agentId);
    const framework = this.framework(frameworkKey(offer.framework));
    const scalars = this.scalarsOf(offer);
    agent.offered = subtract(agent.offered, offer.resources);
    agent.revocable.offered.subtract(offer.revocable?.scalars ?? {});
    agent.offers.delete(offer.offerId);
    framework.release('offered', offer.role, scalars);
    framework.offers.delete(offer.offerId);
    framework.unpromise(offer);
    this.roles.subtract(offer.role, 'offered', scalars);
    this.#partsFreed(offer);
  }

  /** `isAgentRegistered`: whether the agent's resources count towards the cluster's. */
  taskLaunched(task: TaskRecord, isAgentRegistered: boolean): void {
    const key = taskKey(task.task);
    const framework = this.framework(frameworkKey(task.task));
    const scalars = this.#allocate(framework, task, isAgentRegistered);
    this.#partsHeld(task, { kind: 'task', task: key });
    const agent = this.agent(task.agentId);
    agent.revocable.allocated.add(task.revocable?.scalars ?? {});
    agent.tasks.add(key);
    framework.tasks.add(key);
    if (task.revocable === undefined) framework.countShape(scalars);
  }

  taskEnded(task: TaskRecord, isAgentRegistered: boolean): void {
    const key = taskKey(task.task);
    const framework = this.framework(frameworkKey(task.task));
    const scalars = this.#release(framework, task, isAgentRegistered);
    this.#partsFreed(task);
    const agent = this.agent(task.agentId);
    agent.revocable.allocated.subtract(task.revocable?.scalars ?? {});
    agent.tasks.delete(key);
    framework.tasks.delete(key);
    if (task.revocable === undefined) framework.discountShape(scalars);
  }

  executorLaunched(record: ExecutorRecord, isAgentRegistered: boolean): void {
    const key = executorRecordKey(record.agentId, record.executor);
    const framework = this.framework(frameworkKey(record.executor));
    this.#allocate(framework, { ...record, reserved: [] }, isAgentRegistered);
    this.agent(record.agentId).executors.add(key);
    framework.executors.add(key);
  }

  executorEnded(record: ExecutorRecord, isAgentRegistered: boolean): void {
    const key = executorRecordKey(record.agentId, record.executor);
    const framework = this.framework(frameworkKey(record.executor));
    this.#release(framework, { ...record, reserved: [] }, isAgentRegistered);
    this.agent(record.agentId).executors.delete(key);
    framework.executors.delete(key);
  }

  endedTaskKept(ended: EndedTaskRecord): void {
    const framework = this.framework(frameworkKey(ended.task));
    framework.ended.push(taskKey(ended.task));
    framework.endedCount += 1;
  }

  /** Drops the book of a framework that has nothing left. */
  dropFrameworkIfEmpty(key: string): void {
    if (this.frameworks.get(key)?.isEmpty === true) this.frameworks.delete(key);
  }

  #allocate(
    framework: FrameworkBook,
    held: Held,
    isAgentRegistered: boolean,
  ): Resources['scalars'] {
    const agent = this.agent(held.agentId);
    const scalars = this.scalarsOf(held);
    agent.allocated = add(agent.allocated, held.resources);
    agent.used.add(scalars);
    framework.hold('allocated', held.role, scalars);
    this.roles.add(held.role, 'allocated', scalars);
    if (isAgentRegistered) this.allocated.add(scalars);
    return scalars;
  }

  #release(framework: FrameworkBook, held: Held, isAgentRegistered: boolean): Resources['scalars'] {
    const agent = this.agent(held.agentId);
    const scalars = this.scalarsOf(held);
    agent.allocated = subtract(agent.allocated, held.resources);
    agent.used.subtract(scalars);
    framework.release('allocated', held.role, scalars);
    this.roles.subtract(held.role, 'allocated', scalars);
    if (isAgentRegistered) this.allocated.subtract(scalars);
    return scalars;
  }

  #partsHeld({ agentId, reserved }: Pick<Held, 'agentId' | 'reserved'>, holder: Holder): void {
    this.reservations.partsHeld(agentId, reserved, holder);
    this.#countIdle(agentId, reserved);
  }

  #partsFreed({ agentId, reserved }: Pick<Held, 'agentId' | 'reserved'>): void {
    this.reservations.partsFreed(agentId, reserved);
    this.#countIdle(agentId, reserved);
  }

  #countIdle(agentId: AgentId, reserved: readonly ReservedPart[]): void {
    const { isLent: isLentNow } = this.agent(agentId);
    for (const part of reserved) this.idle.count(reservationKey(agentId, part), isLentNow);
  }

  #lend(agentId: AgentId, isLentNow: boolean): void {
    const book = this.agent(agentId);
    if (book.isLent === isLentNow) return;
    book.isLent = isLentNow;
    this.idle.countAll(book.reservations, isLentNow);
  }

  #count(agent: AgentRecord, sign: 1 | -1): void {
    if (agent.state !== 'registered') return;
    const used = this.agent(agent.agentId).used.toScalars();
    this.registeredAgents += sign;
    if (sign === 1) {
      this.total.add(agent.total.scalars);
      this.allocated.add(used);
    } else {
      this.total.subtract(agent.total.scalars);
      this.allocated.subtract(used);
    }
  }
}

function taken({ offered, allocated, reserved }: AgentBook): Resources {
  return add(add(offered, allocated), reserved);
}

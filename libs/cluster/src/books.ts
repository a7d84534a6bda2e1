// Owns what follows from the records and is too dear to work out each time: who holds how much of what, and
// which records belong to whom. Derived state: never hashed, built anew when a state is restored.
import { type AgentId, frameworkKey, type OfferId, taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, contains, subtract, trySubtract } from '@parley/resources/resources';
import { Fifo } from './fifo.ts';
import type {
  AgentRecord,
  EndedTaskRecord,
  FrameworkRecord,
  OfferRecord,
  TaskRecord,
} from './records.ts';
import { ScalarSums } from './scalar-sums.ts';

export type AgentBook = {
  offered: Resources;
  allocated: Resources;
  readonly offers: Set<OfferId>;
  readonly tasks: Set<string>;
  readonly orders: Set<string>;
};

export type FrameworkBook = {
  readonly offered: ScalarSums;
  readonly allocated: ScalarSums;
  readonly offers: Set<OfferId>;
  readonly tasks: Set<string>;
  /** Keys of its ended tasks, oldest first; some may be gone already. */
  readonly ended: Fifo<string>;
  endedCount: number;
  /** How many live tasks have these very scalars: to find the smallest task. */
  readonly shapes: Map<string, { scalars: Resources['scalars']; count: number }>;
};

export class Books {
  readonly agents = new Map<AgentId, AgentBook>();
  readonly frameworks = new Map<string, FrameworkBook>();
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
        offers: new Set(),
        tasks: new Set(),
        orders: new Set(),
      };
      this.agents.set(agentId, book);
    }
    return book;
  }

  framework(key: string): FrameworkBook {
    let book = this.frameworks.get(key);
    if (book === undefined) {
      book = {
        offered: new ScalarSums(),
        allocated: new ScalarSums(),
        offers: new Set(),
        tasks: new Set(),
        ended: new Fifo(),
        endedCount: 0,
        shapes: new Map(),
      };
      this.frameworks.set(key, book);
    }
    return book;
  }

  /** Neither offered nor allocated; nothing while more is held than there is. */
  free(agent: AgentRecord): Resources {
    const book = this.agents.get(agent.agentId);
    if (book === undefined) return agent.total;
    return trySubtract(agent.total, add(book.offered, book.allocated)) ?? NO_RESOURCES;
  }

  fits(agent: AgentRecord): boolean {
    const book = this.agents.get(agent.agentId);
    return book === undefined || contains(agent.total, add(book.offered, book.allocated));
  }

  /** After the record of an agent changed, or came to be. */
  agentChanged(before: AgentRecord | undefined, after: AgentRecord): void {
    if (before !== undefined) {
      this.known.subtract(before.total.scalars);
      this.#count(before, -1);
    }
    this.known.add(after.total.scalars);
    this.#count(after, 1);
  }

  frameworkChanged(before: FrameworkRecord | undefined, after: FrameworkRecord | undefined): void {
    if (before?.state === 'subscribed') this.subscribedFrameworks -= 1;
    if (after?.state === 'subscribed') this.subscribedFrameworks += 1;
  }

  offerMade(offer: OfferRecord): void {
    const agent = this.agent(offer.agentId);
    const framework = this.framework(frameworkKey(offer.framework));
    agent.offered = add(agent.offered, offer.resources);
    agent.offers.add(offer.offerId);
    framework.offered.add(offer.resources.scalars);
    framework.offers.add(offer.offerId);
  }

  offerEnded(offer: OfferRecord): void {
    const agent = this.agent(offer.agentId);
    const framework = this.framework(frameworkKey(offer.framework));
    agent.offered = subtract(agent.offered, offer.resources);
    agent.offers.delete(offer.offerId);
    framework.offered.subtract(offer.resources.scalars);
    framework.offers.delete(offer.offerId);
  }

  /** `isAgentRegistered`: whether the agent's resources count towards the cluster's. */
  taskLaunched(task: TaskRecord, isAgentRegistered: boolean): void {
    const key = taskKey(task.task);
    const agent = this.agent(task.agentId);
    const framework = this.framework(frameworkKey(task.task));
    const { scalars } = task.resources;
    agent.allocated = add(agent.allocated, task.resources);
    agent.tasks.add(key);
    framework.allocated.add(scalars);
    framework.tasks.add(key);
    const shape = framework.shapes.get(shapeOf(task));
    if (shape === undefined) framework.shapes.set(shapeOf(task), { scalars, count: 1 });
    else shape.count += 1;
    if (isAgentRegistered) this.allocated.add(scalars);
  }

  taskEnded(task: TaskRecord, isAgentRegistered: boolean): void {
    const key = taskKey(task.task);
    const agent = this.agent(task.agentId);
    const framework = this.framework(frameworkKey(task.task));
    const { scalars } = task.resources;
    agent.allocated = subtract(agent.allocated, task.resources);
    agent.tasks.delete(key);
    framework.allocated.subtract(scalars);
    framework.tasks.delete(key);
    const shape = framework.shapes.get(shapeOf(task));
    if (shape !== undefined) shape.count -= 1;
    if (shape?.count === 0) framework.shapes.delete(shapeOf(task));
    if (isAgentRegistered) this.allocated.subtract(scalars);
  }

  endedTaskKept(ended: EndedTaskRecord): void {
    const framework = this.framework(frameworkKey(ended.task));
    framework.ended.push(taskKey(ended.task));
    framework.endedCount += 1;
  }

  /** Drops the book of a framework that has nothing left. */
  dropFrameworkIfEmpty(key: string): void {
    const book = this.frameworks.get(key);
    if (book === undefined) return;
    if (book.offers.size === 0 && book.tasks.size === 0 && book.endedCount === 0) {
      this.frameworks.delete(key);
    }
  }

  #count(agent: AgentRecord, sign: 1 | -1): void {
    if (agent.state !== 'registered') return;
    const allocated = this.agent(agent.agentId).allocated.scalars;
    this.registeredAgents += sign;
    if (sign === 1) {
      this.total.add(agent.total.scalars);
      this.allocated.add(allocated);
    } else {
      this.total.subtract(agent.total.scalars);
      this.allocated.subtract(allocated);
    }
  }
}

/** Normal form sorts the names, so equal scalars have equal keys. */
function shapeOf(task: TaskRecord): string {
  return JSON.stringify(task.resources.scalars);
}

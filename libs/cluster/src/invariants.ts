// Owns what must hold of a state after every entry. For tests and the simulator: it looks at everything.
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { isTerminal } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import { add, contains, equals } from '@parley/resources/resources';
import { Books, executorRecordKey } from './books.ts';
import type { ClusterState } from './cluster-state.ts';
import { conservation, offersAndReservations } from './conservation.ts';
import { emptying } from './emptying-invariants.ts';
import { executorsAndEvents } from './executor-invariants.ts';
import type { Order } from './inputs.ts';
import { offersWithinLimits } from './limit-checks.ts';
import { isOffered } from './offered-agents.ts';
import { revocableResources } from './revocable-invariants.ts';
import { revocations } from './revocation-invariants.ts';

/** What is broken, in words; empty when all holds. */
export function checkInvariants(state: ClusterState): string[] {
  return [
    ...conservation(state),
    ...revocableResources(state),
    ...offersAndReservations(state),
    ...offersWithinLimits(state),
    ...references(state),
    ...ordersHaveTasks(state),
    ...executorsAndEvents(state),
    ...revocations(state),
    ...emptying(state),
    ...lifecycles(state),
    ...deadlines(state),
    ...bookSums(state),
    ...indexes(state),
    ...bounds(state),
  ];
}

/** Offers and tasks are of agents and frameworks that are there. */
function references(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const offer of state.offers.rows()) {
    const framework = state.frameworks.get(frameworkKey(offer.framework));
    if (framework?.state !== 'subscribed') broken.push(`${offer.offerId}: nobody to take it`);
    const agent = state.agents.get(offer.agentId);
    if (agent === undefined || !isOffered(agent)) {
      broken.push(`${offer.offerId}: its agent is away or not to be offered`);
    }
  }
  for (const { task, agentId } of state.tasks.rows()) {
    if (!state.agents.has(agentId)) broken.push(`${taskKey(task)}: its agent is not known`);
    if (!state.frameworks.has(frameworkKey(task))) broken.push(`${taskKey(task)}: no framework`);
  }
  return broken;
}

function ordersHaveTasks(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const { order } of state.orders.rows()) {
    if (!isExpected(state, order)) broken.push(`order ${order.orderId}: nobody's order`);
  }
  return broken;
}

/** Whoever it is about names it; an order about a volume stands for itself. */
function isExpected(state: ClusterState, order: Order): boolean {
  const { orderId } = order;
  switch (order.kind) {
    case 'run': {
      const { taskId } = order.body.description;
      return state.tasks.get(taskKey({ ...order.body.framework, taskId }))?.runOrder === orderId;
    }
    case 'runGroup':
      return order.body.descriptions.some(({ taskId }) => {
        return state.tasks.get(taskKey({ ...order.body.framework, taskId }))?.runOrder === orderId;
      });
    case 'kill':
      return state.tasks.get(taskKey(order.body.task))?.killOrder === orderId;
    case 'askToStop':
      return state.tasks.get(taskKey(order.body.task))?.stopOrder === orderId;
    case 'shutdownExecutor': {
      const key = executorRecordKey(order.agentId, order.body.executor);
      return state.executors.get(key)?.shutdownOrder === orderId;
    }
    case 'destroyVolume': {
      const { role, volumeId } = order.body;
      return state.books.reservations.ofVolume(order.agentId, role, volumeId) === undefined;
    }
    default:
      return unreachable(order);
  }
}

function lifecycles(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const [key, task] of state.tasks.entries()) {
    if (isTerminal(task.state)) broken.push(`${key} has ended and still holds resources`);
    if (state.ended.has(key)) broken.push(`${key} is live and ended`);
    if (task.masterSequence > task.orderedSequence) broken.push(`${key}: more read than ordered`);
  }
  for (const [key, task] of state.ended.entries()) {
    if (!isTerminal(task.state)) broken.push(`${key} is kept as ended and is ${task.state}`);
  }
  for (const offer of state.offers.rows()) {
    if (offer.state !== 'outstanding') broken.push(`${offer.offerId} is ${offer.state}`);
  }
  return broken;
}

function deadlines(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const framework of state.frameworks.rows()) {
    const isWaiting = framework.failoverAtMs !== undefined;
    if (isWaiting !== (framework.state === 'disconnected')) {
      broken.push(`${frameworkKey(framework.framework)}: its failover deadline does not fit`);
    }
  }
  return broken;
}

/** The books, summed up anew from the records, are the books. */
function bookSums(state: ClusterState): string[] {
  const books = sumUp(state);
  const broken: string[] = [];
  for (const [agentId, book] of state.books.agents) {
    const fresh = books.agent(agentId);
    if (!equals(fresh.offered, book.offered)) broken.push(`${agentId}: offered is wrong`);
    if (!equals(fresh.allocated, book.allocated)) broken.push(`${agentId}: allocated is wrong`);
    if (!equals(fresh.reserved, book.reserved)) broken.push(`${agentId}: reserved is wrong`);
    compare(broken, `${agentId}: lent`, fresh.isLent, book.isLent);
    compare(broken, `${agentId}: revocable`, lentOf(fresh), lentOf(book));
    compare(broken, `${agentId}: used`, fresh.used.toScalars(), book.used.toScalars());
    compare(broken, `${agentId}: executors`, sorted(fresh.executors), sorted(book.executors));
    compare(
      broken,
      `${agentId}: reservations`,
      sorted(fresh.reservations),
      sorted(book.reservations),
    );
    compare(broken, `${agentId}: offers`, [...fresh.offers], [...book.offers]);
    compare(broken, `${agentId}: tasks`, [...fresh.tasks], [...book.tasks]);
    compare(broken, `${agentId}: orders`, [...fresh.orders], [...book.orders]);
  }
  for (const [key, book] of state.books.frameworks) {
    const fresh = books.framework(key);
    compare(broken, `${key}: offered`, fresh.offered.toScalars(), book.offered.toScalars());
    compare(broken, `${key}: allocated`, fresh.allocated.toScalars(), book.allocated.toScalars());
    compare(broken, `${key}: offers`, [...fresh.offers], [...book.offers]);
    compare(broken, `${key}: tasks`, [...fresh.tasks], [...book.tasks]);
    compare(broken, `${key}: ended`, fresh.endedCount, book.endedCount);
    compare(broken, `${key}: executors`, sorted(fresh.executors), sorted(book.executors));
    compare(broken, `${key}: usage`, usageOf(fresh), usageOf(book));
    compare(broken, `${key}: promised`, sorted(fresh.promised), sorted(book.promised));
    compare(broken, `${key}: shapes`, sortedShapes(fresh), sortedShapes(book));
  }
  const kept = state.books;
  compare(broken, 'roles', sortedRoles(books), sortedRoles(kept));
  compare(broken, 'weights by role', books.sharers.text(), kept.sharers.text());
  compare(broken, 'total', books.total.toScalars(), kept.total.toScalars());
  compare(broken, 'allocated', books.allocated.toScalars(), kept.allocated.toScalars());
  compare(broken, 'known', books.known.toScalars(), kept.known.toScalars());
  compare(broken, 'registered agents', books.registeredAgents, kept.registeredAgents);
  compare(broken, 'subscribed', books.subscribedFrameworks, kept.subscribedFrameworks);
  for (const key of books.frameworks.keys()) {
    if (!kept.frameworks.has(key)) broken.push(`${key}: it has no book`);
  }
  return broken;
}

function sumUp(state: ClusterState): Books {
  const books = new Books();
  for (const agent of state.agents.rows()) books.agentChanged(undefined, agent);
  for (const record of state.reservations.rows()) books.reservationChanged(undefined, record);
  for (const framework of state.frameworks.rows()) books.frameworkChanged(undefined, framework);
  for (const [key, { weight }] of state.frameworkSettings.entries()) {
    books.sharers.weighs(key, weight);
  }
  for (const offer of state.offers.rows()) books.offerMade(offer);
  for (const task of state.tasks.rows()) {
    books.taskLaunched(task, state.agents.get(task.agentId)?.state === 'registered');
  }
  for (const executor of state.executors.rows()) {
    books.executorLaunched(executor, state.agents.get(executor.agentId)?.state === 'registered');
  }
  for (const ended of state.ended.rows()) books.endedTaskKept(ended);
  for (const { order } of state.orders.rows()) books.agent(order.agentId).orders.add(order.orderId);
  return books;
}

function indexes(state: ClusterState): string[] {
  const broken: string[] = [];
  const unwritten = [...state.unwrittenByTask.values()].flatMap((keys) => [...keys]);
  compare(broken, 'unwritten updates', unwritten.sort(), [...state.unwritten.keys()].sort());
  const sessions = [...state.requests.sessions].sort();
  compare(broken, 'request sessions', sessions, [...state.sessions.keys()].sort());
  const answers = sessions.flatMap((session) =>
    [...state.requests.answersOf(session)].map(([counter, key]) => `${session} ${counter} ${key}`),
  );
  const kept = [...state.answers.entries()].map(
    ([key, { session, counter }]) => `${session} ${counter} ${key}`,
  );
  compare(broken, 'answers', answers.sort(), kept.sort());
  return broken;
}

function bounds(state: ClusterState): string[] {
  const broken: string[] = [];
  const { settings } = state.record;
  for (const key of state.sessions.keys()) {
    if (state.requests.answersOf(key).size > settings.answersPerCaller) {
      broken.push(`${key}: more answers than are to be kept`);
    }
  }
  if (state.tombstones.size > settings.maxTombstones) broken.push('too many tombstones');
  if (!state.marks.isEmpty) broken.push('changes that the allocator was not told');
  for (const key of state.cards.keys()) {
    if (!state.frameworks.has(key) && !state.tombstones.has(key))
      broken.push(`${key}: a stale card`);
  }
  for (const agent of state.agents.rows()) {
    if (!contains(add(agent.total, NO_RESOURCES), state.books.free(agent))) {
      broken.push(`${agent.agentId}: more is free than there is`);
    }
  }
  return broken;
}

const sorted = (items: Iterable<unknown>): string[] =>
  [...items].map((item) => JSON.stringify(item)).sort();

const lentOf = ({ revocable }: ReturnType<Books['agent']>): string[] =>
  sorted([revocable.offered.toScalars(), revocable.allocated.toScalars()]);

const usageOf = ({ usage }: ReturnType<Books['framework']>): string[] =>
  sorted([...usage].map(([role, sums]) => [role, sums.toScalars()]));

const sortedRoles = ({ roles }: Books): string[] =>
  sorted(
    [...roles.roles()].map((role) => {
      const book = roles.get(role);
      const sums = [book?.offered, book?.allocated, book?.reserved];
      return [role, sums.map((sum) => sum?.toScalars())];
    }),
  );

function sortedShapes({ shapes }: ReturnType<Books['framework']>): unknown {
  return [...shapes].map(([key, { count }]) => `${key} ${count}`).sort();
}

function compare(broken: string[], what: string, expected: unknown, found: unknown): void {
  const [a, b] = [JSON.stringify(expected), JSON.stringify(found)];
  if (a !== b) broken.push(`${what}: ${b} in the books, ${a} by the records`);
}

// Owns what agents say of their revocable resources, and taking back what there is no more: offers first, then tasks, as
// few as needed. Mesos docs, "Oversubscription"; there a QoS controller on the agent chooses the tasks.
import type { AgentId } from '@parley/protocol/ids';
import { taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { isTerminal, REVOCABLE_KILL_GRACE_MS } from '@parley/protocol/tasks';
import { equals, intersect, isEmpty, normalise } from '@parley/resources/resources';
import { tasksOn } from './agent-tasks.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Input } from './inputs.ts';
import { effectiveState } from './leader-updates.ts';
import { REVOCABLE_STEP_PERMILLE } from './limits.ts';
import { offersOf, rescindOffers } from './offer-book.ts';
import { orderKill } from './orders.ts';
import type { AgentRecord, OfferRecord, TaskRecord } from './records.ts';
import { ScalarSums } from './scalar-sums.ts';
import { report, type Turn } from './turn.ts';

/** Scalars only, and none beyond the total, so that every sum is exact. Undefined: none. */
export function readRevocable(
  stated: Resources | undefined,
  total: Resources,
): Resources | undefined {
  const { scalars } = normalise(stated ?? NO_RESOURCES);
  const revocable = intersect({ ...NO_RESOURCES, scalars }, total);
  return isEmpty(revocable) ? undefined : revocable;
}

/**
 * Whether what an agent says is to be journalled: it runs short of what is held, or it differs by a step, or it is the
 * first or the last of something. `registration` is that of the agent, for the entry.
 */
export function isWorthAnEntry(
  state: ClusterState,
  agent: Pick<AgentRecord, 'agentId' | 'total' | 'revocable'>,
  stated: Resources,
): boolean {
  const before = agent.revocable?.scalars ?? {};
  const after = readRevocable(stated, agent.total)?.scalars ?? {};
  const held = heldOn(state, agent.agentId);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].some((name) => {
    const [was, is] = [amountIn(before, name), amountIn(after, name)];
    if (was === is) return false;
    if ((was === 0) !== (is === 0)) return true;
    if (is < was && is < held.get(name)) return true;
    const step = Math.ceil((amountIn(agent.total.scalars, name) * REVOCABLE_STEP_PERMILLE) / 1000);
    return Math.abs(is - was) >= step;
  });
}

/** Of the registration that it is about; of an older one it says nothing. */
export function stepOversubscribed(
  turn: Turn,
  { agentId, registration, revocable: stated }: Extract<Input, { kind: 'agentOversubscribed' }>,
): void {
  const { state } = turn;
  const agent = state.agents.get(agentId);
  if (agent?.state !== 'registered' || agent.registration !== registration) return;
  const revocable = readRevocable(stated, agent.total);
  const { revocable: before = NO_RESOURCES, ...rest } = agent;
  if (equals(before, revocable ?? NO_RESOURCES)) return;
  state.agents.put(agentId, { ...rest, ...(revocable !== undefined && { revocable }) });
  state.marks.agentFree(agentId);
  report(turn, { type: 'agentOversubscribed', agentId, revocable: revocable ?? NO_RESOURCES });
  takeBackRevocable(turn, agentId);
}

/**
 * Makes what is offered and held of an agent's revocable resources fit into what there is of them. Offers go first, the
 * newest before the others; then tasks: the lowest priority and the youngest
 * before the others, and only what gives back something that is short.
 */
export function takeBackRevocable(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  const agent = state.agents.get(agentId);
  if (agent === undefined) return;
  const book = state.books.agent(agentId).revocable;
  const newestFirst = offersOf(state, [...state.books.agent(agentId).offers].reverse());
  const offered = asFewAsNeeded(agent, {
    holders: newestFirst,
    held: sumOf(book.offered, book.allocated),
  });
  rescindOffers(turn, offered, 'revocableTakenBack');
  const tasks = tasksOn(state, agentId).filter(({ revocable }) => revocable !== undefined);
  for (const task of tasks) hastenEnd(turn, agent, task);
  const staying = tasks.filter((task) => !isLeaving(task)).sort(mostExpendableFirst);
  const held = new ScalarSums();
  for (const { revocable } of staying) held.add(revocable?.scalars ?? {});
  for (const task of asFewAsNeeded(agent, { holders: staying, held })) {
    orderKill(turn, task, {
      reason: 'revoked',
      graceMs: REVOCABLE_KILL_GRACE_MS,
      message: `agent ${agentId} needs back what it had lent to the task: others use it now`,
    });
  }
}

/** Whoever kills his task with a long grace does not keep for so long what is short. */
function hastenEnd(turn: Turn, agent: AgentRecord, task: TaskRecord): void {
  const { kill, revocable } = task;
  if (kill === undefined || (kill.graceMs ?? Number.POSITIVE_INFINITY) <= REVOCABLE_KILL_GRACE_MS) {
    return;
  }
  const { allocated } = turn.state.books.agent(agent.agentId).revocable;
  const total = agent.revocable?.scalars ?? {};
  const isShort = Object.keys(revocable?.scalars ?? {}).some(
    (name) => allocated.get(name) > amountIn(total, name),
  );
  const { isAfterLaunch: _, ...wish } = kill;
  if (isShort) orderKill(turn, task, { ...wish, graceMs: REVOCABLE_KILL_GRACE_MS });
}

/** It was told to end, or has: what it holds comes back. */
export function isLeaving(task: TaskRecord): boolean {
  return task.kill !== undefined || isTerminal(effectiveState(task));
}

/**
 * In their order, those that hold something of what is short, until nothing is; then those are spared, the last chosen
 * first, without which it is enough all the same.
 */
function asFewAsNeeded<Holder extends Pick<OfferRecord, 'revocable'>>(
  { revocable }: AgentRecord,
  { holders, held }: { readonly holders: readonly Holder[]; readonly held: ScalarSums },
): Holder[] {
  const total = revocable?.scalars ?? {};
  const isShort = (name: string): boolean => held.get(name) > amountIn(total, name);
  const isEnough = (): boolean => !Object.keys(held.toScalars()).some(isShort);
  const chosen: Holder[] = [];
  for (const holder of holders) {
    if (isEnough()) break;
    const has = holder.revocable?.scalars ?? {};
    if (!Object.keys(has).some(isShort)) continue;
    held.subtract(has);
    chosen.push(holder);
  }
  for (const holder of chosen.toReversed()) {
    held.add(holder.revocable?.scalars ?? {});
    if (isEnough()) chosen.splice(chosen.indexOf(holder), 1);
    else held.subtract(holder.revocable?.scalars ?? {});
  }
  return chosen;
}

/** Offered, and in tasks that stay. */
function heldOn(state: ClusterState, agentId: AgentId): ScalarSums {
  const held = new ScalarSums();
  held.add(state.books.agents.get(agentId)?.revocable.offered.toScalars() ?? {});
  for (const task of tasksOn(state, agentId)) {
    if (!isLeaving(task)) held.add(task.revocable?.scalars ?? {});
  }
  return held;
}

function sumOf(...parts: readonly ScalarSums[]): ScalarSums {
  const sum = new ScalarSums();
  for (const part of parts) sum.add(part.toScalars());
  return sum;
}

function mostExpendableFirst(a: TaskRecord, b: TaskRecord): number {
  const [priorityOfA, priorityOfB] = [a.priority ?? 0, b.priority ?? 0];
  if (priorityOfA !== priorityOfB) return priorityOfA - priorityOfB;
  if (a.launchedAtMs !== b.launchedAtMs) return b.launchedAtMs - a.launchedAtMs;
  return taskKey(a.task) < taskKey(b.task) ? 1 : -1;
}

const amountIn = (scalars: Resources['scalars'], name: string): number =>
  Object.hasOwn(scalars, name) ? (scalars[name] ?? 0) : 0;

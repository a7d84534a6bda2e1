// Owns what an agent's answer to an order means: the order is done, refused, or to be sent again.
import { taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import {
  executorOfTask,
  findExecutor,
  isLaunchPending,
  shutdownAnswered,
} from './executor-book.ts';
import { executorIsNoMore } from './executor-ends.ts';
import type { Input, Order } from './inputs.ts';
import { effectiveState, orderUpdate } from './leader-updates.ts';
import { dropOrder, tasksOfOrder } from './order-book.ts';
import { confirmLaunch, orderKill } from './orders.ts';
import type { TaskRecord } from './records.ts';
import { killTaken } from './revocation-enforcement.ts';
import { stopOrderAnswered } from './stop-orders.ts';
import { reportViolation, type Turn } from './turn.ts';
import { destroyVolumeAnswered } from './volume-orders.ts';

type OrderAnswered = Extract<Input, { kind: 'orderAnswered' }>;
type OrderOf<Kind extends Order['kind']> = Extract<Order, { kind: Kind }>;

/** Answers that say nothing about the order itself: it stays, and the shell sends it again. */
const NO_VERDICT: ReadonlySet<string> = new Set([
  'staleEpoch',
  'overloaded',
  'rateLimited',
  'unavailable',
]);

export function stepOrderAnswered(turn: Turn, input: OrderAnswered): void {
  const { state } = turn;
  const order = state.orders.get(input.orderId)?.order;
  if (order === undefined) return;
  if (order.agentId !== input.agentId) {
    reportViolation(turn, input.agentId, `answered order ${input.orderId} of ${order.agentId}`);
    return;
  }
  if (input.failure !== undefined && NO_VERDICT.has(input.failure.code)) return;
  switch (order.kind) {
    case 'run':
    case 'runGroup':
      runAnswered(turn, order, input);
      break;
    case 'kill':
      killAnswered(turn, order, input);
      break;
    case 'shutdownExecutor':
      shutdownExecutorAnswered(turn, order, input);
      break;
    case 'askToStop':
      stopOrderAnswered(state, order);
      break;
    case 'destroyVolume':
      destroyVolumeAnswered(turn, order, input.failure);
      break;
    default:
      unreachable(order);
  }
}

/** An executor that was to be started for the tasks, and that nobody else needs, is no more either. */
function runAnswered(
  turn: Turn,
  order: OrderOf<'run' | 'runGroup'>,
  { failure }: OrderAnswered,
): void {
  const { state } = turn;
  const tasks = tasksOfOrder(state, order);
  const [first] = tasks;
  if (failure === undefined && first !== undefined) {
    confirmLaunch(turn, first);
    return;
  }
  dropOrder(state, order.orderId);
  if (failure === undefined) return;
  const message = `the agent refused the task: ${failure.code}: ${failure.message}`.slice(0, 4096);
  for (const task of tasks) {
    const { runOrder: _, ...refused } = task;
    state.tasks.put(taskKey(task.task), refused);
    orderUpdate(turn, refused, { state: 'dropped', reason: 'agentRefused', message });
  }
  const executor = first && executorOfTask(state, first);
  if (executor?.description.kind !== 'custom') return;
  if (executor.isConfirmed || isLaunchPending(state, executor)) return;
  executorIsNoMore(turn, executor, { end: 'launchFailed', message });
}

/**
 * A kill may overtake its launch on the bus, and the agent then knows no such task: it is sent again once the
 * launch is confirmed. An agent that does not know a task whose launch it had confirmed before has forgotten it.
 */
function killAnswered(turn: Turn, order: OrderOf<'kill'>, { failure }: OrderAnswered): void {
  const { state } = turn;
  const task = state.tasks.get(taskKey(order.body.task));
  if (task === undefined) {
    dropOrder(state, order.orderId);
    return;
  }
  if (failure !== undefined && failure.code !== 'unknownTask') return;
  dropOrder(state, order.orderId);
  const { killOrder: _, ...answered } = task;
  state.tasks.put(taskKey(task.task), answered);
  if (failure === undefined) killTaken(turn, answered);
  if (failure === undefined || task.runOrder !== undefined || task.kill === undefined) return;
  if (!task.kill.isAfterLaunch) orderKill(turn, answered, task.kill);
  else reportForgotten(turn, answered);
}

function reportForgotten(turn: Turn, task: TaskRecord): void {
  if (effectiveState(task) === 'gone') return;
  const message = 'the agent does not know the task any more';
  orderUpdate(turn, task, { state: 'gone', reason: 'agentForgot', message });
}

/**
 * What it held is free when the agent says that the executor is no more, not when it takes the order. An agent that
 * does not know it (`unknownTask`) has none; where its launch was not confirmed, the order came before it, and goes
 * out again with the confirmation.
 */
function shutdownExecutorAnswered(
  turn: Turn,
  order: OrderOf<'shutdownExecutor'>,
  { failure }: OrderAnswered,
): void {
  const { state } = turn;
  const executor = findExecutor(state, order.agentId, order.body.executor);
  if (executor === undefined) {
    dropOrder(state, order.orderId);
    return;
  }
  if (failure !== undefined && failure.code !== 'unknownTask') return;
  const answered = shutdownAnswered(state, executor);
  if (failure === undefined || isLaunchPending(state, answered)) return;
  executorIsNoMore(turn, answered, {
    end: 'unknown',
    message: 'the agent does not know the executor any more',
  });
}

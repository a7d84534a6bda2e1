// Owns how each order of the leader to an agent reads.
import type { Order } from '@parley/cluster/inputs';
import { type FrameworkRef, frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { frameworkOf, inWords, listed, type Sentence, seconds } from './sentence.ts';

type About = { readonly frameworks: readonly FrameworkRef[]; readonly tasks: readonly TaskRef[] };

export function describeOrder(order: Order): Sentence {
  const text = `the leader orders agent ${order.agentId} to ${whatOf(order)}`;
  return { text, agents: [order.agentId], ...aboutOf(order) };
}

/** "run task alice/f/t1". */
export function whatOf(order: Order): string {
  switch (order.kind) {
    case 'run':
      return `run ${tasksWords(order)}`;
    case 'runGroup':
      return `run ${tasksWords(order)} together`;
    case 'kill': {
      const { reason, graceMs, message } = order.body;
      const grace = graceMs === undefined ? '' : `, with a grace of ${seconds(graceMs)}`;
      const words = message === undefined ? '' : ` (${message})`;
      return `kill ${tasksWords(order)}${grace}: ${inWords(reason)}${words}`;
    }
    case 'shutdownExecutor':
      return `shut down executor ${order.body.executor.executorId} of ${frameworkKey(order.body.executor)}`;
    case 'askToStop':
      return order.body.isCalledOff
        ? `tell ${tasksWords(order)} that it may stay`
        : `ask ${tasksWords(order)} to stop within ${seconds(order.body.graceMs)}`;
    case 'destroyVolume':
      return `destroy volume ${order.body.volumeId} of role ${order.body.role}`;
    default:
      return unreachable(order);
  }
}

const tasksWords = (order: Order): string => {
  const { tasks } = aboutOf(order);
  return `task${tasks.length === 1 ? '' : 's'} ${listed(tasks.map(taskKey))}`;
};

export function aboutOf(order: Order): About {
  switch (order.kind) {
    case 'run': {
      const { framework, description } = order.body;
      const { taskId } = description;
      return { frameworks: [framework], tasks: [{ ...frameworkOf(framework), taskId }] };
    }
    case 'runGroup': {
      const { framework, descriptions } = order.body;
      const tasks = descriptions.map(({ taskId }) => ({ ...frameworkOf(framework), taskId }));
      return { frameworks: [framework], tasks };
    }
    case 'kill':
    case 'askToStop':
      return { frameworks: [frameworkOf(order.body.task)], tasks: [order.body.task] };
    case 'shutdownExecutor':
      return { frameworks: [frameworkOf(order.body.executor)], tasks: [] };
    case 'destroyVolume':
      return { frameworks: [], tasks: [] };
    default:
      return unreachable(order);
  }
}

// Owns the check that no more is lent than agents say there is, and only to those that take it. For tests and the simulator.
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { amountOf, contains, isEmpty } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import type { AgentRecord, TaskRecord } from './records.ts';
import { isLeaving } from './revocable-resources.ts';
import { ScalarSums } from './scalar-sums.ts';

export function revocableResources(state: ClusterState): string[] {
  return [
    ...[...state.agents.rows()].flatMap((agent) => onAgent(state, agent)),
    ...[...state.tasks.rows()].flatMap(taskFaults),
    ...offerFaults(state),
  ];
}

/**
 * What is short is coming back: the tasks that stay fit, and nothing that is short is in an offer. What is free is what
 * is neither offered nor held, name by name.
 */
function onAgent(state: ClusterState, agent: AgentRecord): string[] {
  const tasks = [...state.tasks.rows()].filter(({ agentId }) => agentId === agent.agentId);
  const offers = [...state.offers.rows()].filter(({ agentId }) => agentId === agent.agentId);
  const [total, offered, held] = [sumOf([agent]), sumOf(offers), sumOf(tasks)];
  const staying = sumOf(tasks.filter((task) => !isLeaving(task)));
  const free = state.books.freeRevocable(agent);
  const broken: string[] = [];
  const names = [total, offered, held].flatMap((sums) => Object.keys(sums.toScalars()));
  for (const name of new Set(names)) {
    const rest = total.get(name) - offered.get(name) - held.get(name);
    const what = `${agent.agentId}: revocable ${name}`;
    if (staying.get(name) > total.get(name)) broken.push(`${what} is short and stays so`);
    if (offered.get(name) > 0 && rest < 0) broken.push(`${what} is short and offered`);
    if (amountOf(free, name) !== Math.max(0, rest)) broken.push(`${what}: what is free is wrong`);
  }
  if (!contains(agent.total, agent.revocable ?? NO_RESOURCES) || hasOthers(agent.revocable)) {
    broken.push(`${agent.agentId}: what is revocable is no part of its total`);
  }
  return broken;
}

function sumOf(holders: readonly { readonly revocable?: Resources }[]): ScalarSums {
  const sums = new ScalarSums();
  for (const { revocable } of holders) sums.add(revocable?.scalars ?? {});
  return sums;
}

/** A revocable task mixes nothing. */
function taskFaults({ task, resources, reserved, revocable }: TaskRecord): string[] {
  if (revocable === undefined) return [];
  const isMixed = Object.keys(resources.scalars).length + reserved.length > 0;
  return isMixed || isEmpty(revocable) || hasOthers(revocable)
    ? [`${taskKey(task)}: revocable in part`]
    : [];
}

function offerFaults(state: ClusterState): string[] {
  const broken: string[] = [];
  for (const { offerId, framework, revocable } of state.offers.rows()) {
    if (revocable === undefined) continue;
    if (isEmpty(revocable) || hasOthers(revocable)) broken.push(`${offerId}: revocable nothing`);
    if (state.frameworks.get(frameworkKey(framework))?.takesRevocable !== true) {
      broken.push(`${offerId}: revocable for one that takes none`);
    }
  }
  return broken;
}

const hasOthers = (resources: Resources | undefined): boolean =>
  resources !== undefined && resources.ports.length + Object.keys(resources.sets).length > 0;

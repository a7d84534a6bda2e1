// Owns when a healed cluster counts as settled or at rest, and what must hold then: books, agents and frameworks
// say the same, nothing is left over, and the journal replays.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { AgentRecord } from '@parley/cluster/records';
import { frameworkKey, type TaskKey, taskKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import { equals } from '@parley/resources/resources';
import type { History } from './history.ts';
import type { SessionProcess } from './session-process.ts';
import type { Cast } from './simulation.ts';
import type { World } from './world.ts';

/** All that ends has ended; what lasts runs, and books, agents and frameworks agree about it. */
export function isSettled(world: World, cast: Cast): boolean {
  if (!cast.frameworks.every((framework) => framework.disk.finished)) return false;
  const leader = cast.masters.find((master) => master.isLeading)?.state;
  if (leader === undefined || leader.orders.size > 0 || leader.unwritten.size > 0) return false;
  if (leader.frameworkEvents.size > 0) return false;
  const running = new Map(
    cast.agents.flatMap((agent) => agent.runningTasks().map((task) => [task, agent.agentId])),
  );
  if (leader.tasks.size !== running.size || world.running.size !== running.size) return false;
  for (const { task, agentId, state } of leader.tasks.rows()) {
    if (state !== 'running' || running.get(taskKey(task)) !== agentId) return false;
  }
  if (!groupsHold(world)) return false;
  return isAllocating(cast) && cast.frameworks.every((framework) => agrees(world, framework));
}

/** One allocator leads and knows all that the leader has said. */
const isAllocating = ({ allocators }: Cast): boolean =>
  allocators.some((allocator) => allocator.isInStep);

/** Everything is over: nothing runs, nothing is booked, nothing waits. */
export function isAtRest(world: World, cast: Cast): boolean {
  return cast.frameworks.every(({ disk }) => disk.removed) && isEmpty(world, cast);
}

/** Nothing runs, nothing is booked, nothing waits. */
export function isEmpty(
  world: World,
  { agents, masters }: Pick<Cast, 'agents' | 'masters'>,
): boolean {
  const leader = masters.find((master) => master.isLeading)?.state;
  if (leader === undefined) return false;
  const { tasks, offers, unwritten, orders, frameworkEvents, executors, revocations } = leader;
  const tables = [tasks, offers, unwritten, orders, frameworkEvents, executors, revocations];
  const isReserved = [...leader.reservations.rows()].some(
    ({ agentId }) => !world.witness.gone.has(agentId),
  );
  if (isReserved || tables.some(({ size }) => size > 0)) return false;
  if (![...leader.agents.rows()].every((agent) => isFree(leader, agent))) return false;
  // One that is gone keeps its records: nobody tells it that they are journalled.
  return agents.every(
    (agent) =>
      agent.runningTasks().length === 0 &&
      (agent.recordCount === 0 || world.witness.gone.has(agent.agentId)),
  );
}

/** All of it; one that is gone has nothing to offer. */
function isFree({ books }: ClusterState, agent: AgentRecord): boolean {
  return agent.state === 'gone' || equals(books.free(agent), agent.total);
}

/** What is left to look at when everything is over. Throws at what does not hold. */
export function checkEnd(
  world: World,
  cast: { readonly history: History; readonly frameworks: readonly SessionProcess[] },
): void {
  cast.history.checkReplay();
  for (const [task, { ends }] of world.witness.tasks)
    if (ends !== 1) throw new Error(`task ${task} has ${ends} terminal states`);
  for (const task of world.accepted)
    if (!world.witness.wasLaunched(task))
      throw new Error(`task ${task} was accepted and never launched`);
  for (const framework of cast.frameworks) framework.checkOutcomes();
  for (const [group, tasks] of world.witness.groups) checkGroup(world, group, tasks);
}

/** All of a group were launched, or none. */
function checkGroup(world: World, group: string, tasks: readonly TaskKey[]): void {
  const launched = tasks.filter((task) => world.witness.wasLaunched(task));
  if (launched.length > 0 && launched.length < tasks.length)
    throw new Error(`of group ${group} only ${launched.join(' ')} were launched`);
}

/** One that ended otherwise than well takes the others with it. */
function groupsHold(world: World): boolean {
  for (const tasks of world.witness.groups.values()) {
    const states = tasks.map((task) => world.witness.tasks.get(task)?.state);
    const isBroken = states.some((state) => state && isTerminal(state) && state !== 'finished');
    if (isBroken && tasks.some((task) => world.running.has(task))) return false;
  }
  return true;
}

/** Every event of the journal was delivered to the framework, or counted as dropped. */
export function checkEvents(world: World, state: ClusterState): void {
  for (const { framework, lastEventId, droppedEvents, state: life } of state.frameworks.rows()) {
    if (life !== 'subscribed') continue;
    const missing = lastEventId - world.toldTo(frameworkKey(framework)).size;
    if (missing > droppedEvents)
      throw new Error(`${frameworkKey(framework)} was never told ${missing} events`);
  }
}

function agrees(world: World, framework: Cast['frameworks'][number]): boolean {
  return disagreements(world, framework).length === 0;
}

/** A framework that saw all updates believes of each task what the books say. */
export function disagreements(world: World, framework: Cast['frameworks'][number]): string[] {
  return [...framework.disk.views()].flatMap(([task, state]) => {
    const booked = world.witness.tasks.get(task);
    // A task that the leader never heard of ends at the framework alone. One that it refused ends at both, but a session
    // whose accept failed as a whole says `dropped` of all its tasks, the culprit too.
    const isRefused =
      booked === undefined || (booked.ends === 1 && !world.witness.wasLaunched(task));
    const agreed = isRefused ? isTerminal(state) : booked.state === state;
    return agreed ? [] : [`${task} is ${state} to it and ${booked?.state} in the books`];
  });
}

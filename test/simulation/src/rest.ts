// Owns when a healed cluster counts as settled or at rest, and what must hold then: books, agents and frameworks
// say the same, nothing is left over, and the journal replays.
import { taskKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import type { Cast } from './simulation.ts';
import type { World } from './world.ts';

/** All that ends has ended; what lasts runs, and books, agents and frameworks agree about it. */
export function isSettled(world: World, cast: Cast): boolean {
  if (!cast.frameworks.every((framework) => framework.finished)) return false;
  const leader = cast.masters.find((master) => master.isLeading)?.state;
  if (leader === undefined || leader.orders.size > 0 || leader.unwritten.size > 0) return false;
  const running = new Map(
    cast.agents.flatMap((agent) => agent.runningTasks().map((task) => [task, agent.agentId])),
  );
  if (leader.tasks.size !== running.size || world.running.size !== running.size) return false;
  for (const { task, agentId, state } of leader.tasks.rows()) {
    if (state !== 'running' || running.get(taskKey(task)) !== agentId) return false;
  }
  return cast.allocator.isInStep && cast.frameworks.every((framework) => agrees(world, framework));
}

/** Everything is over: nothing runs, nothing is booked, nothing waits. */
export function isAtRest({ frameworks, agents, masters }: Cast): boolean {
  const leader = masters.find((master) => master.isLeading)?.state;
  const isQuiet =
    leader !== undefined &&
    leader.tasks.size === 0 &&
    leader.offers.size === 0 &&
    leader.unwritten.size === 0 &&
    leader.orders.size === 0 &&
    frameworks.every((framework) => framework.removed);
  return (
    isQuiet && agents.every((agent) => agent.runningTasks().length === 0 && agent.recordCount === 0)
  );
}

/** What is left to look at when everything is over. Throws at what does not hold. */
export function checkEnd(world: World, cast: Cast): void {
  cast.history.checkReplay();
  for (const [task, { ends }] of world.witness.tasks)
    if (ends !== 1) throw new Error(`task ${task} has ${ends} terminal states`);
  for (const task of world.accepted)
    if (!world.witness.wasLaunched(task))
      throw new Error(`task ${task} was accepted and never launched`);
  for (const framework of cast.frameworks) framework.checkOutcomes();
}

/** A framework that saw all updates believes of each task what the books say. */
function agrees(world: World, framework: Cast['frameworks'][number]): boolean {
  for (const [task, state] of framework.views()) {
    const booked = world.witness.tasks.get(task);
    // A task that the leader never heard of ends at the framework alone.
    if (booked === undefined ? !isTerminal(state) : booked.state !== state) return false;
  }
  return true;
}

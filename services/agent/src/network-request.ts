// Owns what a private network is made of for a task: the rate and the ports out of what the task holds. Making it is in
// @parley/isolation.
import type { NetworkRequest } from '@parley/isolation/task-networks';
import type { TaskDescription } from '@parley/protocol/tasks';

export function networkRequestOf(
  unit: string,
  { resources }: Pick<TaskDescription, 'resources'>,
): NetworkRequest {
  const { scalars, ports } = resources;
  return {
    unit,
    // In thousandths of a Mbit/s, as it is.
    egressKbit: scalars['network_bandwidth'],
    ports: ports.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    ),
  };
}

// Owns the hidden command that `start` runs apart from the terminal: the keeper of one local cluster.
import { childEnvironment, type Surroundings } from '../config.ts';
import { monotonicMs, readHostCapacity } from '../effects.ts';
import { keepCluster } from '../local-cluster/keeper.ts';

export async function keepClusterCommand(surroundings: Surroundings): Promise<void> {
  await keepCluster({
    surroundings,
    environment: childEnvironment(),
    nowMs: monotonicMs,
    readCapacity: readHostCapacity,
  });
}

// Owns the sums over what of an agent's revocable resources is offered and allocated. There may be less of them at any
// moment than what is held: the agent's estimate has fallen, and what is to be taken back is not back yet.
import type { Resources } from '@parley/protocol/resources';
import { ScalarSums } from './scalar-sums.ts';

export class RevocableBook {
  readonly offered = new ScalarSums();
  readonly allocated = new ScalarSums();

  /** Name by name, so that what is short of one does not keep the others back. */
  freeOf(total: Resources): Resources {
    const scalars: Record<string, number> = {};
    for (const [name, amount] of Object.entries(total.scalars)) {
      const free = amount - this.offered.get(name) - this.allocated.get(name);
      if (free > 0) scalars[name] = free;
    }
    return { scalars, ports: [], sets: {} };
  }
}

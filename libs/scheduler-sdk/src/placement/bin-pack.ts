// Owns bin packing: places are the better the fuller they become, so that large remainders stay for large tasks (best fit).
import { amountOf } from '@parley/resources/resources';
import type { Room } from './room.ts';
import type { Strategy } from './strategy.ts';

/** By one resource ('mem'), or by the mean over all scalar resources that the work takes. */
export function binPack(resource?: string, weight = 1): Strategy {
  return {
    weight,
    isHard: false,
    judge: ({ want, room, left }) => {
      const names =
        resource === undefined
          ? [...new Set(want.needs.flatMap((need) => Object.keys(need.resources.scalars)))]
          : [resource];
      const shares = names
        .map((name) => takenShare(held(room, name), held(left, name)))
        .filter((share) => share !== undefined);
      const sum = shares.reduce((total, share) => total + share, 0);
      return { kind: 'score', score: shares.length === 0 ? 0 : sum / shares.length };
    },
  };
}

const held = (room: Room, name: string): number =>
  room.reservations.reduce(
    (total, { resources }) => total + amountOf(resources, name),
    amountOf(room.free, name),
  );

const takenShare = (before: number, after: number): number | undefined =>
  before === 0 ? undefined : (before - after) / before;

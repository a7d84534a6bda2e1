// Owns what a simulated operator sets for roles and frameworks at random: so little that limits are met, and now and then
// what contradicts itself or does not fit the cluster.
import { OperatorSharingRequest } from '@parley/protocol/operators';
import type { Random } from './random.ts';

const ROLES = ['eng', 'eng', 'ops', 'ops', 'web', 'nobody'];
const FRAMEWORKS = [
  { principal: 'alice', frameworkId: 'f1' },
  { principal: 'bob', frameworkId: 'f1' },
  { principal: 'alice', frameworkId: 'f2' },
  { principal: 'bob', frameworkId: 'f2' },
];

export function drawShares(random: Random): OperatorSharingRequest {
  const changes = Array.from({ length: random.between(1, 3) }, () => drawChange(random));
  return OperatorSharingRequest.parse({ changes, force: random.chance(0.5) });
}

function drawChange(random: Random): object {
  const change = {
    ...(random.chance(0.3)
      ? { kind: 'framework', framework: random.pick(FRAMEWORKS) }
      : { kind: 'role', role: random.pick(ROLES) }),
    ...(random.chance(0.3) && { weight: random.pick([null, 500, 2000, 10_000]) }),
    ...(random.chance(0.3) && { guarantee: drawAmounts(random, 2) }),
    ...(random.chance(0.6) && { limit: drawAmounts(random, 6) }),
  };
  // A change that sets nothing is refused.
  return Object.keys(change).length > 2 ? change : { ...change, limit: null };
}

/** CPUs up to so many, memory up to as many GiB, or nothing. */
function drawAmounts(random: Random, most: number): unknown {
  if (random.chance(0.25)) return null;
  return {
    cpus: random.between(0, most * 10) * 100,
    ...(random.chance(0.4) && { mem: random.between(0, most * 16) * 64_000 }),
  };
}

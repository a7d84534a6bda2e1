// Owns delay scheduling: work that has its data somewhere waits a little for a place near to it before it takes any other.
// Zaharia et al., "Delay Scheduling", EuroSys 2010, algorithm 2; Hindman et al., NSDI 2011, sections 4.3 and 6.4.
import { agentValue, type ConstrainedAgent } from '@parley/protocol/constraints';
import { assert } from '@parley/protocol/unreachable';
import type { Strategy, Want } from './strategy.ts';

/** How long to wait at each level, nearest first: `agentId`, `hostname`, or an attribute such as `zone`. */
export type DelayLevels = Readonly<Record<string, number>>;

/**
 * `delay({ agentId: 3000, zone: 5000 })`: up to 3 s for one of the agents that `near` names, up to 5 s more for one of the
 * zones, then anywhere. The wait is that of the work's group and begins when the first place is let go (job-waits.ts). A level for which the work names nothing costs no
 * time; work that names nothing at all does not wait.
 */
export function delay(levels: DelayLevels, weight = 1): Strategy {
  const all = Object.entries(levels).map(([name, waitMs]) => ({ name, waitMs }));
  for (const { name, waitMs } of all)
    assert(Number.isFinite(waitMs) && waitMs >= 0, `delay: ${name} is a time in milliseconds`);
  return {
    weight,
    isHard: true,
    judge: ({ want, room }, { nowMs }) => {
      const named = all.filter(({ name }) => (want.near[name]?.length ?? 0) > 0);
      const level = levelOf(want, room, named);
      const sinceMs = want.waitingSinceMs ?? nowMs;
      const waitMs = named.slice(0, level).reduce((sum, each) => sum + each.waitMs, 0);
      const untilMs = sinceMs + waitMs;
      if (nowMs < untilMs) {
        const next = named[Math.max(level - 1, 0)]?.name ?? '';
        return { kind: 'wait', reason: { kind: 'locality', level: next, untilMs }, untilMs };
      }
      return { kind: 'score', score: named.length === 0 ? 0 : 1 - level / named.length };
    },
  };
}

/** 0: as near as can be; the number of levels: anywhere else. */
export function levelOf(
  want: Pick<Want, 'near'>,
  agent: ConstrainedAgent,
  levels: readonly { readonly name: string }[],
): number {
  const found = levels.findIndex(({ name }) => {
    const value = agentValue(agent, name);
    return value !== undefined && want.near[name]?.includes(value);
  });
  return found === -1 ? levels.length : found;
}

// Owns how offers are answered once it is known what goes where: operations, for how long the rest is refused, and why. Pure.
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { DeclineReason, Filter, OperationInput } from '@parley/protocol/offers';
import type { TaskDescription } from '@parley/protocol/tasks';
import type { RoomPlan } from './placement/place-all.ts';
import { stableFraction } from './stable-hash.ts';

/** One want, described. */
export type DescribedLaunch = {
  readonly tasks: readonly TaskDescription[];
  /** Of a group. */
  readonly groupExecutor?: ExecutorDescription | undefined;
};

/** An accept carries at most so much (AcceptRequest), and must fit into a message. */
const MAX_LAUNCHED_TASKS = 1024;
const MAX_OPERATIONS = 256;
const MAX_LAUNCH_BYTES = 700_000;

/** Nothing will be wanted for a while, or what is wanted does not fit: a grown offer comes all the same (superset rule). */
const LONG_MS = 600_000;
/** More is expected, at any moment. */
const SOON_MS = 1000;
/** What runs may end and make room where it is spread. */
const SPREAD_MS = 15_000;
const MIN_MS = 100;
/** Up to so much of it more, so that refusals of many offers do not all end at once. */
const JITTER = 0.2;

export type Answer = {
  readonly filter: Filter;
  readonly reason: DeclineReason;
  /** It outlasts what may soon be wanted: a revive is due when more is wanted. */
  readonly isLong: boolean;
};

export type AnswerContext = {
  readonly isAnythingWanted: boolean;
  readonly isMoreExpected: boolean;
  readonly nowMs: number;
};

/** For the rest of a room, or all of it. */
export function answerFor(
  room: RoomPlan,
  { isAnythingWanted, isMoreExpected, nowMs }: AnswerContext,
): Answer {
  const reason = isAnythingWanted ? room.reason : 'noWork';
  if (room.wantedFromMs !== undefined) {
    const refuseMs = Math.max(Math.ceil(room.wantedFromMs - nowMs), MIN_MS);
    return { filter: { refuseMs }, reason, isLong: false };
  }
  if (isMoreExpected) return { filter: { refuseMs: SOON_MS }, reason, isLong: false };
  const baseMs = reason === 'spreading' ? SPREAD_MS : LONG_MS;
  const part = stableFraction(room.offers[0]?.offerId ?? '', room.agentId);
  return {
    filter: { refuseMs: Math.round(baseMs * (1 + JITTER * part)) },
    reason,
    isLong: true,
  };
}

/** How many of the launches, from the first, one accept can carry. */
export function countThatFit(launches: readonly DescribedLaunch[]): number {
  let bytes = 0;
  let tasks = 0;
  let groups = 0;
  for (const [index, { tasks: own, groupExecutor }] of launches.entries()) {
    bytes += own.reduce((sum, task) => sum + sizeOf(task), 0);
    tasks += own.length;
    groups += groupExecutor === undefined ? 0 : 1;
    const isFull =
      tasks > MAX_LAUNCHED_TASKS || groups >= MAX_OPERATIONS || bytes > MAX_LAUNCH_BYTES;
    if (isFull && index > 0) return index;
  }
  return launches.length;
}

/** One launch for all tasks that stand alone, and one for each group. */
export function operationsOf(launches: readonly DescribedLaunch[]): OperationInput[] {
  const single = launches.filter(({ groupExecutor }) => groupExecutor === undefined);
  const operations: OperationInput[] = [];
  const tasks = single.flatMap((launch) => launch.tasks);
  if (tasks.length > 0) operations.push({ kind: 'launch', tasks });
  for (const { tasks: members, groupExecutor } of launches)
    if (groupExecutor !== undefined)
      operations.push({ kind: 'launchGroup', executor: groupExecutor, tasks: [...members] });
  return operations;
}

/** An upper bound of a description's size in a message, in bytes: a character has at most three, data is counted as it is. */
function sizeOf({ data, ...description }: TaskDescription): number {
  return 3 * JSON.stringify(description).length + (data?.length ?? 0);
}

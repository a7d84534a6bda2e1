// Owns what a placement strategy is: a pure judgement of one place for one piece of work. Types only; the strategies are in
// files of their own.
import type { PlacementReason } from './placement-reason.ts';
import type { Room } from './room.ts';
import type { Tally } from './tally.ts';
import type { TaskNeed } from './task-need.ts';

/** Something to be placed: one task, or the tasks of a group, which all go to one agent. */
export type Want = {
  readonly key: string;
  readonly needs: readonly TaskNeed[];
  /** Wants that are spread and counted together, and that wait together for places near to their data. */
  readonly group: string;
  /** Where its data is: values of `agentId`, `hostname`, `region`, `zone` or attributes, by name. */
  readonly near: Readonly<Record<string, readonly string[]>>;
  /** When its group began to let places go that were not near enough; undefined as long as it does not. */
  readonly waitingSinceMs?: number | undefined;
};

export type Candidate = {
  readonly want: Want;
  /** Before the want is placed, and after. */
  readonly room: Room;
  readonly left: Room;
};

export type PlacementContext = { readonly nowMs: number; readonly tally: Tally };

export type Verdict =
  /** From 0 to 1, the higher the better. */
  | { readonly kind: 'score'; readonly score: number }
  | { readonly kind: 'refuse'; readonly reason: PlacementReason }
  /** Not yet: the place would do later, and the group's wait begins now if it has not begun. */
  | { readonly kind: 'wait'; readonly reason: PlacementReason; readonly untilMs: number };

export type Strategy = {
  /** Of its score in the sum over all strategies. */
  readonly weight: number;
  /** It may refuse: judged before those that only score. */
  readonly isHard: boolean;
  judge(candidate: Candidate, context: PlacementContext): Verdict;
};

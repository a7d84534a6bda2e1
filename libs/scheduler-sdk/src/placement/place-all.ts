// Owns which work goes onto which offer: each want, in order, takes the best of the places that it fits into. What is placed is
// never more than the offers hold together. Pure; times come in as numbers, ties go by the seed.
import type { Domain } from '@parley/protocol/constraints';
import type { AgentId, RoleName } from '@parley/protocol/ids';
import type { Attributes, DeclineReason, Offer } from '@parley/protocol/offers';
import { stableFraction } from '../stable-hash.ts';
import { fitRoom } from './fit.ts';
import {
  countReasons,
  declineReasonOf,
  type Misfit,
  type PlacementReason,
  type ReasonCount,
} from './placement-reason.ts';
import { type Room, roomsOf } from './room.ts';
import type { Candidate, PlacementContext, Strategy, Want } from './strategy.ts';
import { type PlacedTask, Tally } from './tally.ts';
import type { Take } from './task-need.ts';

export type PlaceAllOptions = {
  readonly offers: readonly Offer[];
  /** The first one chooses first. */
  readonly wants: readonly Want[];
  readonly strategies: readonly Strategy[];
  readonly nowMs: number;
  /** What runs already, for strategies that count. */
  readonly running?: readonly PlacedTask[];
  /** Equal seeds choose equally among equal places. */
  readonly seed?: string;
};

export type Placed = {
  readonly key: string;
  /** One for each of the want's needs, in their order. */
  readonly takes: readonly Take[];
};

/** What becomes of the offers of one agent in one role. */
export type RoomPlan = {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly role: RoleName;
  readonly domain?: Domain | undefined;
  readonly attributes: Attributes;
  readonly offers: readonly Offer[];
  /** Empty: the offers are of no use. */
  readonly placed: readonly Placed[];
  /** Why nothing (more) was placed here. */
  readonly reason: DeclineReason;
  /** Something waits for a nearer place, and would go here then. */
  readonly wantedFromMs?: number;
};

export type Unplaced = {
  readonly key: string;
  readonly reasons: readonly ReasonCount[];
  /** It waits for a nearer place until then. */
  readonly untilMs?: number;
};

export type PlacementResult = {
  readonly rooms: readonly RoomPlan[];
  readonly unplaced: readonly Unplaced[];
};

export function placeAll(options: PlaceAllOptions): PlacementResult {
  const { nowMs, strategies, seed = '' } = options;
  const tally = new Tally(options.running ?? []);
  const spaces = roomsOf(options.offers).map((room) => new Space(room));
  const ordered = [...strategies].sort((a, b) => Number(b.isHard) - Number(a.isHard));
  const unplaced: Unplaced[] = [];
  for (const want of options.wants) {
    const shape = shapeOf(want);
    const best = bestSpace(want, { spaces, ordered, context: { nowMs, tally }, seed, shape });
    if ('unplaced' in best) {
      unplaced.push(best.unplaced);
      continue;
    }
    const { space, placing } = best;
    space.place(want, placing);
    const { room } = space;
    tally.add({ group: want.group, agentId: room.agentId, agent: room });
  }
  return { rooms: spaces.map((space) => space.plan()), unplaced };
}

type Placing = { readonly left: Room; readonly takes: readonly Take[] };
type Search = {
  readonly spaces: readonly Space[];
  /** Hard ones first. */
  readonly ordered: readonly Strategy[];
  readonly context: PlacementContext;
  readonly seed: string;
  readonly shape: string;
};

function bestSpace(
  want: Want,
  search: Search,
): { space: Space; placing: Placing } | { unplaced: Unplaced } {
  let best: { space: Space; placing: Placing; score: number; tie: number } | undefined;
  const reasons: PlacementReason[] = [];
  let untilMs: number | undefined;
  for (const space of search.spaces) {
    const placing = space.tryPlace(want, search.shape);
    if (Array.isArray(placing)) {
      reasons.push(...placing);
      continue;
    }
    const verdict = judge({ want, room: space.room, left: placing.left }, search);
    if (verdict.kind !== 'score') {
      reasons.push(verdict.reason);
      space.refused(verdict.reason, verdict.untilMs);
      untilMs = earlier(untilMs, verdict.untilMs);
      continue;
    }
    const { score } = verdict;
    if (best !== undefined && score < best.score) continue;
    const tie = stableFraction(search.seed, want.key, space.room.agentId, space.room.role);
    if (best === undefined || score > best.score || tie < best.tie)
      best = { space, placing, score, tie };
  }
  if (best !== undefined) return best;
  const waits = untilMs === undefined ? {} : { untilMs };
  return { unplaced: { key: want.key, reasons: countReasons(reasons), ...waits } };
}

type Judgement =
  | { readonly kind: 'score'; readonly score: number }
  | { readonly kind: 'not'; readonly reason: PlacementReason; readonly untilMs?: number };

/** A refusal of any strategy counts more than the wait of another: waiting would not help. */
function judge(candidate: Candidate, { ordered, context }: Search): Judgement {
  let score = 0;
  let waiting: { reason: PlacementReason; untilMs: number } | undefined;
  for (const strategy of ordered) {
    const verdict = strategy.judge(candidate, context);
    if (verdict.kind === 'refuse') return { kind: 'not', reason: verdict.reason };
    if (verdict.kind === 'wait') {
      if (waiting === undefined || verdict.untilMs > waiting.untilMs) waiting = verdict;
    } else score += strategy.weight * verdict.score;
  }
  return waiting === undefined
    ? { kind: 'score', score }
    : { kind: 'not', reason: waiting.reason, untilMs: waiting.untilMs };
}

/** A room while it fills. It only shrinks, so a shape that did not fit does not fit later. */
class Space {
  room: Room;
  readonly #offered: Room;
  readonly #placed: Placed[] = [];
  #misfits = new Map<string, Misfit[]>();
  readonly #reasons = new Map<DeclineReason, number>();
  #wantedFromMs: number | undefined;

  constructor(room: Room) {
    this.room = room;
    this.#offered = room;
  }

  /** All tasks of the want, one after the other; or why not. */
  tryPlace(want: Want, shape: string): Placing | Misfit[] {
    const known = this.#misfits.get(shape);
    if (known !== undefined) return known;
    let left = this.room;
    const takes: Take[] = [];
    for (const need of want.needs) {
      const fitted = fitRoom(left, need);
      if (!fitted.ok) {
        const misfits = [...fitted.reasons];
        this.#misfits.set(shape, misfits);
        const [first] = misfits;
        if (first !== undefined) this.refused(first);
        return misfits;
      }
      left = fitted.left;
      takes.push(fitted.take);
    }
    return { left, takes };
  }

  refused(reason: PlacementReason, untilMs?: number): void {
    const name = declineReasonOf(reason);
    this.#reasons.set(name, (this.#reasons.get(name) ?? 0) + 1);
    this.#wantedFromMs = earlier(this.#wantedFromMs, untilMs);
  }

  place(want: Want, { left, takes }: Placing): void {
    // An executor that lives here now makes room for others that had none.
    if (left.executors.length > this.room.executors.length) this.#misfits = new Map();
    this.room = left;
    this.#placed.push({ key: want.key, takes });
  }

  plan(): RoomPlan {
    const { agentId, hostname, role, domain, attributes, offers } = this.#offered;
    return {
      agentId,
      hostname,
      role,
      domain,
      attributes,
      offers,
      placed: this.#placed,
      reason: this.#reason(),
      ...(this.#wantedFromMs !== undefined && { wantedFromMs: this.#wantedFromMs }),
    };
  }

  /** The most frequent one; but what waits for a nearer place, or is spread, says more than what does not fit. */
  #reason(): DeclineReason {
    for (const telling of ['locality', 'spreading'] as const)
      if (this.#reasons.has(telling)) return telling;
    const [most] = [...this.#reasons].sort(([, a], [, b]) => b - a);
    return most?.[0] ?? 'unused';
  }
}

/** Wants of one shape fit into the same rooms. */
const shapeOf = (want: Want): string => JSON.stringify(want.needs);

const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

// Owns answering offers for a framework: places what waits, and describes it. How long work waits for a place near to its
// data is kept in placement/job-waits.ts; what is wanted and what runs is told to it.
import type { Offer } from '@parley/protocol/offers';
import { assert } from '@parley/protocol/unreachable';
import { describeTask, type PreparedTask, portsOf } from './desired-task.ts';
import {
  answerFor,
  countThatFit,
  type DescribedLaunch,
  operationsOf,
} from './framework-answers.ts';
import type { PlanDecision } from './framework-decisions.ts';
import type { Attempt, FrameworkEntry } from './framework-entry.ts';
import { taskIdOf } from './framework-task-id.ts';
import { JobWaits, nearestFirst } from './placement/job-waits.ts';
import { type Placed, placeAll, type RoomPlan } from './placement/place-all.ts';
import type { Strategy, Want } from './placement/strategy.ts';
import type { PlacedTask } from './placement/tally.ts';

type Accept = Omit<Extract<PlanDecision, { kind: 'accept' }>, 'kind' | 'acceptId'> & {
  readonly launches: readonly { readonly entry: FrameworkEntry; readonly attempt: Attempt }[];
};
type Decline = Extract<PlanDecision, { kind: 'decline' }>;

export type OfferAnswers = {
  readonly accepts: readonly Accept[];
  readonly declines: readonly Decline[];
  /** What could not be described. */
  readonly failed: readonly { readonly entry: FrameworkEntry; readonly problem: string }[];
  readonly isAnyRefusalLong: boolean;
};

type Described = DescribedLaunch & { readonly entry: FrameworkEntry; readonly attempt: Attempt };
type Round = {
  readonly byKey: ReadonlyMap<string, FrameworkEntry>;
  readonly failed: { entry: FrameworkEntry; problem: string }[];
  readonly nowMs: number;
};

const MAX_DECLINED = 1024;
const COME_BACK = { refuseMs: 0 };

export class FrameworkPlacement {
  readonly #strategies: readonly Strategy[];
  readonly #incarnation: string;
  readonly #waits = new JobWaits();

  constructor(strategies: readonly Strategy[], incarnation: string) {
    this.#strategies = strategies;
    this.#incarnation = incarnation;
  }

  answer(
    offers: readonly Offer[],
    waiting: readonly FrameworkEntry[],
    running: readonly PlacedTask[],
    nowMs: number,
    isMoreExpected = false,
  ): OfferAnswers {
    const ordered = nearestFirst(waiting, offers, wantedOf);
    const wants = ordered.map((entry) => this.#wantOf(entry));
    const { rooms, unplaced } = placeAll({
      offers,
      wants,
      strategies: this.#strategies,
      nowMs,
      running,
      seed: this.#incarnation,
    });
    const byKey = new Map(waiting.map((entry) => [entry.key, entry]));
    for (const { key, reasons, untilMs } of unplaced) {
      const entry = byKey.get(key);
      if (entry === undefined) continue;
      entry.reasons = reasons;
      entry.waitUntilMs = untilMs;
      if (untilMs !== undefined) this.#waits.letGo(wantedOf(entry), nowMs);
    }
    const round: Round = { byKey, failed: [], nowMs };
    const accepts: Accept[] = [];
    const declines = new Map<string, Decline>();
    let isAnyRefusalLong = false;
    for (const room of rooms) {
      const described = room.placed.flatMap((placed) => this.#describe(room, placed, round));
      const count = countThatFit(described);
      const isAnythingWanted = waiting.length > 0;
      const answer = answerFor(room, { isAnythingWanted, isMoreExpected, nowMs });
      const launched = described.slice(0, count);
      if (launched.length === 0) {
        addDecline(declines, room, answer);
        isAnyRefusalLong ||= answer.isLong;
        continue;
      }
      const isCut = count < described.length;
      isAnyRefusalLong ||= answer.isLong && !isCut;
      for (const launch of launched) this.#launch(launch, room);
      accepts.push({
        offers: room.offers,
        operations: operationsOf(launched),
        filter: isCut ? COME_BACK : answer.filter,
        launches: launched,
      });
    }
    return {
      accepts,
      declines: [...declines.values()].flatMap(inParts),
      failed: round.failed,
      isAnyRefusalLong,
    };
  }

  #wantOf(entry: FrameworkEntry): Want {
    const wanted = wantedOf(entry);
    const { needs, group, near } = wanted;
    return { key: entry.key, needs, group, near, waitingSinceMs: this.#waits.sinceMs(wanted) };
  }

  #describe(room: RoomPlan, placed: Placed, { byKey, failed }: Round): Described[] {
    const entry = byKey.get(placed.key);
    const prepared = entry?.wanted;
    assert(entry !== undefined && prepared !== undefined, 'what is placed was waiting');
    const attempt = entry.nextAttempt;
    const { agentId, hostname, domain, attributes } = room;
    try {
      const tasks = placed.takes.map((take, index) => {
        const member = prepared.isGroup ? index : undefined;
        const { token } = entry;
        const taskId = taskIdOf({ token, incarnation: this.#incarnation, attempt, member });
        const part = prepared.parts[index];
        assert(part !== undefined, 'each part of the work is placed');
        const ports = portsOf(take);
        const place = { taskId, attempt, agentId, hostname, domain, attributes, ports };
        return describeTask(prepared, part, take, place);
      });
      const groupExecutor = prepared.isGroup ? prepared.executor : undefined;
      return [
        { entry, tasks, groupExecutor, attempt: newAttempt(this.#incarnation, entry, tasks) },
      ];
    } catch (error) {
      failed.push({ entry, problem: error instanceof Error ? error.message : String(error) });
      return [];
    }
  }

  #launch({ entry, attempt }: Described, room: RoomPlan): void {
    this.#waits.placed(wantedOf(entry), room);
    entry.attempts.set(attempt.id, attempt);
    entry.nextAttempt += 1;
    entry.reasons = [];
    entry.waitUntilMs = undefined;
    attempt.agentId = room.agentId;
    for (const task of attempt.tasks.values()) task.agentId = room.agentId;
  }
}

function wantedOf({ wanted }: FrameworkEntry): PreparedTask {
  assert(wanted !== undefined, 'what waits is desired');
  return wanted;
}

function newAttempt(
  incarnation: string,
  entry: FrameworkEntry,
  tasks: DescribedLaunch['tasks'],
): Attempt {
  return {
    id: `${incarnation}-${entry.nextAttempt}`,
    number: entry.nextAttempt,
    isTakenUp: false,
    tasks: new Map(tasks.map(({ taskId }) => [taskId, { state: 'staging' }])),
    ended: new Map(),
    forgotten: new Set(),
    isRevoked: false,
    group: entry.wanted?.group ?? '',
    agentId: undefined,
    unreachableSinceMs: undefined,
    isKillSent: false,
  };
}

/** Offers that are refused for the same reason go into one call, with the filter of the first. */
function addDecline(
  declines: Map<string, Decline>,
  room: RoomPlan,
  { filter, reason, isLong }: ReturnType<typeof answerFor>,
): void {
  const name = isLong ? reason : `${reason} ${filter.refuseMs}`;
  const known = declines.get(name);
  const offers = [...(known?.offers ?? []), ...room.offers];
  declines.set(name, { kind: 'decline', reason, filter: known?.filter ?? filter, offers });
}

function inParts(decline: Decline): Decline[] {
  const parts: Decline[] = [];
  for (let start = 0; start < decline.offers.length; start += MAX_DECLINED)
    parts.push({ ...decline, offers: decline.offers.slice(start, start + MAX_DECLINED) });
  return parts;
}

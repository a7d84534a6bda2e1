// Owns why the agents of the cluster are not offered for one need: each is counted under the first thing that speaks
// against it, and the one that lacks least is named. What speaks against one is asked of the allocator itself
// (agent-obstacles.ts); computed when somebody asks.
import type { OpenNeed } from '@parley/protocol/allocation';
import { type ConstrainedAgent, unmetConstraint } from '@parley/protocol/constraints';
import type { AgentReason, ExplainedNeed, NearestMiss } from '@parley/protocol/explanations';
import { AgentId } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { amountOf, contains } from '@parley/resources/resources';

/** An agent that may be offered, as the client that is asked about sees it. */
export type LookedAt = {
  readonly agent: ConstrainedAgent;
  readonly total: Resources;
  /** What is free of it is kept for others, for whom tasks of it are taken back. */
  readonly isKept: boolean;
  /** It comes after all others there. */
  readonly standsBack: boolean;
  /** Free and not proposed to anybody: not reserved, or reserved for the client. */
  readonly ordinary: Part;
  /** Likewise; only scalars of it are looked at. */
  readonly revocable: Part;
};

type Part = {
  readonly left: Resources;
  /** Why it takes nothing of this; undefined when it would. */
  readonly against: () => AgainstPart | undefined;
};

type Reason<Kind extends AgentReason['kind']> = Extract<AgentReason, { kind: Kind }>;
export type AgainstPart =
  | { readonly kind: 'tooLittle' }
  | { readonly kind: 'refused'; readonly untilMs: number }
  | Omit<Reason<'limit'>, 'count'>
  | Omit<Reason<'headroom'>, 'count'>
  | { readonly kind: 'offerCap' };

type Shortage = { readonly resource: string; readonly best: number; readonly needed: number };

/** `open` is left out where no demand is stated: then the need is the least that is worth an offer. */
export type WantedNeed = Pick<OpenNeed, 'resources' | 'constraints' | 'revocable'> & {
  readonly open?: number;
};

type Looking = {
  readonly need: WantedNeed;
  readonly nowMs: number;
  /** What was found of agents that are alike is said in the same object. */
  readonly said: Map<AgainstPart, AgentReason>;
};

const KEPT: AgentReason = { kind: 'kept', count: 1 };
const STANDS_BACK: AgentReason = { kind: 'standsBack', count: 1 };

type Miss = { readonly agent: ConstrainedAgent; readonly reason: Reason<'lacks' | 'tooSmall'> };

export function explainNeed(
  agents: Iterable<LookedAt>,
  need: WantedNeed,
  nowMs: number,
): ExplainedNeed {
  const { resources, constraints, revocable, open } = need;
  const tally = new Tally();
  let nearest: Miss | undefined;
  let [looked, suitable] = [0, 0];
  const looking = { need, nowMs, said: new Map<AgainstPart, AgentReason>() };
  for (const one of agents) {
    looked += 1;
    const reason = reasonAgainst(one, looking);
    if (reason === undefined) {
      suitable += 1;
      continue;
    }
    tally.add(reason);
    if (reason.kind === 'lacks') nearest = nearer(nearest, { agent: one.agent, reason });
  }
  return {
    resources,
    constraints,
    ...(revocable !== undefined && { revocable }),
    ...(open !== undefined && { open }),
    agents: looked,
    suitable,
    reasons: tally.reasons().sort((a, b) => b.count - a.count),
    ...(nearest !== undefined && suitable === 0 && { nearest: missOf(nearest) }),
  };
}

/** Of one agent; undefined when nothing speaks against it. */
function reasonAgainst(one: LookedAt, looking: Looking): AgentReason | undefined {
  const { need } = looking;
  const constraint = unmetConstraint(one.agent, need.constraints);
  if (constraint !== undefined) return { kind: 'constraint', count: 1, constraint };
  const reason = reasonAgainstParts(one, looking);
  if (reason !== undefined && isShort(reason)) {
    // What is revocable is a part of the total, too.
    const tooSmall = largestShortage(one.total, need.resources);
    return tooSmall === undefined ? reason : { kind: 'tooSmall', count: 1, ...tooSmall };
  }
  if (one.isKept) return KEPT;
  return reason ?? (one.standsBack ? STANDS_BACK : undefined);
}

function reasonAgainstParts(
  { ordinary, revocable }: LookedAt,
  looking: Looking,
): AgentReason | undefined {
  const { revocable: use } = looking.need;
  const against = use === 'only' ? undefined : reasonAgainstPart(ordinary, looking);
  if (use === undefined || (use === 'also' && against === undefined)) return against;
  // Ports and items of sets are ordinary ones.
  const reach = { ...ordinary.left, scalars: revocable.left.scalars };
  const other = reasonAgainstPart({ ...revocable, left: reach }, looking);
  if (other === undefined) return undefined;
  const marked = other.kind === 'lacks' ? ({ ...other, isRevocable: true } as const) : other;
  return against === undefined ? marked : lesser(against, marked);
}

function reasonAgainstPart(
  { left, against }: Part,
  { need, nowMs, said }: Looking,
): AgentReason | undefined {
  const { resources } = need;
  const found = against();
  if (found === undefined) return undefined;
  if (found.kind === 'refused') {
    return { kind: 'refused', count: 1, endsInMs: Math.max(0, Math.ceil(found.untilMs - nowMs)) };
  }
  if (found.kind !== 'tooLittle') {
    const reason = said.get(found) ?? { ...found, count: 1 };
    said.set(found, reason);
    return reason;
  }
  const lacking = largestShortage(left, resources);
  if (lacking !== undefined) return { kind: 'lacks', count: 1, ...lacking };
  return { kind: contains(left, resources) ? 'nothingFree' : 'ports', count: 1 };
}

const isShort = ({ kind }: AgentReason): boolean =>
  kind === 'lacks' || kind === 'ports' || kind === 'nothingFree';

/** Nothing is missing where it was refused; else that of which the larger part is there. */
function lesser(one: AgentReason, other: AgentReason): AgentReason {
  if (one.kind !== 'lacks') return one;
  if (other.kind !== 'lacks') return other;
  return other.best * one.needed > one.best * other.needed ? other : one;
}

/** Equal for reasons that are counted as one. */
function keyOf(reason: AgentReason): unknown {
  if (reason.kind === 'constraint') return reason.constraint;
  if (reason.kind === 'limit') return `limit ${reason.resource} ${JSON.stringify(reason.of)}`;
  if (reason.kind !== 'lacks')
    return 'resource' in reason ? `${reason.kind} ${reason.resource}` : reason.kind;
  return reason.isRevocable === true ? `revocable ${reason.resource}` : `lacks ${reason.resource}`;
}

/** Counts reasons, equal ones as one, with the best that is there of any. */
class Tally {
  readonly #byKey = new Map<unknown, Counted>();
  /** The very same objects come again and again. */
  readonly #byReason = new Map<AgentReason, Counted>();

  add(reason: AgentReason): void {
    const isShared = SHARED.has(reason.kind);
    const known = (isShared && this.#byReason.get(reason)) || this.#byKey.get(keyOf(reason));
    const counted = known ?? { reason, count: 0, best: 0, endsInMs: Number.POSITIVE_INFINITY };
    counted.count += 1;
    if ('best' in reason) counted.best = Math.max(counted.best, reason.best);
    if ('endsInMs' in reason) counted.endsInMs = Math.min(counted.endsInMs, reason.endsInMs);
    if (known === undefined) this.#byKey.set(keyOf(reason), counted);
    if (isShared) this.#byReason.set(reason, counted);
  }

  reasons(): AgentReason[] {
    return [...this.#byKey.values()].map(({ reason, count, best, endsInMs }) => {
      if ('best' in reason) return { ...reason, count, best };
      return reason.kind === 'refused' ? { ...reason, count, endsInMs } : { ...reason, count };
    });
  }
}
const SHARED: ReadonlySet<string> = new Set([
  'limit',
  'headroom',
  'offerCap',
  'kept',
  'standsBack',
]);
type Counted = { readonly reason: AgentReason; count: number; best: number; endsInMs: number };

function missOf({ agent, reason }: Miss): NearestMiss {
  const { resource, best: has, needed, isRevocable } = reason;
  const { agentId, hostname } = agent;
  const miss = { agentId: AgentId.parse(agentId), hostname, resource, has, needed };
  return { ...miss, ...(isRevocable && { isRevocable }) };
}

/** Whichever has the larger part of what it lacks most. */
function nearer(known: Miss | undefined, other: Miss): Miss {
  if (known === undefined) return other;
  const [had, has] = [known.reason, other.reason];
  return has.best * had.needed > had.best * has.needed ? other : known;
}

/** The scalar of which the smallest part of what is needed is there; undefined when there is enough of each. */
function largestShortage(there: Resources, wanted: Resources): Shortage | undefined {
  let largest: Shortage | undefined;
  for (const [resource, needed] of Object.entries(wanted.scalars)) {
    const best = amountOf(there, resource);
    if (best >= needed) continue;
    if (largest === undefined || best * largest.needed < largest.best * needed) {
      largest = { resource, best, needed };
    }
  }
  return largest;
}

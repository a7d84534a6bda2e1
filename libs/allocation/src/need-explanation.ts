// Owns why the agents of the cluster are not offered for one need: each is counted under the first thing that speaks
// against it, and the one that lacks least is named. Nothing here knows of shares or limits; computed when somebody asks.
import type { OpenNeed } from '@parley/protocol/allocation';
import { type ConstrainedAgent, unmetConstraint } from '@parley/protocol/constraints';
import type { AgentReason, ExplainedNeed, NearestMiss } from '@parley/protocol/explanations';
import { AgentId } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { amountOf, contains } from '@parley/resources/resources';
import { repeated, timesContained } from './need-fit.ts';

/** An agent that may be offered, as the client that is asked about sees it. */
export type LookedAt = {
  readonly agent: ConstrainedAgent;
  readonly total: Resources;
  /** Free and not proposed to anybody: not reserved, or reserved for the client. */
  readonly ordinary: Part;
  /** Likewise; only scalars of it are looked at. */
  readonly revocable: Part;
};

type Part = {
  readonly left: Resources;
  /** Until then the client refuses this of it; undefined: it does not. */
  readonly refusedUntilMs: (offered: Resources) => number | undefined;
};

type Shortage = { readonly resource: string; readonly best: number; readonly needed: number };

/** `open` is left out where no demand is stated: then the need is the least that is worth an offer. */
type Need = Pick<OpenNeed, 'resources' | 'constraints' | 'revocable'> & { readonly open?: number };

export function explainNeed(agents: Iterable<LookedAt>, need: Need, nowMs: number): ExplainedNeed {
  const { resources, constraints, revocable, open } = need;
  const reasons = new Map<string, AgentReason>();
  let nearest: NearestMiss | undefined;
  let [looked, suitable] = [0, 0];
  for (const one of agents) {
    looked += 1;
    const reason = reasonAgainst(one, need, nowMs);
    if (reason === undefined) {
      suitable += 1;
      continue;
    }
    const key = keyOf(reason);
    const known = reasons.get(key);
    reasons.set(key, known === undefined ? reason : together(known, reason));
    if (reason.kind === 'lacks') nearest = nearer(nearest, missOf(one, reason));
  }
  return {
    resources,
    constraints,
    ...(revocable !== undefined && { revocable }),
    ...(open !== undefined && { open }),
    agents: looked,
    suitable,
    reasons: [...reasons.values()].sort((a, b) => b.count - a.count),
    ...(nearest !== undefined && suitable === 0 && { nearest }),
  };
}

/** Of one agent; undefined when nothing speaks against it. */
function reasonAgainst(
  { agent, total, ordinary, revocable }: LookedAt,
  need: Need,
  nowMs: number,
): AgentReason | undefined {
  const { resources, constraints, revocable: use } = need;
  const constraint = unmetConstraint(agent, constraints);
  if (constraint !== undefined) return { kind: 'constraint', count: 1, constraint };
  // What is revocable is a part of the total, too.
  const tooSmall = largestShortage(total, resources);
  if (tooSmall !== undefined) return { kind: 'tooSmall', count: 1, ...tooSmall };
  const against = use === 'only' ? undefined : reasonAgainstPart(ordinary, need, nowMs);
  if (use === undefined || (use === 'also' && against === undefined)) return against;
  // Ports and items of sets are ordinary ones.
  const reach = { ...ordinary.left, scalars: revocable.left.scalars };
  const other = reasonAgainstPart({ ...revocable, left: reach }, need, nowMs);
  if (other === undefined) return undefined;
  const marked = other.kind === 'lacks' ? ({ ...other, isRevocable: true } as const) : other;
  return against === undefined ? marked : lesser(against, marked);
}

function reasonAgainstPart(
  { left, refusedUntilMs }: Part,
  { resources, open }: Need,
  nowMs: number,
): AgentReason | undefined {
  const lacking = largestShortage(left, resources);
  if (lacking !== undefined) return { kind: 'lacks', count: 1, ...lacking };
  if (!contains(left, resources)) return { kind: 'ports', count: 1 };
  // The most that it would be offered: what has grown since it was refused comes again.
  const most =
    open === undefined
      ? left
      : repeated(resources, Math.min(open, timesContained(left, resources)));
  const untilMs = refusedUntilMs(most);
  if (untilMs === undefined) return undefined;
  return { kind: 'refused', count: 1, endsInMs: Math.max(0, Math.ceil(untilMs - nowMs)) };
}

/** Nothing is missing where it was refused; else that of which the larger part is there. */
function lesser(one: AgentReason, other: AgentReason): AgentReason {
  if (one.kind !== 'lacks') return one;
  if (other.kind !== 'lacks') return other;
  return other.best * one.needed > one.best * other.needed ? other : one;
}

function keyOf(reason: AgentReason): string {
  if (reason.kind === 'constraint') return `constraint ${JSON.stringify(reason.constraint)}`;
  if (!('resource' in reason)) return reason.kind;
  return `${reason.kind} ${reason.resource} ${reason.isRevocable === true}`;
}

/** Of one key. */
function together(known: AgentReason, more: AgentReason): AgentReason {
  const count = known.count + more.count;
  if ('best' in known && 'best' in more) {
    return { ...known, count, best: Math.max(known.best, more.best) };
  }
  if (known.kind === 'refused' && more.kind === 'refused') {
    return { ...known, count, endsInMs: Math.min(known.endsInMs, more.endsInMs) };
  }
  return { ...known, count };
}

function missOf(
  { agent }: LookedAt,
  { resource, best: has, needed, isRevocable }: Extract<AgentReason, { resource: string }>,
): NearestMiss {
  const { agentId, hostname } = agent;
  const miss = { agentId: AgentId.parse(agentId), hostname, resource, has, needed };
  return { ...miss, ...(isRevocable && { isRevocable }) };
}

/** Whichever has the larger part of what it lacks most. */
function nearer(known: NearestMiss | undefined, other: NearestMiss): NearestMiss {
  if (known === undefined) return other;
  return other.has * known.needed > known.has * other.needed ? other : known;
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

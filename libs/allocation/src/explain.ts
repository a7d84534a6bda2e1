// Owns the answer to why somebody is not offered what it wants: where it stands by its share, what holds it up, and why
// the agents of the cluster are not offered for its needs. It is computed when somebody asks, from what the allocator
// knows anyway; its size and the work for it are bounded. What is known is in explainable-knowledge.ts.
import type {
  AgentReason,
  ClientState,
  ExplainedClient,
  ExplainedNeed,
  ExplainRequest,
  Explanation,
} from '@parley/protocol/explanations';
import type { FrameworkRef, RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { StatedNeed } from './frameworks.ts';
import { explainNeed, type LookedAt } from './need-explanation.ts';

/** Of a role and those below it, or roles of a framework. */
const MAX_CLIENTS = 100;
/** Of all clients together. */
const MAX_NEEDS = 50;
/** Agents that are looked at for one answer, each need anew; a need that would go beyond is left out, but for the first. */
const MAX_LOOKS = 100_000;
/** Different things that speak against agents; the least frequent beyond are left out. */
const MAX_REASONS = 32;

/** A framework in one role, as the allocator knows it. */
export type ExplainableClient = Omit<
  ExplainedClient,
  'state' | 'refusals' | 'needs' | 'needsLeftOut'
> & {
  /** Agents, and when the first of the refusals ends. */
  readonly refusals: { readonly agents: number; readonly nextEndsMs: number | undefined };
  readonly isSubscribed: boolean;
  readonly isSuppressed: boolean;
  /** Not asked: it has as much unanswered as it may have. */
  readonly isAtOfferCap: boolean;
  /** Not asked: a limit leaves too little for any of its needs. */
  readonly isAtQuotaLimit: boolean;
  /** Undefined where it states no demand. */
  readonly needs: readonly StatedNeed[] | undefined;
  /** Less is not worth an offer where no demand is stated, ordinary or, to one that takes it, revocable. */
  readonly minimum: Resources;
  readonly takesRevocable: boolean;
};
export type ExplainableClients = {
  readonly clients: readonly ExplainableClient[];
  readonly leftOut: number;
};

export interface Explainable {
  readonly agents: number;
  readonly openAgents: number;
  /** In each of its roles, so many at most. */
  clientsOfFramework(framework: FrameworkRef, most: number): ExplainableClients;
  /** Of the role and those below it, so many at most: those that take offers first, the next one first. */
  clientsBelow(role: RoleName, most: number): ExplainableClients;
  /** Undefined when nobody is in it or below it. */
  roleStanding(role: RoleName): Explanation['role'];
  /** Every agent that may be offered, as the client sees it that has the need, or, without one, states none. */
  agentsFor(client: ExplainableClient, need: StatedNeed | undefined): Iterable<LookedAt>;
}

/** What is left of the work that an answer may take. */
type Budget = { looks: number; needs: number };

/** `nextRunMs`: when the allocator decides without further news; infinite when it does not. */
export function explain(
  request: ExplainRequest,
  known: Explainable,
  { nowMs, nextRunMs }: { readonly nowMs: number; readonly nextRunMs: number },
): Explanation {
  const { agents, openAgents } = known;
  const { clients, leftOut } =
    request.of === 'framework'
      ? known.clientsOfFramework(request.framework, MAX_CLIENTS)
      : known.clientsBelow(request.role, MAX_CLIENTS);
  const role = request.of === 'role' ? known.roleStanding(request.role) : undefined;
  const budget = { looks: MAX_LOOKS, needs: MAX_NEEDS };
  return {
    agents,
    openAgents,
    ...(Number.isFinite(nextRunMs) && { nextRunInMs: Math.max(0, Math.ceil(nextRunMs - nowMs)) }),
    ...(role && { role }),
    clients: clients.map((client) => explainClient(client, known, { nowMs, budget })),
    clientsLeftOut: leftOut,
  };
}

function explainClient(
  client: ExplainableClient,
  known: Explainable,
  { nowMs, budget }: { readonly nowMs: number; readonly budget: Budget },
): ExplainedClient {
  const { framework, role, share, offers, quotas } = client;
  const { agents, nextEndsMs } = client.refusals;
  const nextEndsInMs = nextEndsMs && Math.max(0, Math.ceil(nextEndsMs - nowMs));
  const refusals = { agents, ...(nextEndsInMs !== undefined && { nextEndsInMs }) };
  const { needs, needsLeftOut } = explainNeeds(client, known, { nowMs, budget });
  const state = stateOf(client, needs);
  return { framework, role, state, share, offers, refusals, quotas, needs, needsLeftOut };
}

/** What holds it up, if an agent would do but for that; or if not even that is known. */
function stateOf(client: ExplainableClient, needs: readonly ExplainedNeed[]): ClientState {
  if (!client.isSubscribed) return 'notSubscribed';
  if (client.isSuppressed) return 'suppressed';
  if (client.needs?.every(({ open }) => open <= 0) === true) return 'needsNothing';
  if (client.isAtOfferCap) return 'offerCap';
  if (needs.some(({ suitable }) => suitable > 0)) return 'waits';
  const kinds = new Set(needs.flatMap(({ reasons }) => reasons.map(({ kind }) => kind)));
  // An agent that would do in its turn is worth more than one for which something else has to change.
  if (kinds.has('standsBack')) return 'waits';
  if (kinds.has('offerCap')) return 'offerCap';
  if (kinds.has('headroom')) return 'headroom';
  return kinds.has('limit') || client.isAtQuotaLimit ? 'quotaLimit' : 'waits';
}

/** Of one that takes no offers nothing is looked at. */
function explainNeeds(
  client: ExplainableClient,
  known: Explainable,
  { nowMs, budget }: { readonly nowMs: number; readonly budget: Budget },
): Pick<ExplainedClient, 'needs' | 'needsLeftOut'> {
  const stated = client.needs?.filter(({ open }) => open > 0);
  const wanted = stated ?? [undefined];
  const needs: ExplainedNeed[] = [];
  for (const need of wanted) {
    if (budget.needs === 0) break;
    if (budget.looks !== MAX_LOOKS && budget.looks < known.agents) break;
    budget.looks -= known.agents;
    budget.needs -= 1;
    const agents = known.agentsFor(client, need);
    const explained = explainNeed(agents, need ?? leastOffer(client), nowMs);
    needs.push({ ...explained, reasons: mostFrequent(explained.reasons) });
  }
  return { needs, needsLeftOut: wanted.length - needs.length };
}

function leastOffer({ minimum, takesRevocable }: ExplainableClient) {
  const revocable = takesRevocable ? ({ revocable: 'also' } as const) : {};
  return { resources: minimum, constraints: [], ...revocable };
}

const mostFrequent = (reasons: readonly AgentReason[]): AgentReason[] =>
  reasons.slice(0, MAX_REASONS);

// Owns the answer to why somebody is not offered what it wants: where it stands by its share, what holds it up, and why
// the agents of the cluster are not offered for its needs. It is computed when somebody asks, from what the allocator
// knows anyway; its size and the work for it are bounded. What is known is in knowledge.ts.
import type {
  AgentReason,
  ClientState,
  ExplainedClient,
  ExplainedNeed,
  ExplainRequest,
  Explanation,
  QuotaStanding,
  ShareStanding,
} from '@parley/protocol/explanations';
import type { FrameworkRef, RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { StatedNeed } from './frameworks.ts';
import { explainNeed, type LookedAt } from './need-explanation.ts';

/** Of a role. */
const MAX_CLIENTS = 100;
/** Agents that are looked at for one answer, each need anew; a need that would go beyond is left out, but for the first. */
const MAX_LOOKS = 200_000;
/** Different things that speak against agents; the least frequent beyond are left out. */
const MAX_REASONS = 32;

export type Standing = Omit<ShareStanding, 'place' | 'of'>;

/** A framework in one role, as the allocator knows it. */
export type ExplainableClient = Omit<
  ExplainedClient,
  'state' | 'share' | 'refusals' | 'needs' | 'needsLeftOut'
> & {
  /** Agents, and when the first of the refusals ends. */
  readonly refusals: { readonly agents: number; readonly nextEndsMs: number | undefined };
  readonly standing: Standing;
  readonly isSubscribed: boolean;
  readonly isSuppressed: boolean;
  readonly isAtOfferCap: boolean;
  readonly isAtQuotaLimit: boolean;
  /** Undefined where it states no demand. */
  readonly needs: readonly StatedNeed[] | undefined;
  /** Less is not worth an offer where no demand is stated, ordinary or, to one that takes it, revocable. */
  readonly minimum: Resources;
  readonly takesRevocable: boolean;
};

export interface Explainable {
  readonly agents: number;
  readonly openAgents: number;
  clientsOfFramework(framework: FrameworkRef): ExplainableClient[];
  clientsOfRole(role: RoleName): ExplainableClient[];
  /** Undefined when nobody is in it. */
  roleStanding(
    role: RoleName,
  ): { readonly standing: Standing; readonly quotas: QuotaStanding[] } | undefined;
  /** Every agent that may be offered, as the client sees it. */
  agentsFor(client: ExplainableClient, nowMs: number): Iterable<LookedAt>;
  /** The role and those beside it that take offers, the next one first; the role by its whole name, the others by some. */
  siblingsInOrder(role: RoleName): Iterable<string>;
  /** Whoever takes offers, the next one first. */
  clientsInOrder(): Iterable<{ readonly framework: FrameworkRef; readonly role: RoleName }>;
}

/** `nextRunMs`: when the allocator decides without further news; infinite when it does not. */
export function explain(
  request: ExplainRequest,
  known: Explainable,
  { nowMs, nextRunMs }: { readonly nowMs: number; readonly nextRunMs: number },
): Explanation {
  const { agents, openAgents } = known;
  const rest = {
    agents,
    openAgents,
    ...(Number.isFinite(nextRunMs) && { nextRunInMs: Math.max(0, Math.ceil(nextRunMs - nowMs)) }),
  };
  if (request.of === 'framework') {
    const clients = known.clientsOfFramework(request.framework);
    const looks = { left: MAX_LOOKS };
    const explained = clients.map((client) => ({
      ...explainClient(client, known, nowMs),
      ...explainNeeds(client, known, { nowMs, looks }),
    }));
    return { ...rest, clients: explained, clientsLeftOut: 0 };
  }
  const clients = known.clientsOfRole(request.role);
  const role = explainRole(request.role, known);
  return {
    ...rest,
    ...(role && { role }),
    clients: clients.slice(0, MAX_CLIENTS).map((client) => explainClient(client, known, nowMs)),
    clientsLeftOut: Math.max(0, clients.length - MAX_CLIENTS),
  };
}

function explainRole(role: RoleName, known: Explainable): Explanation['role'] {
  const found = known.roleStanding(role);
  if (found === undefined) return undefined;
  const { standing, quotas } = found;
  const order = placeIn(known.siblingsInOrder(role), (one) => one === role);
  return { role, share: { ...standing, ...order }, quotas };
}

function explainClient(
  client: ExplainableClient,
  known: Explainable,
  nowMs: number,
): ExplainedClient {
  const { framework, role, standing, offers, quotas } = client;
  const order = placeIn(
    known.clientsInOrder(),
    (one) =>
      one.role === role &&
      one.framework.principal === framework.principal &&
      one.framework.frameworkId === framework.frameworkId,
  );
  const share = { ...standing, ...order };
  const state = stateOf(client);
  const { agents, nextEndsMs } = client.refusals;
  const nextEndsInMs = nextEndsMs && Math.max(0, Math.ceil(nextEndsMs - nowMs));
  const refusals = { agents, ...(nextEndsInMs !== undefined && { nextEndsInMs }) };
  return { framework, role, state, share, offers, refusals, quotas, needs: [], needsLeftOut: 0 };
}

function stateOf(client: ExplainableClient): ClientState {
  if (!client.isSubscribed) return 'notSubscribed';
  if (client.isSuppressed) return 'suppressed';
  if (client.needs?.every(({ open }) => open <= 0) === true) return 'needsNothing';
  if (client.isAtQuotaLimit) return 'quotaLimit';
  return client.isAtOfferCap ? 'offerCap' : 'waits';
}

function explainNeeds(
  client: ExplainableClient,
  known: Explainable,
  { nowMs, looks }: { readonly nowMs: number; readonly looks: { left: number } },
): Pick<ExplainedClient, 'needs' | 'needsLeftOut'> {
  const wanted =
    client.needs === undefined ? [leastOffer(client)] : client.needs.filter(({ open }) => open > 0);
  const needs: ExplainedNeed[] = [];
  for (const need of wanted) {
    if (looks.left !== MAX_LOOKS && looks.left < known.agents) break;
    looks.left -= known.agents;
    const explained = explainNeed(known.agentsFor(client, nowMs), need, nowMs);
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

function placeIn<One>(
  order: Iterable<One>,
  isIt: (one: One) => boolean,
): Pick<ShareStanding, 'place' | 'of'> {
  let of = 0;
  let place: number | undefined;
  for (const one of order) {
    of += 1;
    if (place === undefined && isIt(one)) place = of;
  }
  return { of, ...(place !== undefined && { place }) };
}

// Owns which tasks are worth proposing to be taken back: what the allocator, which knows no tasks, is told when it asks.
// A need is met on one agent, so they are named agent by agent, those agents first where one need is freed most cheaply:
// by no dearer task, then by the least that is taken, then by the fewest tasks. What is done with them is up to the
// allocator, and checked by revocation-checks.ts.
import { unmetConstraint } from '@parley/protocol/constraints';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
  taskKey,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type {
  CandidatesQuestion,
  RevocableTask,
  Sharer,
  UnplacedNeed,
} from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { amountOf } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { comesBackWith, membersOf } from './group-members.ts';
import { isOffered } from './offered-agents.ts';
import type { AgentRecord, TaskRecord } from './records.ts';
import { holdingObjection } from './revocation-checks.ts';
import { quantityOf } from './shares.ts';

/** Tasks looked at for one answer, those of holders that are named first: the master does nothing else meanwhile. */
const MAX_LOOKED_AT = 20_000;
/** Of one agent: so many that needs of several tasks are met there, and not so many that other agents go unnamed. */
const MAX_PER_AGENT = 100;

type Question = Omit<CandidatesQuestion, 'question'>;
type Scalars = Resources['scalars'];
/** `holder`: its place in the question. */
type Candidate = RevocableTask & { readonly holder: number };
/** Candidates of one agent, the most expendable first. */
type OnAgent = { readonly agent: AgentRecord; readonly candidates: readonly Candidate[] };
type Cost = { readonly priority: number; readonly taken: number; readonly count: number };
type Ranked = OnAgent & { readonly cost: Cost };

/**
 * At most as many as were asked for, shared evenly by the needs. What runs on revocable resources gives nothing back that
 * could be offered as anything else: its agent takes it back.
 */
export function revocationCandidates(state: ClusterState, question: Question): RevocableTask[] {
  const { needs, limit } = question;
  const agents = candidatesByAgent(state, question);
  const named = new Map<AgentId, readonly Candidate[]>();
  let left = limit;
  for (const [index, need] of needs.entries()) {
    let share = Math.ceil(left / (needs.length - index));
    for (const { agent, candidates, cost } of ranked(state, question, { agents, need })) {
      if (named.has(agent.agentId)) continue;
      const some = candidates.slice(0, Math.min(share, Math.max(MAX_PER_AGENT, cost.count)));
      if (some.length < cost.count) continue;
      named.set(agent.agentId, some);
      share -= some.length;
      left -= some.length;
      if (share === 0) break;
    }
  }
  return [...named.values()].flat().map(({ holder: _, ...task }) => task);
}

function candidatesByAgent(state: ClusterState, question: Question): OnAgent[] {
  const byAgent = new Map<AgentId, Candidate[]>();
  const notOn = new Set(question.notOn);
  for (const candidate of candidatesOf(state, question)) {
    const others = byAgent.get(candidate.agentId);
    if (others === undefined) byAgent.set(candidate.agentId, [candidate]);
    else others.push(candidate);
  }
  const onAgents: OnAgent[] = [];
  for (const [agentId, candidates] of byAgent) {
    const agent = state.agents.get(agentId);
    if (agent === undefined || !isOffered(agent) || notOn.has(agentId)) continue;
    onAgents.push({ agent, candidates: candidates.sort(byExpendability) });
  }
  return onAgents;
}

function* candidatesOf(
  state: ClusterState,
  { holders, beneficiary }: Question,
): Generator<Candidate, void, void> {
  let looked = 0;
  for (const [holder, { framework, role, spare }] of holders.entries()) {
    for (const key of tasksOf(state, framework, beneficiary)) {
      looked += 1;
      if (looked > MAX_LOOKED_AT) return;
      const task = state.tasks.get(key);
      if (task?.role !== role || !mayBeNamed(state, task, beneficiary.role)) continue;
      const candidate = candidateOf(state, task, holder);
      if (isSpare(candidate.resources.scalars, spare)) yield candidate;
    }
  }
}

/** Keys; a framework gives nothing to itself. */
function tasksOf(
  { books }: ClusterState,
  framework: FrameworkRef,
  beneficiary: Sharer,
): Iterable<string> {
  const key = frameworkKey(framework);
  if (key === frameworkKey(beneficiary.framework)) return [];
  return books.frameworks.get(key)?.tasks ?? [];
}

/** Agents on which one task of the need can be freed, the cheapest first. */
function ranked(
  state: ClusterState,
  { holders, mayUseFree }: Question,
  { agents, need }: { readonly agents: readonly OnAgent[]; readonly need: UnplacedNeed },
): Ranked[] {
  const { constraints, resources } = need;
  const spares = holders.map(({ spare }) => spare);
  return agents
    .flatMap((one): Ranked[] => {
      if (unmetConstraint(one.agent, constraints) !== undefined) return [];
      const missing = missingOn(state, one.agent, { need: resources.scalars, mayUseFree });
      const cost = costOn(state, one, { missing, spares });
      return cost === undefined ? [] : [{ ...one, cost }];
    })
    .sort(({ cost: a }, { cost: b }) => {
      return a.priority - b.priority || a.taken - b.taken || a.count - b.count;
    });
}

/** What is to be freed: `missing` of it is not free. */
type Sought = { readonly missing: Map<string, number>; readonly spares: readonly Quantities[] };

/** By the scalars alone; undefined where all that may go is not enough, or where nothing has to go. */
function costOn(
  state: ClusterState,
  { candidates }: OnAgent,
  { missing, spares }: Sought,
): Cost | undefined {
  if (missing.size === 0) return undefined;
  const left = new Map<number, Quantities>();
  const taken: Record<string, number> = {};
  let priority = Number.NEGATIVE_INFINITY;
  for (const [index, one] of candidates.entries()) {
    const { scalars } = one.resources;
    const spare = left.get(one.holder) ?? spares[one.holder] ?? {};
    const helps = Object.keys(scalars).some((name) => missing.has(name));
    if (!helps || !isSpare(scalars, spare)) continue;
    left.set(one.holder, lessOf(spare, scalars));
    priority = Math.max(priority, one.priority);
    for (const [name, amount] of Object.entries(scalars)) {
      taken[name] = (taken[name] ?? 0) + amount;
      lower(missing, name, amount);
    }
    if (missing.size > 0) continue;
    return { priority, taken: largestPart(state, taken), count: index + 1 };
  }
  return undefined;
}

/** Of what is not reserved on the agent as much is free as the books say, and less than nothing where too much is held. */
function missingOn(
  { books }: ClusterState,
  { agentId, total }: AgentRecord,
  { need, mayUseFree }: { readonly need: Scalars; readonly mayUseFree: boolean },
): Map<string, number> {
  const missing = new Map(Object.entries(need));
  if (!mayUseFree) return missing;
  const book = books.agents.get(agentId);
  const holdings = book === undefined ? [] : [book.offered, book.allocated, book.reserved];
  for (const name of [...missing.keys()]) {
    const free = holdings.reduce(
      (left, held) => left - amountOf(held, name),
      amountOf(total, name),
    );
    lower(missing, name, free);
  }
  return missing;
}

function lower(missing: Map<string, number>, name: string, amount: number): void {
  const lack = (missing.get(name) ?? 0) - amount;
  if (lack > 0) missing.set(name, lack);
  else missing.delete(name);
}

/** Whether no more goes than may be taken of its holder. */
const isSpare = (scalars: Scalars, spare: Quantities): boolean =>
  Object.entries(spare).every(([name, amount]) => quantityOf(scalars, name) <= amount);

const lessOf = (spare: Quantities, scalars: Scalars): Quantities =>
  Object.fromEntries(
    Object.entries(spare).map(([name, amount]) => [name, amount - quantityOf(scalars, name)]),
  );

/** Of the cluster. */
function largestPart({ books }: ClusterState, taken: Quantities): number {
  return Math.max(
    0,
    ...Object.entries(taken).map(([name, amount]) => amount / Math.max(1, books.total.get(name))),
  );
}

/** Of a group its first live task stands for all. */
function mayBeNamed(state: ClusterState, live: TaskRecord, to: RoleName): boolean {
  const { group, task, revocable } = live;
  if (revocable !== undefined) return false;
  const first = group?.find((taskId) => state.tasks.has(taskKey({ ...task, taskId })));
  if (first !== undefined && first !== task.taskId) return false;
  return holdingObjection(state, live, to) === undefined;
}

/** A group matters as much as the one of its tasks that matters most. */
function candidateOf(state: ClusterState, live: TaskRecord, holder: number): Candidate {
  const { task, agentId, role, group, executorId, reserved, launchedAtMs, priority = 0 } = live;
  const about = { task, agentId, role, launchedAtMs, holder };
  // Most are by themselves: there is nothing to sum up.
  if (group === undefined && executorId === undefined && reserved.length === 0) {
    return { ...about, resources: live.resources, priority };
  }
  const priorities = membersOf(state, live).map((member) => member.priority ?? 0);
  return {
    ...about,
    resources: comesBackWith(state, live),
    priority: Math.max(...priorities),
  };
}

function byExpendability(a: Candidate, b: Candidate): number {
  const order = a.priority - b.priority || b.launchedAtMs - a.launchedAtMs;
  return order !== 0 ? order : taskKey(a.task) < taskKey(b.task) ? -1 : 1;
}

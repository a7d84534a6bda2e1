// Tests that frameworks which differ in everything get along: few with many small tasks, many in one role with a few tasks
// each, some with large tasks, and each takes but so many tasks of one offer. After Mesos,
// hierarchical_allocator_benchmarks.cpp, MultiFrameworkAllocations (S27), at a tenth of its size.
import { RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { dominantShare } from '@parley/resources/dominant-share';
import { normalise, subtract, sum } from '@parley/resources/resources';
import { expect, test } from 'vitest';
import { CycledCluster } from './cycled-cluster.ts';
import { repeated, timesContained } from './need-fit.ts';
import { allOf, resourcesOf } from './scripted-master.ts';
import type { ScriptedOffer } from './scripted-records.ts';

const AGENTS = 8;
/** They have less than what is wanted. */
const FEW_AGENTS = 2;
const AGENT = resourcesOf(64, 488_000);

type Kind = {
  readonly name: string;
  readonly frameworks: number;
  /** Absent: each in its own. */
  readonly role?: string;
  readonly tasks: number;
  readonly task: Resources;
  readonly tasksAnOffer: number;
};

const KINDS: readonly Kind[] = [
  {
    name: 'service',
    frameworks: 4,
    tasks: 400,
    task: normalise({ scalars: { cpus: 70, mem: 400_000 } }),
    tasksAnOffer: 100,
  },
  {
    name: 'build',
    frameworks: 50,
    role: 'builds',
    tasks: 5,
    task: resourcesOf(0.1, 4000),
    tasksAnOffer: 1,
  },
  { name: 'batch', frameworks: 5, tasks: 20, task: resourcesOf(1, 1000), tasksAnOffer: 5 },
];

type Member = { readonly role: string; readonly kind: Kind; left: number };

class Mix {
  readonly cluster = new CycledCluster();
  readonly members = new Map<string, Member>();
  readonly #statesDemand: boolean;
  readonly #agents: number;

  constructor(statesDemand: boolean, agents = AGENTS) {
    this.#statesDemand = statesDemand;
    this.#agents = agents;
    this.cluster.addAgents('agent', agents, AGENT);
    for (const kind of KINDS) {
      for (let number = 0; number < kind.frameworks; number += 1) {
        const name = `${kind.name}-${number}`;
        const member = { role: kind.role ?? name, kind, left: kind.tasks };
        this.members.set(name, member);
        this.cluster.subscribe(name, (offer) => this.#answer(name, member, offer), member.role);
        this.#tellNeed(name, member);
      }
    }
  }

  get tasksLeft(): number {
    return [...this.members.values()].reduce((count, { left }) => count + left, 0);
  }

  /** Of the dominant shares of roles that still have tasks to run, how far the largest is from the smallest. */
  deviation(): number {
    const waiting = [...this.members.values()].filter(({ left }) => left > 0);
    const shares = [...new Set(waiting.map(({ role }) => role))].map((role) => this.#shareOf(role));
    return shares.length === 0 ? 0 : Math.max(...shares) - Math.min(...shares);
  }

  #shareOf(role: string): number {
    const used = [...this.cluster.master.frameworks.values()].map(
      (framework) => framework.used.get(RoleName.parse(role)) ?? NO_RESOURCES,
    );
    const share = dominantShare(sum(used).scalars, repeated(AGENT, this.#agents).scalars);
    return share.used / share.total;
  }

  /** As many tasks as it takes of one offer; the rest goes back at once. */
  #answer(name: string, member: Member, offer: ScriptedOffer): void {
    const { task, tasksAnOffer } = member.kind;
    const count = Math.min(tasksAnOffer, member.left, timesContained(allOf(offer), task));
    const used = repeated(task, count);
    member.left -= count;
    const rest = subtract(allOf(offer), used);
    this.cluster.launch(offer, used, Number.POSITIVE_INFINITY, rest);
    this.#tellNeed(name, member);
  }

  #tellNeed(name: string, { kind, left, role }: Member): void {
    if (this.#statesDemand) this.cluster.need(name, kind.task, { count: left, role });
    else if (left === 0) this.cluster.master.suppress(name, role);
  }
}

/** The value: cycles until all tasks run, and the largest deviation of shares in between. */
function play(statesDemand: boolean): { readonly cycles: number; readonly deviation: number } {
  const mix = new Mix(statesDemand);
  let deviation = 0;
  while (mix.tasksLeft > 0 && mix.cluster.cycles < 500) {
    mix.cluster.cycle();
    deviation = Math.max(deviation, mix.deviation());
  }
  return { cycles: mix.cluster.cycles, deviation };
}

/** Of the cluster: the most that a role can take in one cycle, with an offer of each agent. */
const A_CYCLE = Math.max(
  ...KINDS.map(({ task, tasksAnOffer }) => {
    const taken = repeated(task, tasksAnOffer * AGENTS).scalars;
    const { used, total } = dominantShare(taken, repeated(AGENT, AGENTS).scalars);
    return used / total;
  }),
);

test('with stated demand all 1,950 tasks run after as many cycles as a framework with 5 tasks needs that takes one of an offer', () => {
  expect(play(true).cycles).toBeLessThanOrEqual(5);
});

test('where not all of it fits, the shares of those that want more end within one task of each other', () => {
  const mix = new Mix(true, FEW_AGENTS);
  for (let cycle = 0; cycle < 20; cycle += 1) mix.cluster.cycle();
  const largestTask = Math.max(
    ...KINDS.map(({ task }) => {
      const { used, total } = dominantShare(task.scalars, repeated(AGENT, FEW_AGENTS).scalars);
      return used / total;
    }),
  );
  expect(mix.tasksLeft).toBeGreaterThan(0);
  expect(mix.deviation()).toBeLessThanOrEqual(largestTask);
});

// 250 builds take an offer each, 8 of which are to be had in a cycle.
test('without, they run a few cycles after the 250 builds could, and shares are as far apart as one cycle can bring them', () => {
  const { cycles, deviation } = play(false);
  expect(cycles).toBeGreaterThanOrEqual(Math.ceil(250 / AGENTS));
  expect(cycles).toBeLessThanOrEqual(Math.ceil(250 / AGENTS) + 8);
  expect(deviation).toBeLessThanOrEqual(A_CYCLE);
});

// Owns the mix of frameworks that differ in everything: 4 with 4,000 small tasks each, 500 in one role with 5 tasks each,
// 50 with 20 large ones; 19,500 tasks on 80 agents, of which they need less than half. How many rounds until all run, and
// how far the shares of those that still wait come apart meanwhile, both when nobody says what it needs, as in Mesos, and
// when everybody does. Then the same on 20 agents, where not all of it fits: how far apart shares are that want more when
// nothing more is launched. Mesos, hierarchical_allocator_benchmarks.cpp, MultiFrameworkAllocations.
import { repeated, timesContained } from '@parley/allocation/need-fit';
import type { Fact, Proposal } from '@parley/protocol/allocation';
import type { Resources } from '@parley/protocol/resources';
import { dominantShare } from '@parley/resources/dominant-share';
import { normalise, subtract } from '@parley/resources/resources';
import { type Result, rounded } from '../measurement.ts';
import { type BenchFramework, BenchMaster } from './bench-master.ts';
import { beside } from './targets.ts';

const AGENTS = 80;
/** They have less than what is wanted. */
const FEW_AGENTS = 20;
const AGENT = normalise({ scalars: { cpus: 64_000, mem: 488_000_000 } });
const MAX_ROUNDS = 2000;
const IDLE_ROUNDS = 20;

type Profile = {
  readonly frameworks: number;
  /** Absent: each in its own. */
  readonly role?: string;
  readonly tasks: number;
  readonly task: Resources;
  readonly tasksAnOffer: number;
};

const taskOf = (cpus: number, mem: number): Resources =>
  normalise({ scalars: { cpus, mem: mem * 1000 } });

const PROFILES: readonly Profile[] = [
  { frameworks: 4, tasks: 4000, task: taskOf(70, 400), tasksAnOffer: 100 },
  { frameworks: 500, role: 'builds', tasks: 5, task: taskOf(100, 4000), tasksAnOffer: 1 },
  { frameworks: 50, tasks: 20, task: taskOf(1000, 1000), tasksAnOffer: 5 },
];

export function measureMix(): Result[] {
  return (['unstated', 'stated'] as const).flatMap((demand) => {
    const { rounds, offers, deviation, decidingMs } = new Mix(demand, AGENTS).playOut();
    const contended = new Mix(demand, FEW_AGENTS).fill();
    return [
      result(`mix.${demand}.rounds`, rounds, 'rounds'),
      result(`mix.${demand}.offers`, offers, 'offers'),
      result(`mix.${demand}.deviation`, deviation, '% of the cluster'),
      beside(`mix.${demand}.round`, decidingMs, 'ms'),
      result(`mix.${demand}.contended.rounds`, contended.rounds, 'rounds'),
      result(`mix.${demand}.contended.deviation`, contended.deviation, '% of the cluster'),
    ];
  });
}

const result = (name: string, value: number, unit: string): Result => ({
  name,
  value: rounded(value),
  unit,
  aim: null,
  reference: null,
});

type Waiting = { readonly profile: Profile; left: number };

class Mix {
  readonly #statesDemand: boolean;
  readonly #agents: number;
  readonly #master: BenchMaster;
  readonly #waiting = new Map<BenchFramework, Waiting>();

  constructor(demand: 'stated' | 'unstated', agents: number) {
    this.#statesDemand = demand === 'stated';
    this.#agents = agents;
    const each = PROFILES.flatMap((profile, place) =>
      Array.from({ length: profile.frameworks }, (_, number) => ({
        profile,
        role: profile.role ?? `role-${place}-${number}`,
      })),
    );
    const roles = each.map(({ role }) => role);
    this.#master = new BenchMaster({ agents, total: AGENT, roles }, { subscribes: false });
    for (const [number, framework] of this.#master.frameworks.entries()) {
      const profile = each[number]?.profile;
      if (profile !== undefined) this.#waiting.set(framework, { profile, left: profile.tasks });
    }
    this.#master.hear([...this.#waiting.keys()].map((one) => this.#subscription(one)));
  }

  /** Until all tasks run. The deviation is the largest in between. */
  playOut() {
    const decidingMs: number[] = [];
    let [rounds, offers, deviation] = [0, 0, 0];
    while (this.#tasksLeft() > 0) {
      rounds += 1;
      if (rounds > MAX_ROUNDS) throw new Error(`not all tasks run after ${MAX_ROUNDS} rounds`);
      const round = this.#master.fullRound();
      decidingMs.push(round.decidingMs);
      offers += round.proposals.length;
      this.#launch(round.proposals);
      deviation = Math.max(deviation, this.#deviation());
    }
    return { rounds, offers, deviation, decidingMs };
  }

  /** Until so many rounds in a row launch nothing: no more fits, or those who are offered what is left do not use it. */
  fill(): { readonly rounds: number; readonly deviation: number } {
    let [rounds, idle] = [0, 0];
    while (idle < IDLE_ROUNDS) {
      const before = this.#tasksLeft();
      this.#launch(this.#master.fullRound().proposals);
      idle = this.#tasksLeft() === before ? idle + 1 : 0;
      rounds += 1;
    }
    if (this.#tasksLeft() === 0) throw new Error('there is room for everything');
    return { rounds: rounds - idle, deviation: this.#deviation() };
  }

  /** As many tasks as the framework takes of one offer; the rest is given back without a filter. */
  #launch(proposals: readonly Proposal[]): void {
    const offered = this.#master.offer(proposals);
    const answered = this.#master.accept(proposals, ({ framework: ref, resources }) => {
      const framework = this.#master.frameworkOf(ref);
      const waiting = this.#waiting.get(framework);
      if (waiting === undefined) throw new Error('every framework has tasks');
      const { task, tasksAnOffer } = waiting.profile;
      const count = Math.min(tasksAnOffer, waiting.left, timesContained(resources, task));
      waiting.left -= count;
      return count === 0 ? resources : subtract(resources, repeated(task, count));
    });
    const changed = new Set(proposals.map(({ framework }) => this.#master.frameworkOf(framework)));
    const subscriptions = [...changed].map((framework) => this.#subscription(framework));
    this.#master.hear([...offered, ...answered, ...subscriptions]);
  }

  /** One with nothing left to run takes no offers. */
  #subscription(framework: BenchFramework): Fact {
    const { ref, role } = framework;
    const waiting = this.#waiting.get(framework);
    const count = waiting?.left ?? 0;
    const resources = waiting?.profile.task ?? AGENT;
    const needs = [{ shape: 'task', count, resources, constraints: [] }];
    const inRole = { role, isSuppressed: count === 0, ...(this.#statesDemand && { needs }) };
    return { kind: 'framework', framework: ref, roles: [inRole] };
  }

  #tasksLeft(): number {
    return [...this.#waiting.values()].reduce((sum, { left }) => sum + left, 0);
  }

  /** Per cent of the cluster between the largest and the smallest dominant share of roles that still have tasks to run. */
  #deviation(): number {
    const usedBy = new Map<string, Record<string, number>>();
    const waiting = new Set<string>();
    for (const [{ role, used }, { left }] of this.#waiting) {
      if (left > 0) waiting.add(role);
      const together = usedBy.get(role) ?? {};
      for (const [name, amount] of Object.entries(used.scalars)) {
        together[name] = (together[name] ?? 0) + amount;
      }
      usedBy.set(role, together);
    }
    const totals = repeated(AGENT, this.#agents).scalars;
    const shares = [...waiting].map((role) => {
      const { used, total } = dominantShare(usedBy.get(role) ?? {}, totals);
      return used / total;
    });
    return shares.length === 0 ? 0 : 100 * (Math.max(...shares) - Math.min(...shares));
  }
}

// Owns a framework's plan under a script, for tests: a clock by hand, offers, updates, and the decisions kept by kind. It
// tests nothing itself.
import { AgentId, FrameworkId, PrincipalName, RoleName, type TaskId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import {
  isTerminal,
  StatusUpdate,
  type TaskDescription,
  type TaskState,
} from '@parley/protocol/tasks';
import type { DesiredTask, ExpectedWork } from './desired-task.ts';
import type { PlanDecision } from './framework-decisions.ts';
import { FrameworkPlan } from './framework-plan.ts';
import type { FrameworkUpdate } from './framework-update.ts';
import { anOffer, type OfferSketch } from './placement/offer-builders.ts';
import type { Strategy } from './placement/strategy.ts';

export type PlanFixtureOptions = {
  readonly strategies?: readonly Strategy[];
  readonly incarnation?: string;
  readonly roles?: readonly string[];
};

type Kind = PlanDecision['kind'];
type Of<K extends Kind> = Extract<PlanDecision, { kind: K }>;

export class PlanFixture {
  nowMs = 1000;
  readonly decisions: PlanDecision[] = [];
  readonly plan: FrameworkPlan;
  /** Launched and not ended, with the agent of each. */
  readonly live = new Map<TaskId, { agentId: AgentId; task: TaskDescription }>();
  #offers = 0;
  #sequence = 0;

  constructor(options: PlanFixtureOptions = {}) {
    const { strategies = [], incarnation = 't0', roles = ['batch'] } = options;
    this.plan = new FrameworkPlan({
      incarnation,
      strategies,
      roles: roles.map((name) => RoleName.parse(name)),
    });
  }

  /** States a first list, after which it is known that nothing runs. */
  static begun(desired: readonly DesiredTask[], options: PlanFixtureOptions = {}): PlanFixture {
    const fixture = new PlanFixture(options);
    fixture.desired(desired);
    fixture.take(fixture.plan.recovered([], fixture.nowMs));
    return fixture;
  }

  desired(list: readonly DesiredTask[], expected: readonly ExpectedWork[] = []): void {
    this.take(this.plan.desired(list, this.nowMs, expected));
  }

  /** Offers, and answers at once what is accepted. Returns what was launched now. */
  offer(...sketches: readonly OfferSketch[]): TaskDescription[] {
    return this.offerAll(
      sketches.map((sketch) => {
        this.#offers += 1;
        return anOffer({ ...sketch, id: `o${this.#offers}` });
      }),
    );
  }

  offerAll(offers: readonly Offer[]): TaskDescription[] {
    const decisions = this.plan.offers(offers, this.nowMs);
    this.take(decisions);
    return decisions.flatMap((decision) => {
      if (decision.kind !== 'accept') return [];
      const tasks = tasksOf(decision);
      this.answer(decision);
      return tasks;
    });
  }

  /** As the leader does: everything was launched. */
  answer({ acceptId, operations, offers }: Of<'accept'>): void {
    const tasks = tasksOf({ operations });
    const [first] = offers;
    for (const task of tasks)
      if (first) this.live.set(task.taskId, { agentId: first.agentId, task });
    const value = {
      launched: tasks.map(({ taskId }) => taskId),
      rejected: [],
      refusedOperations: [],
      staleOffers: [],
    };
    this.take(this.plan.accepted({ acceptId, outcome: { ok: true, value } }, this.nowMs));
  }

  update(
    taskId: string,
    state: TaskState,
    rest: Partial<StatusUpdate> = {},
  ): FrameworkUpdate | undefined {
    const update = this.an(taskId, state, rest);
    if (isTerminal(state)) this.live.delete(update.task.taskId);
    const result = this.plan.update(update, this.nowMs);
    this.take(result.decisions);
    return result.update;
  }

  /** An update that is not yet given to the plan. */
  an(taskId: string, state: TaskState, rest: Partial<StatusUpdate> = {}): StatusUpdate {
    this.#sequence += 1;
    return StatusUpdate.parse({
      task: {
        principal: PrincipalName.parse('alice'),
        frameworkId: FrameworkId.parse('f'),
        taskId,
      },
      agentId: this.live.get(taskId as TaskId)?.agentId ?? AgentId.parse('a1'),
      source: 'agent',
      sequence: this.#sequence,
      state,
      wallTimeMs: 0,
      ...rest,
    });
  }

  /** Lets time pass, with a tick whenever the plan asked for one. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let next = this.plan.nextWakeMs(); next !== undefined && next <= endMs; ) {
      this.nowMs = Math.max(this.nowMs, next);
      this.take(this.plan.tick(this.nowMs));
      const following = this.plan.nextWakeMs();
      if (following !== undefined && following <= this.nowMs)
        throw new Error('a tick leaves nothing due');
      next = following;
    }
    this.nowMs = endMs;
  }

  of<K extends Kind>(kind: K): Of<K>[] {
    return this.decisions.filter((each): each is Of<K> => each.kind === kind);
  }

  last<K extends Kind>(kind: K): Of<K> | undefined {
    return this.of(kind).at(-1);
  }

  get killed(): string[] {
    return this.of('kill').map(({ taskId }) => taskId);
  }

  take(decisions: readonly PlanDecision[]): void {
    this.decisions.push(...decisions);
  }
}

export function tasksOf({ operations }: Pick<Of<'accept'>, 'operations'>): TaskDescription[] {
  return operations.flatMap((operation) =>
    operation.kind === 'launch' || operation.kind === 'launchGroup'
      ? (operation.tasks as TaskDescription[])
      : [],
  );
}

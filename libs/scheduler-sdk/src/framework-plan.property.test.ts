// Owns what holds for a framework's plan whatever happens: random lists, offers, ends, failovers and lost answers against a
// small model of a cluster. Each rule by itself is in framework-plan.test.ts.
import { AgentId, type TaskId } from '@parley/protocol/ids';
import { isTerminal, type TaskState, type TaskStatus } from '@parley/protocol/tasks';
import { add, contains, sum } from '@parley/resources/resources';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cmd, type DesiredTask } from './desired-task.ts';
import { readTaskId } from './framework-task-id.ts';
import { binPack } from './placement/bin-pack.ts';
import { delay } from './placement/delay.ts';
import { anOffer } from './placement/offer-builders.ts';
import { PlanFixture, tasksOf } from './plan-fixture.ts';

const KEYS = ['a', 'b', 'c', 'd', 'odd key'];
const AGENTS = ['a1', 'a2', 'a3'];
const STRATEGIES = [delay({ agentId: 500 }), binPack()];

type Step =
  | { readonly kind: 'desired'; readonly keys: readonly string[] }
  | {
      readonly kind: 'offer';
      readonly agent: string;
      readonly cpus: number;
      readonly isLost: boolean;
    }
  | { readonly kind: 'end'; readonly which: number; readonly state: TaskState }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'failover' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('desired' as const), keys: fc.subarray(KEYS) }),
    fc.record({
      kind: fc.constant('offer' as const),
      agent: fc.constantFrom(...AGENTS),
      cpus: fc.integer({ min: 0, max: 5 }),
      isLost: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('end' as const),
      which: fc.nat(),
      state: fc.constantFrom<TaskState>(
        'running',
        'finished',
        'failed',
        'gone',
        'killed',
        'unreachable',
      ),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 5000 }) }),
    fc.constant({ kind: 'failover' as const }),
  ),
  { maxLength: 60 },
);

/** A cluster that launches what is accepted and ends what is killed. */
class Model {
  fixture = new PlanFixture({ strategies: STRATEGIES, incarnation: 't0' });
  readonly tasks = new Map<TaskId, { state: TaskState; agentId: AgentId }>();
  desired: readonly string[] = [];
  #failovers = 0;
  #offers = 0;
  #nowMs = 1000;

  constructor() {
    this.#begin();
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'desired':
        this.desired = step.keys;
        this.fixture.desired(this.#list());
        break;
      case 'offer':
        this.#offer(step);
        break;
      case 'end':
        this.#end(step);
        break;
      case 'pass':
        this.fixture.pass(step.ms);
        break;
      case 'failover':
        this.#failovers += 1;
        this.#begin();
        break;
    }
    this.#kill();
    this.#check();
  }

  #begin(): void {
    const { nowMs } = this.fixture;
    this.#nowMs = nowMs;
    const incarnation = `t${this.#failovers}`;
    this.fixture = new PlanFixture({ strategies: STRATEGIES, incarnation });
    this.fixture.nowMs = this.#nowMs;
    this.fixture.desired(this.#list());
    const statuses = [...this.tasks].map(([taskId, task]): TaskStatus => ({ taskId, ...task }));
    this.fixture.take(this.fixture.plan.recovered(statuses, nowMs));
  }

  #list(): DesiredTask[] {
    return this.desired.map((key, index) => ({
      key,
      need: { cpus: 1 + (index % 2) },
      run: cmd('true'),
      near: { agentId: [AGENTS[index % AGENTS.length] ?? ''] },
      replaceUnreachableAfterMs: 1_000_000,
    }));
  }

  #offer({ agent, cpus, isLost }: Extract<Step, { kind: 'offer' }>): void {
    this.#offers += 2;
    const offers = [0, 1].map((index) => anOffer({ id: `o${this.#offers + index}`, agent, cpus }));
    const decisions = this.fixture.plan.offers(offers, this.fixture.nowMs);
    this.fixture.take(decisions);
    const answered = decisions.flatMap((each) =>
      each.kind === 'accept' || each.kind === 'decline' ? each.offers : [],
    );
    expect(new Set(answered).size).toBe(offers.length);
    expect(answered).toHaveLength(offers.length);
    for (const decision of decisions) {
      if (decision.kind !== 'accept') continue;
      const tasks = tasksOf(decision);
      const held = decision.offers.map(({ resources }) => resources).reduce(add);
      expect(contains(held, sum(tasks.map(({ resources }) => resources)))).toBe(true);
      if (isLost)
        this.#refuse(
          decision.acceptId,
          tasks.map(({ taskId }) => taskId),
        );
      else {
        this.fixture.answer(decision);
        for (const { taskId } of tasks)
          this.tasks.set(taskId, { state: 'staging', agentId: AgentId.parse(agent) });
      }
    }
  }

  #refuse(acceptId: number, taskIds: readonly TaskId[]): void {
    const outcome = { ok: false, failure: { code: 'invalidOffers', message: 'late' } } as const;
    const { plan, nowMs } = this.fixture;
    this.fixture.take(plan.accepted({ acceptId, outcome }, nowMs));
    for (const taskId of taskIds) this.fixture.update(taskId, 'dropped');
  }

  #end({ which, state }: Extract<Step, { kind: 'end' }>): void {
    const all = [...this.tasks.keys()];
    const taskId = all[which % Math.max(all.length, 1)];
    if (taskId !== undefined) this.#moved(taskId, state);
  }

  #moved(taskId: TaskId, state: TaskState): void {
    const agentId = this.tasks.get(taskId)?.agentId ?? AgentId.parse('a1');
    if (isTerminal(state)) this.tasks.delete(taskId);
    else this.tasks.set(taskId, { state, agentId });
    this.fixture.update(taskId, state, { agentId });
  }

  #kill(): void {
    for (const { taskId } of this.fixture.of('kill'))
      if (this.tasks.has(taskId)) this.#moved(taskId, 'killed');
  }

  #check(): void {
    const tokens = [...this.tasks.keys()].map((taskId) => readTaskId(taskId)?.token);
    expect(new Set(tokens).size, 'a key runs once').toBe(tokens.length);
    const known = new Set(this.fixture.plan.liveTasks());
    expect(known).toEqual(new Set(this.tasks.keys()));
    for (const token of tokens) {
      const wanted = this.desired.some(
        (key) => token === key || (key.includes(' ') && token?.startsWith('h_')),
      );
      expect(wanted, 'only what is desired runs').toBe(true);
    }
  }
}

it('a key runs once, only as long as it is desired, each offer is answered once and none is overdrawn (property)', () => {
  fc.assert(
    fc.property(steps, (script) => {
      const model = new Model();
      for (const step of script) model.step(step);
    }),
    { numRuns: 300 },
  );
});

// Owns a framework of a scenario that gets its work done by itself: a task pool of the SDK beside the session, whose demand
// it states and whose placements it carries out. What it wants, and how its tasks behave, the scenario says.

import { repeated } from '@parley/allocation/need-fit';
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import { ExecutorId, TaskId, taskKey } from '@parley/protocol/ids';
import type { InverseOfferAnswer } from '@parley/protocol/maintenance';
import type { Offer } from '@parley/protocol/offers';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { TaskDescription } from '@parley/protocol/tasks';
import { intersect } from '@parley/resources/resources';
import type { SchedulerEvent } from '@parley/scheduler-sdk/session-vocabulary';
import { TaskPool } from '@parley/scheduler-sdk/task-pool';
import { resources, type WishKind } from './plan.ts';
import { ScriptedFramework } from './scripted-framework.ts';
import type { SessionWishes } from './session-process.ts';
import type { Temper } from './simulated-executor.ts';
import type { World } from './world.ts';

export type Work = {
  readonly count: number;
  /** Of each task, in thousandths. */
  readonly cpus: number;
  readonly mem?: number;
  readonly kind?: WishKind;
  readonly durationMs?: number;
  readonly priority?: number;
  readonly revocable?: RevocableUse;
  /** In a custom executor of this temper, one an agent. Absent: each is a command. */
  readonly temper?: Temper | undefined;
};

export type PoolHabits = {
  /** Else it is offered what there is. */
  readonly statesDemand: boolean;
  /** Of one offer it takes no more. */
  readonly tasksAnOffer?: number;
  /** What it says to inverse offers for agents; absent: nothing. Where it accepts, it ends what it has there. */
  readonly answer?: InverseOfferAnswer['answer'] | undefined;
};

/** What was lost is tried for ever. */
const MAX_ATTEMPTS = 1_000_000;
const RESTATE_MS = 1000;
const SMALL_MEM = 64_000;

export class PooledFramework extends ScriptedFramework {
  readonly #habits: PoolHabits;
  #pool = new TaskPool({ maxAttempts: MAX_ATTEMPTS });
  #pieces = 0;
  /** Of the tasks that it wanted last. */
  #size = NO_RESOURCES;
  #isDone = false;

  constructor(world: World, id: string, wishes: SessionWishes, habits: PoolHabits) {
    super(world, id, wishes);
    this.#habits = habits;
  }

  get running(): number {
    return this.#pool.counts().running;
  }

  /** Launched, running or not. */
  get live(): number {
    return this.#pool.liveTasks().length;
  }

  get waiting(): number {
    return this.#pool.counts().waiting;
  }

  get finished(): number {
    return this.#pool.counts().finished;
  }

  want({ count, revocable, ...task }: Work): void {
    this.#size = resources(task.cpus, task.mem ?? SMALL_MEM);
    for (let piece = 0; piece < count; piece += 1) {
      this.#pieces += 1;
      this.#pool.add({
        key: `w${this.#pieces}`,
        resources: this.#size,
        ...(revocable !== undefined && { revocable }),
        describe: (taskId) => describe(taskId, task),
      });
    }
    this.#restate();
  }

  /** No more than what runs. */
  wantNoMore(): void {
    this.#pool.dropWaiting();
    this.#restate();
  }

  override tearDown(): void {
    this.#isDone = true;
    super.tearDown();
  }

  protected override started(): void {
    super.started();
    this.#restateAgain();
  }

  protected override wishes(): SessionWishes {
    return {
      ...super.wishes(),
      ...(this.#habits.statesDemand && { demand: this.#pool.demand() }),
    };
  }

  protected override happened(event: SchedulerEvent): void {
    super.happened(event);
    switch (event.kind) {
      case 'offers':
        this.after(this.random.between(0, 300), () => this.#use(event.offers));
        break;
      case 'update':
        if (this.#pool.update(event.update)?.kind !== 'progress') this.#restate();
        break;
      case 'accepted':
        this.#restate();
        break;
      case 'event':
        if (event.event.kind === 'agentInverseOffer') this.#askedBack(event.event);
        break;
      default:
        break;
    }
  }

  /** What was taken back meanwhile is dropped by the leader, and waits again. */
  #use(offers: readonly Offer[]): void {
    const { session } = this;
    if (session === undefined || this.#isDone) return;
    const { accepted, declined } = this.#pool.place(offers.map((offer) => this.#cut(offer)));
    for (const { offer, launches, filter } of accepted)
      this.accept({ offers: [offer], launches, filter });
    for (const { offers: unused, ...how } of declined)
      this.carryOut(session.offersHandled(unused, this.nowMs, how));
  }

  #askedBack({ windowId, agents }: Extract<FrameworkEvent, { kind: 'agentInverseOffer' }>): void {
    const { answer } = this.#habits;
    if (answer === undefined || this.session === undefined) return;
    const call = { name: 'answerInverseOffer', body: { windowId, answer } } as const;
    this.carryOut(this.session.call(call, this.nowMs).effects);
    if (answer !== 'accept') return;
    const { tasks } = this.world.witness;
    for (const taskId of this.#pool.liveTasks()) {
      const agentId = tasks.get(taskKey({ ...this.ref, taskId }))?.agentId;
      if (agentId !== undefined && agents.includes(agentId)) this.kill(taskId);
    }
  }

  /** To what as many tasks as it takes need. */
  #cut(offer: Offer): Offer {
    const { tasksAnOffer } = this.#habits;
    if (tasksAnOffer === undefined) return offer;
    return { ...offer, resources: intersect(offer.resources, repeated(this.#size, tasksAnOffer)) };
  }

  /** The leader lowers what it was told by what is launched; what is to be launched again it must hear. */
  #restate(): void {
    if (this.session === undefined || !this.#habits.statesDemand || this.#isDone) return;
    this.carryOut(this.session.setDemand(this.#pool.demand(), this.nowMs));
  }

  #restateAgain(): void {
    this.after(RESTATE_MS, () => {
      this.#restate();
      this.#restateAgain();
    });
  }
}

function describe(
  taskId: TaskId,
  {
    cpus,
    mem = SMALL_MEM,
    kind = 'lasts',
    durationMs = 0,
    priority = 0,
    temper,
  }: Omit<Work, 'count' | 'revocable'>,
): TaskDescription {
  const common = { taskId: TaskId.parse(taskId), resources: resources(cpus, mem), priority };
  const does = [kind, String(durationMs)];
  if (temper === undefined)
    return TaskDescription.parse({ ...common, command: { argv: does }, killGraceMs: 500 });
  const executorId = ExecutorId.parse(`e-${temper}`);
  const executor = { executorId, command: { argv: ['executor', temper] } };
  const labels = { kind, durationMs: String(durationMs) };
  return TaskDescription.parse({ ...common, executor, labels });
}

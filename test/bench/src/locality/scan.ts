// Owns a framework that scans a file whose blocks lie on three agents each: places and waits are those of the SDK (`placeAll`,
// `delay`, `JobWaits`, `nearestFirst`), as its Framework has them. What waits is the job, as in Zaharia et al., "Delay
// Scheduling", EuroSys 2010, algorithm 1: on an agent that holds blocks of its own it takes these first, and having found one
// it waits anew. Or, to compare, each task waits by itself in the order of the list.
import type { AgentId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { answerFor } from '@parley/scheduler-sdk/framework-answers';
import { delay } from '@parley/scheduler-sdk/placement/delay';
import { JobWaits, nearestFirst } from '@parley/scheduler-sdk/placement/job-waits';
import { placeAll, type RoomPlan } from '@parley/scheduler-sdk/placement/place-all';
import type { Strategy, Want } from '@parley/scheduler-sdk/placement/strategy';
import {
  sleepFor,
  type VirtualCluster,
  type VirtualScheduler,
} from '../virtual/virtual-cluster.ts';

export type Block = {
  readonly holders: readonly AgentId[];
  /** Of the task that reads it, where it lies and elsewhere. */
  readonly nearMs: number;
  readonly farMs: number;
};

/** `jobOnce`: likewise, and having waited once it takes whatever comes. */
export type Waits = 'job' | 'jobOnce' | 'task';
export type ScanPlan = {
  readonly name: string;
  readonly blocks: readonly Block[];
  readonly task: Resources;
  readonly delayMs: number;
  readonly waits: Waits;
};

export class Scan {
  /** Of the tasks launched, those on an agent that holds their block. */
  nearTasks = 0;
  endMs: number | undefined;
  readonly #plan: ScanPlan;
  readonly #cluster: VirtualCluster;
  readonly #scheduler: VirtualScheduler;
  readonly #strategies: readonly Strategy[];
  readonly #waiting: Map<string, Block>;
  readonly #waits = new JobWaits();
  #ended = 0;

  constructor(cluster: VirtualCluster, plan: ScanPlan) {
    const { name, blocks, task, delayMs } = plan;
    this.#plan = plan;
    this.#cluster = cluster;
    this.#strategies = [delay({ agentId: delayMs })];
    this.#waiting = new Map(blocks.map((block, index) => [`block-${index}`, block]));
    const demand = [{ count: blocks.length, resources: task }];
    this.#scheduler = cluster.join(name, this, { demand });
  }

  offered(offers: readonly Offer[]): void {
    const { nowMs } = this.#cluster;
    const wants = this.#wantsFor(offers);
    const byKey = new Map(wants.map((want) => [want.key, want]));
    const strategies = this.#strategies;
    const { rooms, unplaced } = placeAll({
      offers,
      wants,
      strategies,
      nowMs,
      seed: this.#plan.name,
    });
    for (const { key, untilMs } of unplaced) {
      const want = byKey.get(key);
      if (want !== undefined && untilMs !== undefined) this.#waits.letGo(want, nowMs);
    }
    for (const room of rooms) this.#answer(room);
  }

  rescinded(): void {}

  updated({ state }: StatusUpdate): void {
    if (!isTerminal(state)) return;
    assert(state === 'finished', `a task is ${state}`);
    this.#ended += 1;
    if (this.#ended === this.#plan.blocks.length) this.endMs = this.#cluster.nowMs;
  }

  #wantsFor(offers: readonly Offer[]): Want[] {
    const wants = [...this.#waiting].map(([key, block]) => this.#want(key, block));
    return this.#plan.waits === 'task' ? wants : nearestFirst(wants, offers, (want) => want);
  }

  /** Of tasks that wait by themselves each is a group of its own. */
  #want(key: string, { holders }: Block): Want {
    const group = this.#plan.waits === 'task' ? key : '';
    const near = { agentId: holders };
    const waitingSinceMs = this.#waits.sinceMs({ group, near });
    return { key, needs: [{ resources: this.#plan.task }], group, near, waitingSinceMs };
  }

  #answer(room: RoomPlan): void {
    const { agentId, offers, placed } = room;
    const { nowMs } = this.#cluster;
    const tasks = placed.map(({ key }) => this.#launch(key, room));
    const isAnythingWanted = this.#waiting.size > 0;
    const { filter } = answerFor(room, { isAnythingWanted, isMoreExpected: false, nowMs });
    const body = { offerIds: offers.map(({ offerId }) => offerId), filter };
    if (tasks.length === 0) this.#scheduler.call('decline', body);
    else {
      const operations = [{ kind: 'launch', agentId, tasks }];
      this.#scheduler.call('accept', { ...body, operations });
    }
  }

  #launch(key: string, room: RoomPlan): object {
    const block = this.#waiting.get(key);
    assert(block !== undefined, 'what is placed was waiting');
    this.#waiting.delete(key);
    const isNear = block.holders.includes(room.agentId);
    if (isNear) this.nearTasks += 1;
    if (this.#plan.waits !== 'jobOnce') this.#waits.placed(this.#want(key, block), room);
    const command = sleepFor(isNear ? block.nearMs : block.farMs);
    return { taskId: key, resources: this.#plan.task, command };
  }
}

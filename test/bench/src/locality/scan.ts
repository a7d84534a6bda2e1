// Owns a framework that scans a file whose blocks lie on three agents each: places and waits are those of the SDK (`placeAll`,
// `delay`). What waits is the job, as in Zaharia et al., "Delay Scheduling", EuroSys 2010, algorithm 1: on an agent that holds
// blocks of its own it takes these first, and having found one it waits anew; or each task by itself, as in the SDK's Framework.
import type { AgentId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { answerFor } from '@parley/scheduler-sdk/framework-answers';
import { delay } from '@parley/scheduler-sdk/placement/delay';
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
  readonly #byHolder = new Map<AgentId, string[]>();
  /** By task; that of the job has no name. */
  readonly #waitingSinceMs = new Map<string, number>();
  #ended = 0;

  constructor(cluster: VirtualCluster, plan: ScanPlan) {
    const { name, blocks, task, delayMs } = plan;
    this.#plan = plan;
    this.#cluster = cluster;
    this.#strategies = [delay({ agentId: delayMs })];
    this.#waiting = new Map(blocks.map((block, index) => [`block-${index}`, block]));
    for (const [key, { holders }] of this.#waiting) {
      for (const holder of holders) {
        const held = this.#byHolder.get(holder) ?? [];
        held.push(key);
        this.#byHolder.set(holder, held);
      }
    }
    const demand = [{ count: blocks.length, resources: task }];
    this.#scheduler = cluster.join(name, this, { demand });
  }

  offered(offers: readonly Offer[]): void {
    const { nowMs } = this.#cluster;
    const wants = this.#wantsFor(offers);
    const strategies = this.#strategies;
    const { rooms, unplaced } = placeAll({
      offers,
      wants,
      strategies,
      nowMs,
      seed: this.#plan.name,
    });
    for (const { key, untilMs } of unplaced) {
      const waits = this.#waitOf(key);
      if (untilMs === undefined || this.#waitingSinceMs.has(waits)) continue;
      this.#waitingSinceMs.set(waits, nowMs);
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

  /** For the job those that are near come first, and of the others as many as there may be room for. */
  #wantsFor(offers: readonly Offer[]): Want[] {
    if (this.#plan.waits === 'task') return [...this.#waiting.keys()].map((key) => this.#want(key));
    const keys = new Set(offers.flatMap(({ agentId }) => this.#nearTo(agentId)));
    let others = offers.reduce((sum, { resources }) => sum + (resources.scalars['cpus'] ?? 0), 0);
    for (const key of this.#waiting.keys()) {
      if (others <= 0) break;
      if (keys.has(key)) continue;
      keys.add(key);
      others -= this.#plan.task.scalars['cpus'] ?? Number.POSITIVE_INFINITY;
    }
    return [...keys].map((key) => this.#want(key));
  }

  #nearTo(agentId: AgentId): string[] {
    const left = (this.#byHolder.get(agentId) ?? []).filter((key) => this.#waiting.has(key));
    this.#byHolder.set(agentId, left);
    return left;
  }

  #want(key: string): Want {
    const needs = [{ resources: this.#plan.task }];
    const near = { agentId: this.#waiting.get(key)?.holders ?? [] };
    return {
      key,
      needs,
      group: '',
      near,
      waitingSinceMs: this.#waitingSinceMs.get(this.#waitOf(key)),
    };
  }

  #waitOf(key: string): string {
    return this.#plan.waits === 'task' ? key : '';
  }

  #answer(room: RoomPlan): void {
    const { agentId, offers, placed } = room;
    const { nowMs } = this.#cluster;
    const tasks = placed.map(({ key }) => this.#launch(key, agentId));
    const isAnythingWanted = this.#waiting.size > 0;
    const { filter } = answerFor(room, { isAnythingWanted, isMoreExpected: false, nowMs });
    const body = { offerIds: offers.map(({ offerId }) => offerId), filter };
    if (tasks.length === 0) this.#scheduler.call('decline', body);
    else {
      const operations = [{ kind: 'launch', agentId, tasks }];
      this.#scheduler.call('accept', { ...body, operations });
    }
  }

  #launch(key: string, agentId: AgentId): object {
    const block = this.#waiting.get(key);
    assert(block !== undefined, 'what is placed was waiting');
    this.#waiting.delete(key);
    const isNear = block.holders.includes(agentId);
    if (isNear) {
      this.nearTasks += 1;
      if (this.#plan.waits !== 'jobOnce') this.#waitingSinceMs.delete(this.#waitOf(key));
    }
    const command = sleepFor(isNear ? block.nearMs : block.farMs);
    return { taskId: key, resources: this.#plan.task, command };
  }
}

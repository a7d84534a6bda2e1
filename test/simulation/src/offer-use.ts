// Owns what a simulated framework does with offers that it looks at: which wishes it launches on them, how, and what it
// reserves or gives back. It draws from its own randomness and writes attempts to its disk; it sends nothing.
import {
  ExecutorId,
  type FrameworkRef,
  ReservationId,
  TaskId,
  VolumeId,
} from '@parley/protocol/ids';
import type { Offer, OperationInput } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { TaskDescription } from '@parley/protocol/tasks';
import { contains, isEmpty, subtract } from '@parley/resources/resources';
import type { AcceptOrder } from '@parley/scheduler-sdk/accept-order';
import type { FrameworkDisk, Wish } from './framework-disk.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const GREEDY_CHANCE = 0.03;
const TOO_MUCH: Resources = { scalars: { cpus: 1_000_000 }, ports: [], sets: {} };
const GIVE_BACK_CHANCE = 0.5;
const VOLUME_MIB = 10;

type Extra = Partial<Pick<TaskDescription, 'reservationId' | 'volumes' | 'revocable'>>;

export class OfferUse {
  readonly #world: World;
  readonly #disk: FrameworkDisk;
  readonly #random: Random;

  constructor(world: World, disk: FrameworkDisk, random: Random) {
    this.#world = world;
    this.#disk = disk;
    this.#random = random;
  }

  get #ref(): FrameworkRef {
    return this.#disk.ref;
  }

  /** What to accept of these offers, which came together; those that are in no order are declined. */
  orders(offers: readonly Offer[]): AcceptOrder[] {
    const { togetherChance, atomicChance } = this.#disk.plan.habits;
    const used = offers.flatMap((offer) => {
      const operations = this.#operations(offer);
      return operations.length > 0 ? [{ offer, operations }] : [];
    });
    const parts: (typeof used)[] = [];
    for (const one of used) {
      const fellow = this.#random.chance(togetherChance)
        ? parts.find(([first]) => first?.offer.role === one.offer.role)
        : undefined;
      if (fellow) fellow.push(one);
      else parts.push([one]);
    }
    return parts.map((part) => ({
      offers: part.map(({ offer }) => offer),
      operations: part.flatMap(({ operations }) => operations),
      filter: { refuseMs: this.#random.pick([0, 1000, 5000]) },
      atomic: this.#random.chance(atomicChance),
    }));
  }

  #operations(offer: Offer): OperationInput[] {
    const { agentId } = offer;
    const onReserved = offer.reservations.flatMap((one) => this.#useReservation(offer, one));
    const before = [...onReserved, ...this.#useRevocable(offer)];
    const reserved = this.#reserve(offer);
    if (reserved.length > 0) return [...before, ...reserved];
    const launches = this.#firstFit(offer.resources);
    if (launches.length === 0) return before;
    const { groupChance } = this.#disk.plan.habits;
    if (launches.length < 2 || !this.#random.chance(groupChance))
      return [...before, { kind: 'launch', agentId, tasks: launches }];
    const executorId = ExecutorId.parse(this.#disk.name('group'));
    const group = { executorId, kind: 'default' } as const;
    return [...before, { kind: 'launchGroup', agentId, executor: group, tasks: launches }];
  }

  #useRevocable({ agentId, revocable }: Offer): OperationInput[] {
    if (revocable === undefined) return [];
    const tasks = this.#firstFit(revocable, { revocable: true });
    return tasks.length === 0 ? [] : [{ kind: 'launch', agentId, tasks }];
  }

  #firstFit(resources: Resources, extra?: Extra): TaskDescription[] {
    const launches: TaskDescription[] = [];
    let rest = resources;
    for (const { wish, index } of this.#disk.open()) {
      if (!contains(rest, wish.resources)) continue;
      rest = subtract(rest, wish.resources);
      launches.push(this.#describe(wish, index, extra));
    }
    return launches;
  }

  /** A task of its own on a new reservation, with a volume, all in one accept. */
  #reserve({ agentId, resources }: Offer): OperationInput[] {
    const chance = this.#world.isHealed ? 0 : this.#disk.plan.habits.reserveChance;
    const fitting = this.#disk.open().find(({ wish }) => contains(resources, wish.resources));
    if (fitting === undefined || !this.#random.chance(chance)) return [];
    const reservationId = ReservationId.parse(this.#disk.name('reservation'));
    const volumeId = VolumeId.parse(this.#disk.name('volume'));
    const { scalars, ...rest } = fitting.wish.resources;
    const withDisk = { ...rest, scalars: { ...scalars, disk: 2 * VOLUME_MIB * 1000 } };
    const task = this.#describe(fitting.wish, fitting.index, {
      reservationId,
      volumes: [{ volumeId, path: 'data' }],
    });
    return [
      { kind: 'reserve', agentId, reservationId, resources: withDisk },
      { kind: 'createVolume', agentId, reservationId, volumeId, mib: VOLUME_MIB },
      { kind: 'launch', agentId, tasks: [task] },
    ];
  }

  /** Another task with the data that is there, or the end of both. */
  #useReservation(
    { agentId, role }: Offer,
    { reservationId, role: owner, resources, volumes }: Offer['reservations'][number],
  ): OperationInput[] {
    if (owner !== role) return [];
    const fitting = this.#disk.open().find(({ wish }) => contains(resources, wish.resources));
    if (this.#world.isHealed || this.#random.chance(GIVE_BACK_CHANCE)) {
      const ends = volumes.map(({ volumeId }) => {
        return { kind: 'destroyVolume', agentId, volumeId } as const;
      });
      return [...ends, { kind: 'unreserve', agentId, reservationId }];
    }
    if (fitting === undefined || isEmpty(resources)) return [];
    const mounts = volumes.map(({ volumeId }) => ({ volumeId, path: volumeId }));
    const task = this.#describe(fitting.wish, fitting.index, { reservationId, volumes: mounts });
    return [{ kind: 'launch', agentId, tasks: [task] }];
  }

  #describe(wish: Wish, index: number, extra?: Extra): TaskDescription {
    wish.attempt += 1;
    const taskId = TaskId.parse(`t${index}-${wish.attempt}`);
    this.#disk.begin(taskId, index, this.#world.clock.nowMs);
    const { kind, durationMs } = wish;
    const { checkChance, limitChance } = this.#disk.plan.habits;
    // Every third attempt goes well in any case.
    const isEasy = wish.attempt % 3 === 0;
    const isChecked = this.#random.chance(checkChance);
    const isSick = isChecked && !isEasy && this.#random.chance(0.5);
    const isLimited = !isEasy && this.#random.chance(limitChance);
    const argv = [isEasy && kind !== 'lasts' ? 'works' : kind, String(durationMs)];
    // Now and then it asks for more than there is: the leader has to say so.
    const isGreedy = this.#random.chance(GREEDY_CHANCE);
    return TaskDescription.parse({
      taskId,
      resources: isGreedy ? TOO_MUCH : wish.resources,
      command: { argv: isSick ? [...argv, 'sick'] : argv },
      inputs: [{ object: 'o', path: 'p' }],
      ...extra,
      killGraceMs: this.#random.pick([0, 500, 3000]),
      ...(isChecked && { healthCheck: HEALTH_CHECK }),
      ...(isLimited && { maxCompletionMs: this.#random.pick([1000, 5000, 30_000]) }),
    });
  }

  /** For traces. */
  describe(): string {
    return `${this.#ref.principal}/${this.#ref.frameworkId}`;
  }
}

const HEALTH_CHECK = {
  probe: { kind: 'tcp', port: 80 },
  delayMs: 100,
  intervalMs: 500,
  timeoutMs: 500,
  failures: 2,
  gracePeriodMs: 0,
} as const;

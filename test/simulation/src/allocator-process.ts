// Owns a simulated allocator: production's service and candidacy in a process of virtual time, which forgets everything
// when it crashes; beside them the whims of an allocator that is wrong.
import type { Candidacy } from '@parley/actor/candidacy';
import { standForLead } from '@parley/allocator/allocator-candidacy';
import { AllocatorService } from '@parley/allocator/allocator-service';
import { ActorId } from '@parley/protocol/ids';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import type {
  CandidatesAnswer,
  CandidatesQuestion,
  Revocation,
  Sharer,
} from '@parley/protocol/revocations';
import { type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { normalise } from '@parley/resources/resources';
import { busOf, leaseOf, logOf } from './process-place.ts';
import { clockOf, timersOf } from './process-time.ts';
import type { Random } from './random.ts';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** What a wrong allocator would do: it wants tasks back for whomever, as often as that, until then. */
export type Whims = {
  readonly sharers: readonly Sharer[];
  readonly perMinute: number;
  readonly untilMs: number;
};

/** Numbers of questions that allocation never asks. */
const WHIM = 1_000_000_000;

export class AllocatorProcess extends SimulatedProcess {
  readonly #whims: Whims | undefined;
  readonly #dice: Random;
  #service: AllocatorService | undefined;
  #candidacy: Candidacy | undefined;
  #whimFor: Sharer | undefined;
  #last: Revocation | undefined;
  /** Unlike any that allocation asks, and than those of other allocators. */
  readonly #question: number;

  /** Without whims it asks for nothing back but what allocation asks for. */
  constructor(world: World, name: string, whims?: Whims) {
    super(world, name);
    this.#whims = whims;
    this.#question = WHIM + Number(name.replace(/\D/g, ''));
    this.#dice = world.random.derive(`whims of ${name}`);
  }

  /** Whether it leads and knows all that the leader has said. */
  get isInStep(): boolean {
    return this.alive && this.#service?.isInStep === true;
  }

  protected started(): void {
    const { cluster } = this.world;
    const place = this.place('allocator');
    const time = { clock: clockOf(place), timers: timersOf(place) };
    const bus = busOf(place);
    const logger = logOf(place);
    const candidacy = standForLead(
      {
        bus,
        cluster,
        store: leaseOf(place, 'allocator'),
        id: ActorId.parse(this.name),
        makeNonce: () => this.makeNonce(),
        ...time,
      },
      logger,
      () => service,
    );
    const service = new AllocatorService({
      bus,
      cluster,
      logger,
      seed: this.random.between(1, 2 ** 31),
      mayAct: () => candidacy.mayAct(),
      ...time,
    });
    this.#service = service;
    this.#candidacy = candidacy;
    service.start();
    candidacy.start();
    candidacy.stand(true);
    this.subscribe(wildcardOf(SUBJECTS.candidates, cluster), (message) =>
      this.#candidates(message),
    );
    this.#planWhim();
  }

  protected crashed(): void {
    this.#service = undefined;
    this.#candidacy = undefined;
  }

  protected tick(): void {}

  #candidates({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.candidates, this.world.cluster, subject, bytes);
    if (message.ok && message.value.body.question === this.#question)
      this.#takeBack(message.value.body);
  }

  #planWhim(): void {
    if (this.#whims === undefined || this.#whims.perMinute === 0) return;
    const { sharers, perMinute, untilMs } = this.#whims;
    this.after(this.#dice.between(0, 120_000 / perMinute), () => {
      if (this.world.clock.nowMs > untilMs) return;
      const beneficiary = this.#dice.pick(sharers);
      this.#whimFor = beneficiary;
      this.#say(SUBJECTS.candidatesWanted, this.#whim(sharers, beneficiary));
      this.#planWhim();
    });
  }

  #whim(sharers: readonly Sharer[], beneficiary: Sharer): CandidatesQuestion {
    const resources = normalise({ scalars: { cpus: this.#dice.between(1, 2000) } });
    return {
      question: this.#question,
      holders: sharers.map((sharer) => ({ ...sharer, spare: {} })),
      beneficiary,
      needs: [{ resources, constraints: [] }],
      mayUseFree: false,
      limit: 10,
    };
  }

  /** One of them, and now and then one that was asked for before; that one it may not need after all. */
  #takeBack({ tasks }: CandidatesAnswer): void {
    const beneficiary = this.#whimFor;
    if (beneficiary === undefined || tasks.length === 0) return;
    const again = this.#dice.chance(0.2) ? this.#last : undefined;
    const { task, agentId } = again ?? this.#dice.pick(tasks);
    const revocation: Revocation = { task, agentId, beneficiary, reason: 'starved' };
    const calledOff = this.#last !== undefined && this.#dice.chance(0.2) ? [this.#last.task] : [];
    this.#last = revocation;
    this.#say(SUBJECTS.revocations, { revocations: [revocation], calledOff });
  }

  /** In the term that it leads, if any. */
  #say(entry: SubjectEntry, body: object): void {
    const epoch = this.#candidacy?.epoch;
    if (epoch === undefined) return;
    const { subject, bytes } = encodeMessage(entry, this.world.cluster, {}, body, { epoch });
    this.publish(subject, bytes);
  }
}

// Owns a simulated master: production's mastership (candidacy, standby, term) in a process of virtual time, and a watch on
// what it steps and says. Everything it says must be its own to say: only who has begun a term speaks in it.
import type { StepContext } from '@parley/actor/core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { ClusterSettings } from '@parley/cluster/inputs';
import { Mastership } from '@parley/master/mastership';
import { DEFAULT_RATE_LIMITS } from '@parley/master/rate-limits';
import { succeed } from '@parley/protocol/errors';
import { ActorId, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { LeadershipPhase } from '@parley/protocol/leadership';
import { decodeMessage } from '@parley/protocol/message';
import type { PrincipalRecord } from '@parley/protocol/operators';
import { SUBJECTS } from '@parley/protocol/subjects';
import {
  busOf,
  endOfUpdates,
  journalOf,
  leaseOf,
  logOf,
  settingsOf,
  snapshotsOf,
  updateReaderOf,
  updateWriterOf,
} from './process-place.ts';
import { clockOf, timersOf } from './process-time.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { watchedCore } from './watched-core.ts';
import type { World } from './world.ts';

const PRINCIPALS_MS = 5;
/** After the first entry of a term, what an earlier leader left under way is sent within that. */
const INHERITED_MS = 1000;
/** Small, so that a run has several. */
const SNAPSHOT_LIMITS = { everyEntries: 128, everyMs: 20_000 };

const NOTHING_KEPT = {
  readAll: () => Promise.resolve(succeed({ items: [], newest: undefined })),
  write: () => Promise.resolve(succeed(undefined)),
  look: () => Promise.resolve(succeed({ createdMs: 1, parts: 0, lastSequence: 0 })),
};

export type MasterProcessOptions = {
  readonly principals: ReadonlyMap<string, PrincipalRecord>;
  readonly settings: ClusterSettings;
};

export class MasterProcess extends SimulatedProcess {
  readonly #options: MasterProcessOptions;
  #stopping = new AbortController();
  #startsAgain = false;
  #state: ClusterState | undefined;
  #phase: LeadershipPhase = 'following';
  #sequence = 0;
  /** Orders and updates that an earlier leader left, to be sent soon. */
  #inherited = new Set<string>();
  #servedTerm = 0;

  constructor(world: World, name: string, options: MasterProcessOptions) {
    super(world, name);
    this.#options = options;
  }

  /** Ends cleanly: it hands over, then the process is gone. */
  stop(): void {
    if (!this.alive) return;
    this.world.note(`${this.name} is told to stop`);
    this.#stopping.abort();
  }

  /** One that was told to stop starts again as soon as it has stopped. */
  override start(): void {
    if (this.alive && this.#stopping.signal.aborted) this.#startsAgain = true;
    else super.start();
  }

  /** Whether it does, not whether it believes so: nobody has begun a later term. */
  get isLeading(): boolean {
    const { witness } = this.world;
    const isInForce = witness.speakerOf(witness.epoch) === this.name;
    return isInForce && this.alive && (this.#phase === 'leading' || this.#phase === 'leaving');
  }

  /** Of the entry that it has stepped last; 0 before the first. */
  get sequence(): number {
    return this.alive ? this.#sequence : 0;
  }

  /** As it has stepped it last. */
  get state(): ClusterState | undefined {
    return this.alive ? this.#state : undefined;
  }

  protected started(): void {
    this.#stopping = new AbortController();
    this.#state = undefined;
    this.#sequence = 0;
    this.#phase = 'following';
    this.#inherited = new Set();
    const { cluster, witness } = this.world;
    const masterId = ActorId.parse(this.name);
    const place = this.place('master', (subject, bytes) =>
      this.world.guard(() => this.#says(subject, bytes)),
    );
    const time = { clock: clockOf(place), timers: timersOf(place) };
    const { principals, settings } = this.#options;
    const mastership = new Mastership(
      {
        cluster,
        masterId,
        settings,
        rateLimits: DEFAULT_RATE_LIMITS,
        rules: () => undefined,
        // Time is virtual: nobody waits for what is not compiled yet.
        rehearsedRounds: 1,
        core: watchedCore({
          witness,
          fail: (what) => this.world.fail(new Error(`${this.name}: ${what}`)),
          stepped: (context, state) => this.#stepped(context, state),
        }),
        bus: busOf(place),
        lease: leaseOf(place, 'master'),
        journal: journalOf(place),
        snapshots: snapshotsOf(place, this.name),
        updateWriter: updateWriterOf(place, (subject, bytes) => this.#streamOf(subject, bytes)),
        readUpdates: (reading) => updateReaderOf(place, reading),
        readPrincipals: async () => {
          await time.timers.wait(PRINCIPALS_MS);
          return succeed({ records: principals, version: '1' });
        },
        // Where the books are never lost nobody reads what is kept beside them.
        openSettings: () => (this.world.losesBooks ? settingsOf(place) : NOTHING_KEPT),
        endOfUpdates: (principal) => endOfUpdates(place, principal),
        onJournalTrouble: () => undefined,
        ...time,
        makeNonce: () => this.makeNonce(),
        limits: SNAPSHOT_LIMITS,
        logger: logOf(place),
      },
      this.#stopping.signal,
    );
    const ended = this.whileAlive((why: string | undefined) => {
      if (why !== undefined) this.world.fail(new Error(`${this.name} cannot go on: ${why}`));
      this.crash();
    });
    mastership.run().then(ended, (error: unknown) => this.world.fail(error));
  }

  protected crashed(): void {
    this.#state = undefined;
    if (!this.#startsAgain) return;
    this.#startsAgain = false;
    this.world.clock.after(0, () => this.start());
  }

  protected tick(): void {}

  #stepped({ epoch, sequence }: StepContext, state: ClusterState): void {
    this.#state = state;
    this.#sequence = sequence;
    const { witness } = this.world;
    if (epoch.revision <= this.#servedTerm || witness.speakerOf(epoch) !== this.name) return;
    if (sequence !== witness.beginningOf(epoch)) return;
    this.#servedTerm = epoch.revision;
    this.#inherited = new Set(openOf(state));
    this.after(INHERITED_MS, () => this.#checkInherited(state));
  }

  /** What has come to its end meanwhile need not be sent. */
  #checkInherited(state: ClusterState): void {
    if (!this.isLeading || this.world.bus.isCut(this.name)) return;
    const open = new Set(openOf(state));
    const [left] = [...this.#inherited].filter((key) => open.has(key));
    if (left !== undefined)
      this.world.fail(new Error(`${this.name} takes over and does not send ${left}`));
  }

  #says(subject: string, bytes: Uint8Array): void {
    const { cluster, witness } = this.world;
    const beat = decodeMessage(SUBJECTS.masterBeat, cluster, subject, bytes);
    if (beat.ok) {
      this.#phase = beat.value.body.phase;
      return;
    }
    witness.speaks(this.name, subject, bytes);
    witness.said(subject, bytes);
    const order = witness.ordered(subject, bytes);
    if (order !== undefined) this.#inherited.delete(orderKey(order.agentId, order.body));
  }

  #streamOf(subject: string, bytes: Uint8Array): ReturnType<World['updates']> {
    const { cluster, witness } = this.world;
    const message = decodeMessage(SUBJECTS.update, cluster, subject, bytes);
    if (!message.ok) throw new Error(message.failure.message);
    this.world.guard(() => witness.written(message.value.body));
    this.#inherited.delete(updateKey(message.value.body));
    return this.world.updates(message.value.parameters.principal);
  }
}

/** What waits to be sent, or to be written. */
const openOf = (state: ClusterState): string[] => [
  ...[...state.orders.rows()].map(({ order }) => orderKey(order.agentId, order.body)),
  ...[...state.unwritten.rows()].map(({ update }) => updateKey(update)),
];

const orderKey = (agentId: string, body: object): string =>
  `order to ${agentId} ${canonical(body)}`;
const updateKey = ({ task, sequence }: { readonly task: TaskRef; readonly sequence: number }) =>
  `update ${taskKey(task)} ${sequence}`;

/** The same for the same content, in whatever order its keys are. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

// Owns which masters and gateways there are, as each of them says by its signs of life on the bus. Nobody is asked: one that
// falls silent is shown as silent, and then forgotten. Of those that say that they lead only the last to begin does.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import type { AgentId, PrincipalName } from '@parley/protocol/ids';
import type { GatewayBeat, LeadershipBeat, LeadershipPhase } from '@parley/protocol/leadership';
import type { ActorLog } from '@parley/telemetry/logger';

/** A gateway gives a sign of life so often; masters do each second at least. */
const GATEWAY_BEAT_MS = 5000;
/** Who was not heard for so long is forgotten. */
const KNOWN_MS = 60_000;
/** Of each kind; beyond, of the operator that has the most the one that was not heard for longest is forgotten. */
const MAX_KNOWN = 100;

export type MemberTimes = {
  /** Since it was heard last. */
  readonly silentMs: number;
  /** When it was started or began to give signs of life, milliseconds since 1970; null where its release does not tell. */
  readonly startedWallMs: number | null;
  readonly version: string;
};
export type KnownMaster = MemberTimes & {
  readonly id: string;
  /** `silent`: it led when it was heard last, and another one has begun to since. */
  readonly phase: Exclude<LeadershipPhase, 'left'> | 'silent';
  /** Entries that it knows of and has not stepped yet; null where it does not tell. */
  readonly lagEntries: number | null;
};
export type KnownGateway = MemberTimes & {
  readonly instance: string;
  readonly operator: PrincipalName;
  readonly url: string;
  readonly agentId: AgentId | null;
  /** The one that was asked. */
  readonly isThis: boolean;
};

type Link = Pick<
  OperatorLink,
  'operator' | 'onMasterBeat' | 'onGatewayBeat' | 'onBeatRefused' | 'beatAsGateway'
>;
type Heard<Told> = Told & { readonly atMs: number };
type HeardMaster = Heard<{ readonly beat: LeadershipBeat; readonly epoch: Epoch }>;
type HeardGateway = Heard<{ readonly operator: PrincipalName; readonly beat: GatewayBeat }>;
type Times = { readonly nowMs: number; readonly wallTimeMs: number };

export type MemberBoardOptions = {
  /** Never goes back, in milliseconds. */
  readonly nowMs: () => number;
  readonly wallTimeMs: () => number;
  /** Of this gateway. */
  readonly own: Pick<GatewayBeat, 'instance' | 'version' | 'agentId'>;
  readonly logger: Pick<ActorLog, 'warn'>;
};

export class MemberBoard {
  readonly #link: Link;
  readonly #options: MemberBoardOptions;
  readonly #beganMs: number;
  /** Those heard last at the end. */
  readonly #masters = new Map<string, HeardMaster>();
  readonly #gateways = new Map<string, HeardGateway>();
  /** The highest that was heard of. */
  #epoch = NO_EPOCH;
  #url: string | undefined;
  #isRefusalTold = false;
  #timer: NodeJS.Timeout | undefined;

  /** Listens from now on. */
  constructor(link: Link, options: MemberBoardOptions) {
    this.#link = link;
    this.#options = options;
    this.#beganMs = options.nowMs();
    link.onMasterBeat((beat, epoch) => this.#heardMaster(beat, epoch));
    link.onGatewayBeat((operator, beat) => this.#heardGateway(operator, beat));
    link.onBeatRefused((why) => this.#refused(why));
  }

  /** This gateway answers at `url`: says so now and again. */
  announce(url: string): void {
    this.#url = url;
    this.#beat(false);
    this.#timer = setInterval(() => this.#beat(false), GATEWAY_BEAT_MS);
  }

  /** Says that this gateway leaves. */
  leave(): void {
    clearInterval(this.#timer);
    if (this.#url !== undefined) this.#beat(true);
    this.#url = undefined;
  }

  /** Who leads first, the others by name. */
  masters(): KnownMaster[] {
    const times = this.#times();
    return this.#fresh(this.#masters)
      .map((heard) => masterOf(heard, times, this.#epoch))
      .sort((one, other) => rank(one) - rank(other) || compareText(one.id, other.id));
  }

  /** By address. */
  gateways(): KnownGateway[] {
    const times = this.#times();
    const { operator } = this.#link;
    const { instance } = this.#options.own;
    return this.#fresh(this.#gateways)
      .map((heard) => gatewayOf(heard, times, { operator, instance }))
      .sort((one, other) => compareText(one.url, other.url));
  }

  #heardMaster(beat: LeadershipBeat, epoch: Epoch = NO_EPOCH): void {
    if (compareEpochs(epoch, this.#epoch) > 0) this.#epoch = epoch;
    this.#masters.delete(beat.id);
    if (beat.phase === 'left') return;
    this.#masters.set(beat.id, { beat, epoch, atMs: this.#options.nowMs() });
    const [longestSilent] = this.#masters.keys();
    if (this.#masters.size > MAX_KNOWN && longestSilent !== undefined)
      this.#masters.delete(longestSilent);
  }

  #heardGateway(operator: PrincipalName, beat: GatewayBeat): void {
    // An instance is its operator's: nobody can speak for the gateway of another.
    const key = `${operator} ${beat.instance}`;
    this.#gateways.delete(key);
    if (beat.isLeaving === true) return;
    this.#gateways.set(key, { operator, beat, atMs: this.#options.nowMs() });
    const spare = this.#gateways.size > MAX_KNOWN ? spareOf(this.#gateways) : undefined;
    if (spare !== undefined) this.#gateways.delete(spare);
  }

  #refused(why: string): void {
    if (this.#isRefusalTold) return;
    this.#isRefusalTold = true;
    this.#options.logger.warn(
      { why },
      'this gateway is in no list of gateways: its operator may not say that it is there; give it the permissions of this release',
    );
  }

  #fresh<Known extends Heard<object>>(known: ReadonlyMap<string, Known>): Known[] {
    const nowMs = this.#options.nowMs();
    return [...known.values()].filter(({ atMs }) => nowMs - atMs <= KNOWN_MS);
  }

  #times(): Times {
    const { nowMs, wallTimeMs } = this.#options;
    return { nowMs: nowMs(), wallTimeMs: wallTimeMs() };
  }

  #beat(isLeaving: boolean): void {
    const { own, nowMs } = this.#options;
    this.#link.beatAsGateway({
      ...own,
      url: this.#url ?? '',
      upMs: Math.floor(nowMs() - this.#beganMs),
      ...(isLeaving && { isLeaving }),
    });
  }
}

/** Of the operator that has the most, so that none can have those of all others forgotten. Those heard last at the end. */
function spareOf(gateways: ReadonlyMap<string, HeardGateway>): string | undefined {
  const keysOf = Map.groupBy(gateways.keys(), (key) => gateways.get(key)?.operator);
  let most: readonly string[] = [];
  for (const keys of keysOf.values()) if (keys.length > most.length) most = keys;
  return most[0];
}

function masterOf({ beat, epoch, atMs }: HeardMaster, times: Times, highest: Epoch): KnownMaster {
  const { id, phase, books } = beat;
  const isOver = phase !== 'following' && compareEpochs(epoch, highest) < 0;
  const shown = isOver ? 'silent' : phase === 'left' ? 'leaving' : phase;
  return {
    ...{ id, phase: shown, lagEntries: books?.lagEntries ?? null },
    ...timesOf(beat, atMs, times),
  };
}

function gatewayOf(
  { operator, beat, atMs }: HeardGateway,
  times: Times,
  own: Pick<KnownGateway, 'operator' | 'instance'>,
): KnownGateway {
  const { instance, url, agentId } = beat;
  const isThis = operator === own.operator && instance === own.instance;
  return {
    ...{ instance, operator, url, agentId: agentId ?? null, isThis },
    ...timesOf(beat, atMs, times),
  };
}

function timesOf(
  { version, upMs }: Pick<LeadershipBeat, 'version' | 'upMs'>,
  atMs: number,
  { nowMs, wallTimeMs }: Times,
): MemberTimes {
  const silentMs = Math.max(0, Math.floor(nowMs - atMs));
  const startedWallMs = upMs === undefined ? null : Math.floor(wallTimeMs - silentMs - upMs);
  return { silentMs, startedWallMs, version };
}

const STANDS_BY: ReadonlySet<KnownMaster['phase']> = new Set(['following', 'silent']);
const rank = ({ phase }: KnownMaster): number => (STANDS_BY.has(phase) ? 1 : 0);
const compareText = (one: string, other: string): number =>
  one < other ? -1 : one > other ? 1 : 0;

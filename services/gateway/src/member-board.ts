// Owns which masters and gateways there are, as each of them says by its signs of life on the bus. Nobody is asked: one that
// falls silent is shown as silent, and then forgotten.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import type { AgentId, PrincipalName } from '@parley/protocol/ids';
import type { GatewayBeat, LeadershipBeat, LeadershipPhase } from '@parley/protocol/leadership';

/** A gateway gives a sign of life so often; masters do each second at least. */
const GATEWAY_BEAT_MS = 5000;
/** Who was not heard for so long is forgotten. */
const KNOWN_MS = 60_000;
/** Of each kind; beyond, the one that was not heard for longest is forgotten. */
const MAX_KNOWN = 100;

export type MemberTimes = {
  /** Since it was heard last. */
  readonly silentMs: number;
  /** When it was started, milliseconds since 1970; null where its release does not tell. */
  readonly startedWallMs: number | null;
  readonly version: string;
};
export type KnownMaster = MemberTimes & {
  readonly id: string;
  readonly phase: Exclude<LeadershipPhase, 'left'>;
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

type Link = Pick<OperatorLink, 'onMasterBeat' | 'onGatewayBeat' | 'beatAsGateway'>;
type Heard<Told> = Told & { readonly atMs: number };
type HeardMaster = Heard<{ readonly beat: LeadershipBeat }>;
type HeardGateway = Heard<{ readonly operator: PrincipalName; readonly beat: GatewayBeat }>;
type Times = { readonly nowMs: number; readonly wallTimeMs: number };

export type MemberBoardOptions = {
  /** Never goes back, in milliseconds. */
  readonly nowMs: () => number;
  readonly wallTimeMs: () => number;
  /** Of this gateway. */
  readonly own: Pick<GatewayBeat, 'instance' | 'version' | 'agentId'>;
};

export class MemberBoard {
  readonly #link: Link;
  readonly #options: MemberBoardOptions;
  readonly #beganMs: number;
  /** Those heard last at the end. */
  readonly #masters = new Map<string, HeardMaster>();
  readonly #gateways = new Map<string, HeardGateway>();
  #url: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Listens from now on. */
  constructor(link: Link, options: MemberBoardOptions) {
    this.#link = link;
    this.#options = options;
    this.#beganMs = options.nowMs();
    link.onMasterBeat((beat) => this.#heardMaster(beat));
    link.onGatewayBeat((operator, beat) => this.#heardGateway(operator, beat));
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
      .map((heard) => masterOf(heard, times))
      .sort((one, other) => rank(one) - rank(other) || compareText(one.id, other.id));
  }

  /** By address. */
  gateways(): KnownGateway[] {
    const times = this.#times();
    const { instance } = this.#options.own;
    return this.#fresh(this.#gateways)
      .map((heard) => gatewayOf(heard, times, instance))
      .sort((one, other) => compareText(one.url, other.url));
  }

  #heardMaster(beat: LeadershipBeat): void {
    if (beat.phase === 'left') this.#masters.delete(beat.id);
    else keep(this.#masters, beat.id, { beat, atMs: this.#options.nowMs() });
  }

  #heardGateway(operator: PrincipalName, beat: GatewayBeat): void {
    // An instance is its operator's: nobody can speak for the gateway of another.
    const key = `${operator} ${beat.instance}`;
    if (beat.isLeaving === true) this.#gateways.delete(key);
    else keep(this.#gateways, key, { operator, beat, atMs: this.#options.nowMs() });
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

function keep<Known>(known: Map<string, Known>, key: string, value: Known): void {
  known.delete(key);
  known.set(key, value);
  const [longestSilent] = known.keys();
  if (known.size > MAX_KNOWN && longestSilent !== undefined) known.delete(longestSilent);
}

function masterOf({ beat, atMs }: HeardMaster, times: Times): KnownMaster {
  const { id, phase, books } = beat;
  return {
    ...{ id, phase: phase === 'left' ? 'leaving' : phase, lagEntries: books?.lagEntries ?? null },
    ...timesOf(beat, atMs, times),
  };
}

function gatewayOf(
  { operator, beat, atMs }: HeardGateway,
  times: Times,
  ownInstance: string,
): KnownGateway {
  const { instance, url, agentId } = beat;
  return {
    ...{ instance, operator, url, agentId: agentId ?? null, isThis: instance === ownInstance },
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

const rank = ({ phase }: KnownMaster): number => (phase === 'following' ? 1 : 0);
const compareText = (one: string, other: string): number =>
  one < other ? -1 : one > other ? 1 : 0;

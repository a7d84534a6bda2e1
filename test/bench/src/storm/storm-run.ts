// Owns what is done to a full cluster of emulated agents, and what is seen until it goes on: by its frameworks, by its masters
// and by its server.
import { setTimeout as wait } from 'node:timers/promises';
import type { EmulatedCluster } from '../emulated/emulated-cluster.ts';
import type { Takers } from '../scale/takers.ts';

/** The agents come last: emulated tasks end with their agents. */
export const STORMS = ['leader', 'nats', 'agents'] as const;
export type Storm = (typeof STORMS)[number];

export type StormPlace = {
  readonly agents: number;
  readonly cluster: EmulatedCluster;
  readonly takers: Takers;
  readonly say: (line: string) => void;
};

/** Seconds since the blow; undefined: it did not come to that. */
export type Recovery = {
  /** Until the first accept that began after the blow was answered with yes. */
  readonly acceptSeconds: number | undefined;
  /** Until a new leader has heard every agent, and every framework; or, of agents restarted, until all are registered. */
  readonly agentsSeconds: number | undefined;
  readonly frameworksSeconds: number | undefined;
  /** Until every agent was offered, where all have lost their tasks. */
  readonly offeredSeconds: number | undefined;
  readonly busySeconds: number | undefined;
  /** That the server took from clients. */
  readonly messages: number;
  readonly journalEntries: number;
  /** Tasks that frameworks were told to have ended with their agents. */
  readonly ended: number;
  /** Tasks that ended otherwise than well though their agents ran on. */
  readonly lost: number;
};

const LOOK_MS = 250;
const BUSY_SHARE = 0.99;
/** From the blow; by then it is not going to be. */
const LIMIT_MS = 300_000;
/** A leader that has kept its term is asked for nothing more. */
const KEPT_TERM_MS = 10_000;
const AGENTS_HEARD = 'every agent was heard in this term';
const FRAMEWORKS_HEARD = 'every framework was heard in this term';

export async function strike(storm: Storm, place: StormPlace): Promise<Recovery> {
  const { cluster, takers, say } = place;
  const { open } = await takers.figures();
  const totals = takers.totals;
  const before = await cluster.server.counts();
  say(`${storm}: ${open} tasks run`);
  const struckMs = Date.now();
  const { back } = await blow(storm, place);
  back.catch(() => undefined);
  const seen = await watch(storm, { ...place, struckMs });
  const registeredMs = await back;
  const after = await cluster.server.counts();
  const ended = takers.totals.failed - takers.totals.refused - (totals.failed - totals.refused);
  // What a server that was started again has counted begins anew.
  const messages = after.messagesIn - (storm === 'nats' ? 0 : before.messagesIn);
  const told = Object.entries(seen).map(([name, seconds]) => `${name} ${String(seconds)}`);
  say(
    `${storm}: ${told.join(', ')}; ${messages} messages; ${ended} tasks ended otherwise than well`,
  );
  const isAgents = storm === 'agents';
  return {
    ...seen,
    ...(isAgents && { agentsSeconds: (registeredMs - struckMs) / 1000 }),
    ...{ messages, journalEntries: after.journalEntries - before.journalEntries },
    ended: isAgents ? Math.min(ended, open) : 0,
    lost: isAgents ? Math.max(0, ended - open) : ended,
  };
}

/** Resolves when it has begun to come back, and whatever is counted from then on is of afterwards. */
async function blow(storm: Storm, place: StormPlace): Promise<{ readonly back: Promise<number> }> {
  const { agents, cluster, takers } = place;
  switch (storm) {
    case 'leader': {
      const { leader } = cluster.masters;
      await leader.end('SIGKILL');
      await takers.mark();
      leader.start();
      break;
    }
    case 'nats':
      await cluster.server.restart();
      await takers.mark();
      break;
    default: {
      await Promise.all(cluster.emulators.map((one) => one.end('SIGKILL')));
      await takers.mark();
      const begun = cluster.startAgents(agents);
      return { back: begun.then(({ registeredMs }) => registeredMs) };
    }
  }
  return { back: Promise.resolve(Date.now()) };
}

type Seen = Pick<
  Recovery,
  'acceptSeconds' | 'agentsSeconds' | 'frameworksSeconds' | 'offeredSeconds' | 'busySeconds'
>;
type Watched = StormPlace & { readonly struckMs: number };

async function watch(storm: Storm, place: Watched): Promise<Seen> {
  const { agents, takers, struckMs, say } = place;
  const since = (ms: number | null | undefined): number | undefined =>
    ms === null || ms === undefined || ms < struckMs ? undefined : (ms - struckMs) / 1000;
  let seen: Seen = NOTHING;
  while (Date.now() < struckMs + LIMIT_MS) {
    const { firstAcceptMs, offeredAgents, open } = await takers.figures();
    const now = since(Date.now());
    const isOffered = storm === 'agents' && offeredAgents >= agents;
    // Tasks of an agent that was restarted are open until it has registered, and it is offered only then.
    const isNew = storm !== 'agents' || isOffered;
    const isBusy = isNew && since(firstAcceptMs) !== undefined && open >= agents * BUSY_SHARE;
    seen = {
      acceptSeconds: since(firstAcceptMs),
      agentsSeconds: since(lastOf(place, AGENTS_HEARD)),
      frameworksSeconds: since(lastOf(place, FRAMEWORKS_HEARD)),
      offeredSeconds: seen.offeredSeconds ?? (isOffered ? now : undefined),
      busySeconds: seen.busySeconds ?? (isBusy ? now : undefined),
    };
    if (isOver(storm, seen, place)) return seen;
    await wait(LOOK_MS);
  }
  say(`${storm}: not all is as before after ${LIMIT_MS / 1000} s`);
  return seen;
}

const NOTHING: Seen = {
  ...{ acceptSeconds: undefined, agentsSeconds: undefined, frameworksSeconds: undefined },
  ...{ offeredSeconds: undefined, busySeconds: undefined },
};

function isOver(storm: Storm, seen: Seen, place: Watched): boolean {
  if (seen.acceptSeconds === undefined || seen.busySeconds === undefined) return false;
  if (storm === 'agents') return seen.offeredSeconds !== undefined;
  const began = lastOf(place, 'term begins');
  const isKept = began < place.struckMs && Date.now() > place.struckMs + KEPT_TERM_MS;
  return isKept || (seen.agentsSeconds !== undefined && seen.frameworksSeconds !== undefined);
}

/** When one of the masters has said it last; 0: never. */
function lastOf({ cluster }: StormPlace, msg: string): number {
  const { leader, other } = cluster.masters;
  return Math.max(leader.last(msg)?.timeMs ?? 0, other.last(msg)?.timeMs ?? 0);
}

/** Tasks of which nobody was told the end, though no more are launched and all must have ended. */
export async function drained(
  takers: Takers,
  taskSeconds: number,
  say: (line: string) => void,
): Promise<number> {
  say('no more tasks are launched');
  const endMs = Date.now() + (3 * taskSeconds + 60) * 1000;
  let { open } = await takers.drain();
  while (open > 0 && Date.now() < endMs) {
    await wait(LOOK_MS);
    ({ open } = await takers.figures());
  }
  return open;
}

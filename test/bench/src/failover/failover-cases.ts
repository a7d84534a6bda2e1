// Owns what is done to the leader of a measured cluster, and how long it takes until the cluster goes on: the first new
// offer that a framework has accepted, and every agent and framework heard by the new leader.
import { setTimeout as wait } from 'node:timers/promises';
import type { LogLine } from '../emulated/bench-process.ts';
import type { FailoverCluster } from './failover-cluster.ts';

/** Milliseconds since what was done to the leader. */
export type Failover = {
  readonly acceptedMs: number;
  readonly leadsMs: number;
  readonly agentsMeanMs: number;
  readonly agentsAllMs: number;
  readonly frameworksAllMs: number;
};

export type Blow = 'kill9' | 'hung' | 'handover';
/** By then a new leader of the journal is there: JetStream takes 4 to 9 s. */
const ELECTED_MS = 15_000;
const SIGNALS = { kill9: 'SIGKILL', hung: 'SIGSTOP', handover: 'SIGTERM' } as const;

/** Strikes the leader once; afterwards the other one leads, and the struck one stands by. */
async function failOver(cluster: FailoverCluster, blow: Blow): Promise<Failover> {
  const { leader, other } = cluster.masters;
  const accepted = cluster.newTerm();
  const leads = other.says('term begins');
  const agents = other.says('every agent was heard in this term');
  const frameworks = other.says('every framework was heard in this term');
  const standing = leader.says('stands by');
  const all = Promise.all([accepted, leads, agents, frameworks]);
  // A failure of one is told where all are waited for.
  for (const one of [all, standing]) one.catch(() => undefined);
  const struckMs = Date.now();
  leader.signal(SIGNALS[blow]);
  const ended = blow === 'hung' ? undefined : leader.end(SIGNALS[blow]);
  const [{ atMs }, term, agentsHeard, frameworksHeard] = await all;
  await ended;
  if (blow === 'hung') leader.signal('SIGCONT');
  else leader.start();
  await standing;
  const leadsMs = term.timeMs - struckMs;
  return {
    acceptedMs: atMs - struckMs,
    leadsMs,
    agentsMeanMs: leadsMs + figure(agentsHeard, 'meanMs'),
    agentsAllMs: leadsMs + figure(agentsHeard, 'lastMs'),
    frameworksAllMs: leadsMs + figure(frameworksHeard, 'lastMs'),
  };
}

/** Several in a row, with time between them for what the one before has set in motion. */
export async function failOvers(
  cluster: FailoverCluster,
  {
    blow,
    times,
    pauseMs,
  }: { readonly blow: Blow; readonly times: number; readonly pauseMs: number },
  say: (line: string) => void,
): Promise<Failover[]> {
  const failovers: Failover[] = [];
  for (let time = 1; time <= times; time += 1) {
    await wait(pauseMs);
    const one = await failOver(cluster, blow);
    failovers.push(one);
    const { leadsMs, acceptedMs, agentsMeanMs, agentsAllMs, frameworksAllMs } = one;
    say(
      `${blow} ${time}/${times}: leads after ${leadsMs} ms, first new offer accepted after ${acceptedMs} ms, agents heard after ${agentsMeanMs} ms (mean) and ${agentsAllMs} ms (all), frameworks after ${frameworksAllMs} ms`,
    );
  }
  return failovers;
}

/** Kills the allocator that leads, and starts it again; milliseconds until the other one proposes. */
export async function loseAllocators(
  cluster: FailoverCluster,
  { times, pauseMs }: { readonly times: number; readonly pauseMs: number },
  say: (line: string) => void,
): Promise<number[]> {
  const proposesMs: number[] = [];
  for (let time = 1; time <= times; time += 1) {
    await wait(pauseMs);
    const { leader, other } = cluster.allocators;
    const proposes = other.says('knows what the master knows: proposes');
    const struckMs = Date.now();
    await leader.end('SIGKILL');
    const { timeMs } = await proposes;
    leader.start();
    proposesMs.push(timeMs - struckMs);
    say(`allocator ${time}/${times}: the other one proposes after ${timeMs - struckMs} ms`);
  }
  return proposesMs;
}

export type NodeLoss = {
  /** The longest time between two accepts that the leader answered. */
  readonly gapMs: number;
  readonly refused: number;
  /** Terms that began since: the leader was to keep its own. */
  readonly newTerms: number;
};

/** Kills the node of NATS that leads the journal, and waits until accepts are answered again; then the node comes back. */
export async function loseNatsNodes(
  cluster: FailoverCluster,
  { times, pauseMs }: { readonly times: number; readonly pauseMs: number },
  say: (line: string) => void,
): Promise<NodeLoss[]> {
  const losses: NodeLoss[] = [];
  for (let time = 1; time <= times; time += 1) {
    await wait(pauseMs);
    const before = await cluster.counts();
    const term = cluster.masters.leader.last('term begins')?.timeMs;
    const restart = await cluster.server.killJournalNode();
    await wait(ELECTED_MS);
    let counts = await cluster.counts();
    let gapMs = counts.longestPauseMs;
    for (const first = counts.accepted; counts.accepted <= first; ) {
      await wait(pauseMs);
      counts = await cluster.counts();
      gapMs = Math.max(gapMs, counts.longestPauseMs);
    }
    const isSame = cluster.masters.leader.last('term begins')?.timeMs === term;
    await restart();
    losses.push({ gapMs, refused: counts.refused - before.refused, newTerms: isSame ? 0 : 1 });
    say(`natsnode ${time}/${times}: nothing was accepted for ${Math.round(gapMs)} ms`);
  }
  return losses;
}

function figure({ fields }: LogLine, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number') throw new Error(`the master does not tell ${name}`);
  return value;
}

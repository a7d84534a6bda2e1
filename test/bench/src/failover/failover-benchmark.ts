// Owns the benchmark of the paper's recovery experiment, scaled up: which failovers are measured in which cluster, and what
// is printed of them beside the aim. Hindman et al., "Mesos", NSDI 2011, section on failure recovery.
import { setTimeout as wait } from 'node:timers/promises';
import { meanWithInterval } from '../mean-interval.ts';
import { type Benchmark, median, percentile, type Result, rounded } from '../measurement.ts';
import { type Failover, failOvers, loseAllocators, loseNatsNodes } from './failover-cases.ts';
import { FailoverCluster } from './failover-cluster.ts';
import {
  FAILOVER_OPTIONS,
  type FailoverPlan,
  readFailoverPlan,
  sharedConnections,
  tasksAtOnce,
} from './failover-options.ts';

/** The paper's master was there again after 7 to 8 s. */
const PAPER = { value: 7.5, of: 'Mesos (paper)' } as const;
/** Fewer do for what takes seconds by rule, and for the other lengths of tasks. */
const HUNG_SHARE = 4;
const OTHER_SHARE = 2;
/** How long launches are counted; short, where tasks are. */
const MAX_SETTLE_MS = 10_000;
const DRAIN_MS = 180_000;
const LOOK_MS = 500;
const CASES = ['kill9', 'hung', 'handover', 'allocator', 'recovery'] as const;
type Case = (typeof CASES)[number];
const COMPARISON = 'connections';
const NATS_NODE = 'natsnode';

export const failoverBenchmark: Benchmark = {
  name: 'failover',
  summary: 'a leader killed, hung, told to end: how long until the cluster goes on',
  options: FAILOVER_OPTIONS,
  run: async (say, only, options) => {
    const plan = readFailoverPlan(options);
    const cases = CASES.filter((one) => one.includes(only));
    const results = cases.length === 0 ? [] : await measureAll(plan, cases, say);
    if (NATS_NODE.includes(only)) results.push(...(await measureNatsNode(plan, say)));
    if (COMPARISON.includes(only)) results.push(...(await compare(plan, say)));
    return results;
  },
};

const measureAll = (
  plan: FailoverPlan,
  cases: readonly Case[],
  say: (line: string) => void,
): Promise<Result[]> =>
  inCluster(plan, { servers: 1, say }, async (place) => {
    const results: Result[] = [];
    for (const one of cases) results.push(...(await measure(one, place)));
    return [...results, ...(await lostAndDoubled(place.cluster, say))];
  });

/** Of a node of three: what is led from there is led from elsewhere after an election; the leading master goes on. */
const measureNatsNode = (plan: FailoverPlan, say: (line: string) => void): Promise<Result[]> => {
  const agents = Math.min(plan.agents, plan.comparedAgents);
  const small = { ...plan, agents, connections: sharedConnections(agents) };
  const times = Math.max(1, Math.round(plan.kills / HUNG_SHARE));
  return inCluster(small, { servers: 3, say }, async ({ cluster }) => {
    const losses = await loseNatsNodes(cluster, { times, pauseMs: plan.pauseMs }, say);
    const rest = { aim: 0, reference: null };
    const newTerms = losses.reduce((sum, loss) => sum + loss.newTerms, 0);
    const refused = losses.reduce((sum, loss) => sum + loss.refused, 0);
    const results = await lostAndDoubled(cluster, say);
    return [
      seconds('failover.natsnode.gap', median(losses.map(({ gapMs }) => gapMs / 1000)), 6),
      { name: 'failover.natsnode.newterms', value: newTerms, unit: 'terms', ...rest },
      { name: 'failover.natsnode.refused', value: refused, unit: 'calls', ...rest },
      ...results.map((one) => ({
        ...one,
        name: one.name.replace('failover.', 'failover.natsnode.'),
      })),
    ];
  });
};

async function inCluster(
  plan: FailoverPlan,
  { servers, say }: { readonly servers: 1 | 3; readonly say: (line: string) => void },
  work: (place: Place) => Promise<Result[]>,
): Promise<Result[]> {
  const tasks = tasksAtOnce(plan, plan.taskSeconds);
  const cluster = new FailoverCluster({ ...plan, tasks, servers }, say);
  try {
    const { agents, connections, frameworks } = plan;
    say(`${agents} agents on ${connections} connections, then ${frameworks} frameworks`);
    const { memoryMib } = await cluster.start();
    say(`the agents' processes hold ${memoryMib} MiB`);
    await untilBusy(cluster, plan, say);
    return await work({ cluster, plan, say });
  } finally {
    await cluster.close();
  }
}

/** What agents that share connections make easier than it is: the same with a connection for each, as far as one host goes. */
async function compare(plan: FailoverPlan, say: (line: string) => void): Promise<Result[]> {
  const agents = plan.comparedAgents;
  const results: Result[] = [];
  for (const [what, connections] of [
    ['shared', sharedConnections(agents)],
    ['single', agents],
  ] as const) {
    const measured = await measureAll({ ...plan, agents, connections }, ['kill9'], say);
    results.push(
      ...measured.map((result) => ({
        ...result,
        name: result.name.replace('failover.', `failover.${what}.`),
        aim: null,
        reference: null,
      })),
    );
  }
  return results;
}

type Place = {
  readonly cluster: FailoverCluster;
  readonly plan: FailoverPlan;
  readonly say: (line: string) => void;
};

async function measure(one: Case, place: Place): Promise<Result[]> {
  const { cluster, plan, say } = place;
  const { kills, pauseMs } = plan;
  switch (one) {
    case 'kill9': {
      const killed = await failOvers(cluster, { blow: 'kill9', times: kills, pauseMs }, say);
      const accepted = killed.map(({ acceptedMs }) => acceptedMs / 1000);
      return [
        seconds('failover.kill9.p50', median(accepted), 1),
        seconds('failover.kill9.p95', percentile(accepted, 95), 1.5),
        ...recovery('', killed),
      ];
    }
    case 'hung': {
      const times = Math.max(1, Math.round(kills / HUNG_SHARE));
      const hung = await failOvers(cluster, { blow: 'hung', times, pauseMs }, say);
      return [
        seconds('failover.hung.p50', median(hung.map(({ acceptedMs }) => acceptedMs / 1000)), 6),
      ];
    }
    case 'handover': {
      const blow = { blow: 'handover', times: kills, pauseMs } as const;
      const handed = await failOvers(cluster, blow, say);
      const value = rounded(median(handed.map(({ acceptedMs }) => acceptedMs)));
      return [{ name: 'failover.handover.p50', value, unit: 'ms', aim: 150, reference: null }];
    }
    case 'allocator': {
      const times = Math.max(1, Math.round(kills / HUNG_SHARE));
      const lost = await loseAllocators(cluster, { times, pauseMs }, say);
      return [seconds('failover.allocator.p50', median(lost) / 1000, 2)];
    }
    default:
      return otherLengths(place);
  }
}

async function otherLengths({ cluster, plan, say }: Place): Promise<Result[]> {
  const results: Result[] = [];
  for (const taskSeconds of plan.otherSeconds) {
    say(`tasks of ${taskSeconds} s from now on`);
    cluster.tell({ kind: 'load', tasks: tasksAtOnce(plan, taskSeconds), taskSeconds });
    // Until the tasks of the length before are gone.
    await wait(plan.taskSeconds * 1000);
    const times = Math.max(1, Math.round(plan.kills / OTHER_SHARE));
    const killed = await failOvers(cluster, { blow: 'kill9', times, pauseMs: plan.pauseMs }, say);
    results.push(...recovery(`.${taskSeconds}s`, killed));
  }
  return results;
}

/** Until the new leader has heard all: the mean of all agents, the last agent, the last framework. */
function recovery(suffix: string, failovers: readonly Failover[]): Result[] {
  const figures = [
    ['agents.mean', failovers.map(({ agentsMeanMs }) => agentsMeanMs), 1, null],
    ['agents.all', failovers.map(({ agentsAllMs }) => agentsAllMs), 3, PAPER],
    ['frameworks.all', failovers.map(({ frameworksAllMs }) => frameworksAllMs), 3, PAPER],
  ] as const;
  return figures.flatMap(([what, times, aim, reference]): Result[] => {
    const name = `failover.${what}${suffix}`;
    const { mean, plusMinus } = meanWithInterval(times);
    const result = { ...seconds(name, mean / 1000, aim), reference };
    return Number.isNaN(plusMinus)
      ? [result]
      : [result, { ...seconds(`${name}.plusminus`, plusMinus / 1000, null) }];
  });
}

function seconds(name: string, value: number, aim: number | null): Result {
  return { name, value: rounded(value), unit: 's', aim, reference: null };
}

/** As many tasks run as are going to. */
async function untilBusy(
  cluster: FailoverCluster,
  { agents, taskSeconds, ...plan }: FailoverPlan,
  say: (line: string) => void,
): Promise<void> {
  const wanted = Math.min(agents, tasksAtOnce({ agents, taskSeconds, ...plan }, taskSeconds));
  const enough = Math.floor(wanted * 0.9);
  let counts = await cluster.counts();
  // Short tasks of few launches a second may never all run at once: some rounds of them will do.
  while (counts.open < enough && counts.finished < 3 * wanted) {
    await wait(LOOK_MS);
    counts = await cluster.counts();
  }
  const before = await cluster.counts();
  const settleMs = Math.min(taskSeconds * 1000, MAX_SETTLE_MS);
  await wait(settleMs);
  const after = await cluster.counts();
  const rate = ((after.accepted - before.accepted) * 1000) / settleMs;
  say(`${after.open} tasks run, ${Math.round(rate)} are launched a second`);
  if (wanted < agents) {
    say('not every agent is in use: an offer may have to wait until another task is wanted');
  }
}

/** Counted from what the frameworks and the agents themselves saw. */
async function lostAndDoubled(
  cluster: FailoverCluster,
  say: (line: string) => void,
): Promise<Result[]> {
  cluster.tell({ kind: 'load', tasks: 0, taskSeconds: 0 });
  let counts = await cluster.counts();
  const endMs = Date.now() + DRAIN_MS;
  while (counts.open > 0 && Date.now() < endMs) {
    await wait(LOOK_MS);
    counts = await cluster.counts();
  }
  const launches = await cluster.endAgents();
  const { accepted, finished, open, failed, endedAgain, refused } = counts;
  const launchedAgain = Number(launches['launchedAgain']);
  say(
    `${accepted} tasks accepted, ${finished} finished, ${open} never told of, ${failed} ended otherwise; ${String(launches['launched'])} launches, ${launchedAgain} of them repeated; ${refused} accepts refused`,
  );
  const rest = { unit: 'tasks', aim: 0, reference: null };
  return [
    { name: 'failover.lost', value: open + failed, ...rest },
    { name: 'failover.doubled', value: launchedAgain + endedAgain, ...rest },
  ];
}

// Owns the storms: a cluster of emulated agents that is full, in which the leader is killed, nats-server is killed and started
// again, and all agents are at once; how long until it goes on, how many messages that took, and whether a task was lost.
import { EmulatedCluster } from '../emulated/emulated-cluster.ts';
import { sharedConnections } from '../failover/failover-options.ts';
import { type Benchmark, type Result, rounded } from '../measurement.ts';
import { begin } from '../scale/scale-run.ts';
import { Takers } from '../scale/takers.ts';
import { drained, type Recovery, STORMS, type StormPlace, strike } from './storm-run.ts';

type StormPlan = {
  readonly agents: number;
  readonly frameworks: number;
  readonly taskSeconds: number;
  /** Agents that begin in a second, at first; all at once when left out, as they do when they are restarted. */
  readonly startRate: number;
  readonly logs: string | undefined;
};

export const stormBenchmark: Benchmark = {
  name: 'storm',
  summary: 'a full cluster: leader killed, nats-server restarted, all agents restarted at once',
  options: {
    ...{ agents: { type: 'string' }, frameworks: { type: 'string' }, logs: { type: 'string' } },
    ...{ 'task-seconds': { type: 'string' }, 'start-rate': { type: 'string' } },
  },
  run: async (say, only, options) => {
    const plan = readPlan(options);
    const { agents, startRate, logs } = plan;
    const connections = sharedConnections(agents);
    const cluster = new EmulatedCluster({ agents, connections, startRate, logs }, say);
    let takers: Takers | undefined;
    try {
      await cluster.startServices();
      takers = await Takers.start(cluster, { ...plan, deviationSeconds: plan.taskSeconds / 3 });
      say(`${agents} agents begin, ${startRate} a second`);
      return await measure({ agents, cluster, takers, say }, plan, only);
    } finally {
      await takers?.close();
      await cluster.close();
    }
  },
};

/** Throws where a number is none. */
function readPlan(options: Readonly<Record<string, string | undefined>>): StormPlan {
  const number = (name: string, otherwise: number): number => {
    const value = Number(options[name] ?? otherwise);
    if (Number.isFinite(value) && value > 0) return value;
    throw new Error(`--${name} takes a number above 0, not "${options[name]}"`);
  };
  const agents = number('agents', 10_000);
  return {
    ...{ agents, frameworks: number('frameworks', 200), taskSeconds: number('task-seconds', 60) },
    ...{ startRate: number('start-rate', agents), logs: options['logs'] },
  };
}

async function measure(place: StormPlace, plan: StormPlan, only: string): Promise<Result[]> {
  const { agents, cluster, takers, say } = place;
  const result = (
    name: string,
    value: number | undefined,
    unit: string,
    aim: number | null = null,
  ): Result[] =>
    value === undefined
      ? []
      : [
          {
            ...{ name: `storm.${agents}.${name}`, value: rounded(value), unit, aim },
            ...{ reference: null, isBroken: aim !== null && value > aim },
          },
        ];
  const begun = await begin(cluster, takers, agents, say);
  const results = [
    ...result('start.registered', begun.registeredSeconds, 's'),
    ...result('start.offered', begun.offeredSeconds, 's'),
    ...result('start.busy', begun.busySeconds, 's'),
  ];
  for (const storm of STORMS.filter((one) => one.includes(only))) {
    const recovery: Recovery = await strike(storm, place);
    results.push(
      ...result(`${storm}.accept`, recovery.acceptSeconds, 's'),
      ...result(`${storm}.agents`, recovery.agentsSeconds, 's'),
      ...result(`${storm}.frameworks`, recovery.frameworksSeconds, 's'),
      ...result(`${storm}.offered`, recovery.offeredSeconds, 's'),
      ...result(`${storm}.busy`, recovery.busySeconds, 's'),
      ...result(`${storm}.messages`, recovery.messages, 'messages'),
      ...result(`${storm}.journal`, recovery.journalEntries, 'entries'),
      ...result(`${storm}.ended`, recovery.ended, 'tasks'),
      ...result(`${storm}.lost`, recovery.lost, 'tasks', 0),
    );
  }
  const open = await drained(takers, plan.taskSeconds, say);
  const launches = await cluster.endAgents();
  const { launched, finished, failed, refused } = takers.totals;
  say(
    `${launched} accepted, ${finished} finished, ${failed - refused} ended otherwise, ${refused} accepts refused, ${open} never told of`,
  );
  return [
    ...results,
    ...result('refused', refused, 'accepts'),
    ...result('untold', open, 'tasks', 0),
    ...result('doubled', Number(launches['launchedAgain']), 'tasks', 0),
  ];
}

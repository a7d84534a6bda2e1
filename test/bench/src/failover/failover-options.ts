// Owns what the failover benchmark may be told: how large, how often, how long tasks are. What is left out is the paper's
// experiment scaled up.
export const FAILOVER_OPTIONS = {
  agents: { type: 'string' },
  connections: { type: 'string' },
  frameworks: { type: 'string' },
  kills: { type: 'string' },
  'task-seconds': { type: 'string' },
  'other-seconds': { type: 'string' },
  'launch-rate': { type: 'string' },
  'pause-seconds': { type: 'string' },
  'compared-agents': { type: 'string' },
  logs: { type: 'string' },
} as const;

export type FailoverPlan = {
  readonly agents: number;
  readonly connections: number;
  readonly frameworks: number;
  readonly kills: number;
  readonly taskSeconds: number;
  /** Lengths of tasks with which the recovery alone is measured. */
  readonly otherSeconds: readonly number[];
  /** Launches a second, at most: short tasks keep fewer agents busy. */
  readonly launchRate: number;
  readonly pauseMs: number;
  /** Of the clusters in which agents that share connections are compared with agents that have one each. */
  readonly comparedAgents: number;
  /** The folder that keeps what each process logs; none: kept nowhere. */
  readonly logs: string | undefined;
};

type Options = Readonly<Record<string, string | undefined>>;

const AGENTS_A_CONNECTION = 500;

/** Throws where a number is none. */
export function readFailoverPlan(options: Options): FailoverPlan {
  const number = (
    name: Exclude<keyof typeof FAILOVER_OPTIONS, 'logs'>,
    otherwise: number,
  ): number => numberOf(name, options[name] ?? String(otherwise));
  const agents = number('agents', 10_000);
  const others = options['other-seconds'] ?? '2,60';
  return {
    agents,
    connections: number('connections', sharedConnections(agents)),
    frameworks: number('frameworks', 200),
    kills: number('kills', 20),
    taskSeconds: number('task-seconds', 20),
    otherSeconds:
      others === '' ? [] : others.split(',').map((one) => numberOf('other-seconds', one)),
    launchRate: number('launch-rate', 500),
    pauseMs: number('pause-seconds', 5) * 1000,
    comparedAgents: number('compared-agents', 1000),
    logs: options['logs'],
  };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} takes a number above 0, not "${text}"`);
}

/** As an emulation has them by default. */
export const sharedConnections = (agents: number): number =>
  Math.ceil(agents / AGENTS_A_CONNECTION);

/** At a time. Twice the agents are more than ever run: then nobody holds back. */
export function tasksAtOnce({ agents, launchRate }: FailoverPlan, taskSeconds: number): number {
  const wanted = launchRate * taskSeconds;
  return wanted >= agents ? 2 * agents : wanted;
}

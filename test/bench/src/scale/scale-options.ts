// Owns what the scale benchmark may be told. What is left out is the paper's experiment.
export const SCALE_OPTIONS = {
  agents: { type: 'string' },
  connections: { type: 'string' },
  frameworks: { type: 'string' },
  seconds: { type: 'string' },
  probes: { type: 'string' },
  'task-seconds': { type: 'string' },
  'deviation-seconds': { type: 'string' },
  'probe-seconds': { type: 'string' },
  'start-rate': { type: 'string' },
  sync: { type: 'string' },
  pictures: { type: 'string' },
  logs: { type: 'string' },
} as const;

export type ScalePlan = {
  /** One cluster for each. */
  readonly agents: readonly number[];
  /** To NATS, of all agents; by default one for each 500. */
  readonly connections: number | undefined;
  readonly frameworks: number;
  /** How long the busy cluster is measured, at least: probes may take longer. */
  readonly seconds: number;
  readonly probes: number;
  readonly taskSeconds: number;
  readonly deviationSeconds: number;
  readonly probeSeconds: number;
  /** Agents that begin in a second; by default all at once. */
  readonly startRate: number | undefined;
  readonly sync: 'always' | 'default';
  /** The folder that the pictures are written to; none: they are not drawn. */
  readonly pictures: string | undefined;
  readonly logs: string | undefined;
};

type Options = Readonly<Record<string, string | undefined>>;

/** Throws where a number is none, and where `--sync` is something else. */
export function readScalePlan(options: Options): ScalePlan {
  const number = (name: string, otherwise: number): number =>
    numberOf(name, options[name] ?? String(otherwise));
  const perhaps = (name: string): number | undefined =>
    options[name] === undefined ? undefined : numberOf(name, options[name]);
  const taskSeconds = number('task-seconds', 30);
  const sync = options['sync'] ?? 'default';
  if (sync !== 'always' && sync !== 'default') {
    throw new Error(`--sync takes "always" or "default", not "${sync}"`);
  }
  return {
    agents: (options['agents'] ?? '1000,5000,10000,20000,50000')
      .split(',')
      .map((one) => numberOf('agents', one)),
    connections: perhaps('connections'),
    frameworks: number('frameworks', 200),
    seconds: number('seconds', 60),
    probes: number('probes', 5),
    taskSeconds,
    deviationSeconds: number('deviation-seconds', taskSeconds / 3),
    probeSeconds: number('probe-seconds', 10),
    startRate: perhaps('start-rate'),
    sync,
    pictures: options['pictures'],
    logs: options['logs'],
  };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} takes a number above 0, not "${text}"`);
}

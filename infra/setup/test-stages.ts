// The table of what the test commands run: each stage's command, and which stages make up which command. The order is
// that of cost: what fails in seconds comes first. Running them is run-tests.ts; no stage knows of another.
import { availableParallelism } from 'node:os';
import { propertyFiles } from './property-files.ts';

/** How many tests a stage holds is read from a vitest report; a check counts as one. */
export type StageKind = 'check' | 'vitest';

export type Stage = {
  readonly name: string;
  readonly kind: StageKind;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A stage that takes longer is ended and counts as failed: a hang must not look like work. */
  readonly limitMs: number;
  /** Fetched before the clock of the stage starts, because its tests cannot run without it. */
  readonly needsCompatibilityServer?: boolean;
  /** Its tests start services some hundreds of times: their code is compiled before. */
  readonly startsServices?: boolean;
};

const MINUTE_MS = 60_000;

/** Turbo neither reports usage nor looks for updates: a test run talks to nobody. */
const TURBO_ENV = {
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
};

/** Pure code: no server, no process, no clock. These folders alone make up the quick tests. */
const PURE_FOLDERS = ['protocol', 'resources', 'lifecycle', 'allocation', 'cluster'].map(
  (name) => `libs/${name}/`,
);

/** Everything here talks to a real nats-server, a real systemd or real child processes. */
const REAL_FOLDERS = [
  'test/integration/',
  'test/conformance/',
  'test/browser/',
  'libs/isolation/',
  'libs/nats-server/',
  'libs/actor/src/nats/',
];

/**
 * What measures how this host shares out its processors, memory, disk and network, or breaks what others would notice:
 * these have the host to themselves.
 */
const ALONE_FILES = [
  'test/bench/src/scale/scale.integration.test.ts',
  'test/bench/src/failover/failover.integration.test.ts',
  'test/browser/src/console-load.test.ts',
  'test/chaos/src/chaos.integration.test.ts',
  'test/integration/src/agent-idle-lending.test.ts',
  'test/integration/src/agent-limits.test.ts',
  'test/integration/src/agent-networks.test.ts',
  'test/integration/src/agent-pressure.test.ts',
  'test/integration/src/bad-tasks.test.ts',
  'test/integration/src/isolation-io.test.ts',
  'test/integration/src/isolation-limits.test.ts',
  'test/integration/src/isolation-networks.test.ts',
  'test/integration/src/oversubscription.test.ts',
  'test/integration/src/slow-readers.test.ts',
];

/** How often each property draws again, from other seeds: twenty times the examples that a change waits for. */
const PROPERTY_REPETITIONS = 19;

const CONFIG = 'infra/setup/vitest.config.ts';
const LONG_FILES = '**/*.long.test.ts';
const REAL_FILES = '**/*.integration.test.ts';

const REAL_LIMITS = ['--testTimeout=120000', '--hookTimeout=120000'];

function vitest(filters: readonly string[], options: readonly string[] = []): readonly string[] {
  return ['vitest', 'run', '--config', CONFIG, ...filters, ...options];
}

/** As many files at a time as there are processors; vitest leaves one of them for itself, which is half of two. */
const ON_EVERY_PROCESSOR = [`--maxWorkers=${availableParallelism()}`];

function excluding(patterns: readonly string[]): readonly string[] {
  return patterns.flatMap((pattern) => ['--exclude', pattern]);
}

const stages = {
  lint: {
    name: 'lint',
    kind: 'check',
    command: ['biome', 'check', '--error-on-warnings', '.'],
    limitMs: 3 * MINUTE_MS,
  },
  typecheck: {
    name: 'typecheck',
    kind: 'check',
    command: ['tsc', '-p', 'infra'],
    limitMs: 3 * MINUTE_MS,
  },
  typecheckConsole: {
    name: 'typecheck of the console',
    kind: 'check',
    command: ['tsc', '-p', 'services/console'],
    limitMs: 2 * MINUTE_MS,
  },
  boundaries: {
    name: 'boundaries',
    kind: 'check',
    command: ['turbo', 'boundaries'],
    env: TURBO_ENV,
    limitMs: 2 * MINUTE_MS,
  },
  unused: {
    name: 'unused code and dependencies',
    kind: 'check',
    command: ['knip', '--no-progress', '--no-config-hints'],
    limitMs: 5 * MINUTE_MS,
  },
  quick: {
    name: 'unit and property (pure cores)',
    kind: 'vitest',
    command: vitest(PURE_FOLDERS, ['--testTimeout=20000', ...excluding([LONG_FILES])]),
    limitMs: 2 * MINUTE_MS,
  },
  unit: {
    name: 'unit and property',
    kind: 'vitest',
    command: vitest(
      ['libs/', 'services/', 'infra/', 'test/bench/', 'test/chaos/'],
      [
        '--testTimeout=30000',
        // A process for each of 400 files takes longer than what is in them.
        '--no-isolate',
        ...ON_EVERY_PROCESSOR,
        ...excluding([...REAL_FOLDERS.map((folder) => `${folder}**`), REAL_FILES, LONG_FILES]),
      ],
    ),
    limitMs: 15 * MINUTE_MS,
  },
  simulation: {
    name: 'simulation',
    kind: 'vitest',
    command: vitest(
      ['test/simulation/'],
      [
        '--testTimeout=240000',
        '--hookTimeout=60000',
        ...ON_EVERY_PROCESSOR,
        ...excluding([LONG_FILES]),
      ],
    ),
    limitMs: 15 * MINUTE_MS,
  },
  integration: {
    name: 'integration',
    kind: 'vitest',
    // Two files at a time, however many processors there are: each starts servers and whole clusters, and waits for them.
    command: vitest(
      [...REAL_FOLDERS, '.integration.test.ts'],
      [...REAL_LIMITS, '--maxWorkers=2', ...excluding([...ALONE_FILES, LONG_FILES])],
    ),
    limitMs: 65 * MINUTE_MS,
    needsCompatibilityServer: true,
    startsServices: true,
  },
  alone: {
    name: 'integration, one at a time',
    kind: 'vitest',
    command: vitest(ALONE_FILES, [...REAL_LIMITS, '--no-file-parallelism']),
    limitMs: 30 * MINUTE_MS,
    startsServices: true,
  },
  properties: {
    name: 'properties from new seeds',
    kind: 'vitest',
    command: vitest(propertyFiles(), [
      '--testTimeout=120000',
      `--repeats=${PROPERTY_REPETITIONS}`,
      ...excluding([LONG_FILES]),
    ]),
    limitMs: 60 * MINUTE_MS,
  },
  long: {
    name: 'long variants',
    kind: 'vitest',
    command: vitest(
      ['.long.test.ts'],
      ['--testTimeout=1800000', '--hookTimeout=120000', '--no-file-parallelism'],
    ),
    limitMs: 60 * MINUTE_MS,
    needsCompatibilityServer: true,
    startsServices: true,
  },
} as const satisfies Record<string, Stage>;

/** What each test command runs, in this order. */
export const SUITES: Readonly<Record<string, readonly Stage[]>> = {
  all: [
    stages.lint,
    stages.typecheck,
    stages.typecheckConsole,
    stages.boundaries,
    stages.unused,
    stages.unit,
    stages.simulation,
    stages.integration,
    stages.alone,
  ],
  quick: [stages.quick],
  long: [stages.properties, stages.long],
};

/**
 * @returns the stages of the suite, or the one of that name; undefined when there is no such suite or stage
 */
export function selectStages(
  suite: string,
  stageName: string | undefined,
): readonly Stage[] | undefined {
  if (stageName === undefined) return SUITES[suite];
  const named: Readonly<Record<string, Stage>> = stages;
  const found = named[stageName];
  return found === undefined ? undefined : [found];
}

export function stageNames(): readonly string[] {
  return Object.keys(stages);
}

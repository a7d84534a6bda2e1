// Owns measuring isolation as the paper of Mesos showed it (NSDI 2011, section on isolation): how much slower a web server answers
// while another task uses all the CPU time that it can get, in scopes, and for comparison as plain processes. With and without
// the hog take turns, so that what else the machine does weighs on both alike.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type IsolationMode, prepareIsolation } from '@parley/agent/isolation-setup';
import type { LaunchRequest, TaskLauncher, TaskLimits } from '@parley/isolation/launcher';
import { createRunRoot } from '@parley/isolation/run-directory';
import { createSandbox, runRootOf } from '@parley/isolation/sandbox';
import { stopScope } from '@parley/isolation/stop-scope';
import { AgentId } from '@parley/protocol/ids';
import { type Benchmark, median, percentile, type Result, rounded } from '../measurement.ts';
import { percentilePicture } from './percentile-picture.ts';

const AGENT = AgentId.parse('agent-1');
const SERVER = fileURLToPath(new URL('./web-server.mjs', import.meta.url));
const CPUS = availableParallelism();
const HOG = `for i in $(seq ${2 * CPUS}); do (while :; do :; done) & done; wait`;
const SERVER_LIMITS = { cpuMillis: CPUS * 500, memoryMib: 256 };
const HOG_LIMITS = { cpuMillis: CPUS * 250, memoryMib: 64 };
const DEFAULT_TURNS = 4;
const TURN_MS = 3000;
/** Until the hog runs, or is gone, and the slices weigh what is in them. */
const SETTLE_MS = 1000;
/** The paper's figure for containers; without, it had 5.5. */
const AIM = 1.3;

type Latencies = { readonly alone: number[]; readonly beside: number[] };

export const isolationBenchmark: Benchmark = {
  name: 'isolation',
  summary: "how much a web server's latency rises beside a CPU hog, in scopes and without",
  options: { picture: { type: 'string' }, turns: { type: 'string' } },
  run: async (say, _, { picture, turns }) => {
    const count = turns === undefined ? DEFAULT_TURNS : Number(turns);
    const scopes = await measure('auto', count, say);
    const plain = await measure('process', count, say);
    if (picture !== undefined) writeFileSync(picture, pictureOf(scopes, plain));
    return [...resultsOf('scopes', scopes, AIM), ...resultsOf('plain', plain, null)];
  },
};

async function measure(
  mode: IsolationMode,
  turns: number,
  say: (line: string) => void,
): Promise<Latencies> {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-isolation-'));
  const isolation = await prepareIsolation({
    ...{ mode, launcher: 'auto', agentId: AGENT, workDirectory: directory },
    privateSystemd: undefined,
  });
  if (!isolation.ok) throw new Error(isolation.failure.message);
  const launcher = isolation.value.createLauncher(() => undefined);
  try {
    await createRunRoot(runRootOf(directory));
    say(`${isolation.value.kind}: ${turns} turns of ${TURN_MS} ms without and with a hog`);
    return await takeTurns(directory, launcher, turns);
  } finally {
    for (const unit of await launcher.list()) await stopScope(launcher, unit, { graceMs: 0 });
    await isolation.value.release();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function takeTurns(
  directory: string,
  launcher: TaskLauncher,
  turns: number,
): Promise<Latencies> {
  const server = await launch(directory, launcher, 'server', {
    command: [process.execPath, SERVER],
    limits: SERVER_LIMITS,
  });
  const latencies: Latencies = { alone: [], beside: [] };
  await wait(SETTLE_MS);
  for (let turn = 1; turn <= turns; turn += 1) {
    latencies.alone.push(...(await latenciesNow(server)));
    const hog = await launch(directory, launcher, `hog-${turn}`, {
      command: ['sh', '-c', HOG],
      limits: HOG_LIMITS,
    });
    await wait(SETTLE_MS);
    latencies.beside.push(...(await latenciesNow(server)));
    await stopScope(launcher, hog.unit, { graceMs: 0 });
    await wait(SETTLE_MS);
  }
  return latencies;
}

/** Of the requests that end in this turn. */
async function latenciesNow({ stdoutPath }: LaunchRequest): Promise<number[]> {
  const beganMs = Date.now();
  await wait(TURN_MS);
  const lines = readFileSync(stdoutPath, 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => line.split(' ').map(Number))
    .filter(([atMs = 0]) => atMs >= beganMs)
    .map(([, latencyMs = Number.NaN]) => latencyMs);
}

async function launch(
  directory: string,
  launcher: TaskLauncher,
  taskId: string,
  { command, limits }: { readonly command: readonly string[]; readonly limits: TaskLimits },
): Promise<LaunchRequest> {
  const ids = { principal: 'bench', frameworkId: 'isolation', taskId };
  const made = await createSandbox(directory, { cluster: 'bench', agentId: AGENT, ...ids });
  if (!made.ok) throw new Error(made.failure.message);
  const request = { ...made.directories, command, environment: {}, limits };
  const launched = await launcher.launch(request);
  if (!launched.ok) throw new Error(launched.failure.message);
  return request;
}

function resultsOf(name: string, { alone, beside }: Latencies, aim: number | null): Result[] {
  const figure = (what: string, value: number, unit: string, aimed: number | null): Result => ({
    ...{ name: `isolation.${name}.${what}`, value: rounded(value), unit, aim: aimed },
    reference: null,
  });
  const [p50, p99] = [median(alone), percentile(alone, 99)];
  return [
    figure('alone.p50', p50, 'ms', null),
    figure('alone.p99', p99, 'ms', null),
    figure('beside.p50', median(beside), 'ms', null),
    figure('beside.p99', percentile(beside, 99), 'ms', null),
    figure('rise.p50', median(beside) / p50, 'x', aim),
    figure('rise.p99', percentile(beside, 99) / p99, 'x', null),
  ];
}

const pictureOf = (scopes: Latencies, plain: Latencies): string =>
  percentilePicture('Latency of a web server beside a CPU hog', [
    { name: 'alone', colour: '#2a7', latenciesMs: scopes.alone },
    { name: 'beside the hog, in scopes', colour: '#27c', latenciesMs: scopes.beside },
    { name: 'beside the hog, as plain processes', colour: '#c33', latenciesMs: plain.beside },
  ]);

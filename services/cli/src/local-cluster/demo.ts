// Owns what a start shows once its cluster is up: batch alone, mapreduce beside it, live progress, what was counted and
// measured. Starting and stopping the cluster is the keeper's.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { PrincipalName } from '@parley/protocol/ids';
import { MILLI } from '@parley/protocol/resources';
import { type ClusterSummary, frameworkLine } from '../cluster-summary.ts';
import { ClusterWatch } from '../cluster-watch.ts';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import type { Context } from '../context-store.ts';
import { withOperator } from '../operator-place.ts';
import { summarise } from '../summarise.ts';
import { DEMO_PRINCIPALS } from './demo-principals.ts';
import { type DemoSizing, sizeDemo } from './demo-sizing.ts';
import { listDocumentation } from './documentation-texts.ts';
import { AGENT_COUNT, type AgentShare } from './host-shares.ts';
import type { KeeperClient } from './keeper-client.ts';
import { killLeaderHalfWay } from './kill-leader.ts';
import { lastWords } from './log-words.ts';
import type { ProgressDisplay } from './progress-display.ts';
import { commonestWords, metricLines, PLOT_COLUMNS, wordLines } from './start-report.ts';

export type DemoOptions = {
  readonly context: Context;
  readonly surroundings: Surroundings;
  readonly keeper: KeeperClient;
  readonly display: ProgressDisplay;
  readonly input: string | undefined;
  readonly output: string | undefined;
  readonly runId: string;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** Kill the leading master when half of the tasks have ended. */
  readonly killsLeader: boolean;
  /** All agents are registered. */
  readonly onReady: () => Promise<void>;
};

/** How long batch has the cluster to itself. */
const HEAD_START_MS = 5000;
const READY_TIMEOUT_MS = 60_000;
const DRAW_INTERVAL_MS = 250;

/** Rejects when a framework fails or the cluster cannot be followed. */
export function runDemo(options: DemoOptions): Promise<void> {
  return withOperator(options.context, (link) => demonstrate(link, options));
}

async function demonstrate(link: OperatorLink, options: DemoOptions): Promise<void> {
  const first = await waitUntilReady(link);
  await options.onReady();
  const sizing = sizeDemo(sharesOf(first));
  const slot = { cpus: sizing.map.cpuMillis, mem: sizing.map.memoryMib * MILLI };
  const watch = new ClusterWatch(slot);
  const stopWatching = watchCluster(link, watch, options);
  const killing = options.killsLeader
    ? killLeaderHalfWay(link, {
        ...options,
        leader: first.leader?.masterId ?? '',
        tasks: sizing.batch.instances + sizing.map.tasks,
      })
    : undefined;
  try {
    const words = await runFrameworks(options, sizing, watch);
    options.display.finish();
    for (const line of killing?.() ?? []) options.display.note(line);
    report(options, words, watch);
  } finally {
    stopWatching();
  }
}

/** The agents of this start have registered in this leader's term. */
async function waitUntilReady(link: OperatorLink): Promise<ClusterSummary> {
  const registered = new Set<string>();
  link.onEvent(({ event, isNew }) => {
    if (isNew && event.type === 'agentRegistered') registered.add(event.agentId);
  });
  await link.follow();
  return link.waitFor(
    (followed) => (registered.size >= AGENT_COUNT ? summarise(followed) : undefined),
    { timeoutMs: READY_TIMEOUT_MS, what: 'the agents have not registered' },
  );
}

function sharesOf({ agents }: ClusterSummary): AgentShare[] {
  return agents
    .filter((agent) => agent.state === 'registered')
    .map(({ agentId, total }) => ({
      id: agentId,
      cpuMillis: total['cpus'] ?? 0,
      memoryMib: Math.floor((total['mem'] ?? 0) / MILLI),
      diskMib: Math.floor((total['disk'] ?? 0) / MILLI),
      ports: [0, 0],
    }));
}

function watchCluster(link: OperatorLink, watch: ClusterWatch, options: DemoOptions): () => void {
  const { display, nowMs } = options;
  link.onEvent(({ event, coreTimeMs, isNew }) => {
    if (isNew) watch.event(coreTimeMs, event);
  });
  link.onUsage((agentId, usage) => watch.usage(nowMs(), agentId, usage));
  let latest: ClusterSummary | undefined;
  link.onChange((followed) => {
    latest = summarise(followed);
    watch.state(nowMs(), latest);
  });
  const timer = setInterval(() => {
    if (latest === undefined) return;
    const { frameworks, total } = latest;
    const shown = frameworks.filter((each) => each.frameworkId.endsWith(options.runId));
    display.show(
      shown.map((framework) => frameworkLine(framework, total)),
      nowMs(),
    );
  }, DRAW_INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Resolves with the table of words, once both frameworks have ended well. */
async function runFrameworks(
  options: DemoOptions,
  sizing: DemoSizing,
  watch: ClusterWatch,
): Promise<string> {
  const work = await mkdtemp(path.join(rootOf(options.context), 'wordcount-'));
  const table = path.join(work, 'words');
  try {
    const inputs = await inputArguments(options, work);
    watch.begin();
    const batch = runJob(options, 'framework-batch', batchArguments(options, sizing));
    const outcome = Promise.withResolvers<never>();
    batch.catch(outcome.reject);
    outcome.promise.catch(() => undefined);
    await Promise.race([
      delay(HEAD_START_MS, undefined, { signal: options.signal }),
      outcome.promise,
    ]);
    const words = mapreduceArguments(options, sizing, [...inputs, '--output', table]);
    const mapreduce = runJob(options, 'framework-mapreduce', words);
    await Promise.all([batch, mapreduce]);
    watch.end();
    const counted = await readFile(table, 'utf8');
    if (options.output !== undefined) await writeFile(options.output, counted);
    return counted;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function runJob(
  { keeper, runId, context }: DemoOptions,
  entry: 'framework-batch' | 'framework-mapreduce',
  argv: readonly string[],
): Promise<void> {
  const name = entry;
  const principal = entry === 'framework-batch' ? DEMO_PRINCIPALS.batch : DEMO_PRINCIPALS.mapreduce;
  const frameworkId = `${principal}-${runId}`;
  const exitCode = await keeper.run({
    name,
    entry,
    principal: PrincipalName.parse(principal),
    argv: ['--framework-id', frameworkId, '--role', principal, ...argv],
  });
  if (exitCode === 0) return;
  const words = await lastWords(path.join(rootOf(context), 'logs', `${name}.log`));
  throw new CommandFailure(EXIT.failed, {
    what: `${name} ended with exit code ${exitCode}`,
    ...(words !== '' && { why: words }),
    remedy: `see "npx parley logs ${name}"`,
  });
}

/** CPU work that lasts a fixed time, so that a run is as long on a fast host as on a slow one. */
function batchArguments(_: DemoOptions, { batch }: DemoSizing): string[] {
  const work = `timeout ${batch.seconds} sha256sum /dev/zero; [ $? = 124 ]`;
  return [
    ...['--instances', String(batch.instances)],
    ...['--cpus', String(batch.cpuMillis / 1000)],
    ...['--mem', `${batch.memoryMib}MiB`],
    ...['--', 'sh', '-c', work],
  ];
}

function mapreduceArguments(
  { input }: DemoOptions,
  { map }: DemoSizing,
  inputs: readonly string[],
): string[] {
  const pace = input === undefined ? ['--min-map-time', `${map.minimumMs}ms`] : [];
  return [
    ...['--cpus', String(map.cpuMillis / 1000)],
    ...['--mem', `${map.memoryMib}MiB`],
    ...['--map-tasks', String(map.tasks)],
    ...pace,
    ...inputs,
  ];
}

async function inputArguments(
  { input, surroundings }: DemoOptions,
  work: string,
): Promise<string[]> {
  if (input !== undefined) return ['--input', path.resolve(input)];
  const files = await listDocumentation(path.join(surroundings.clone, 'node_modules'));
  const list = path.join(work, 'files');
  await writeFile(list, files.map((file) => `${file}\0`).join(''));
  return ['--files-from', list];
}

function rootOf(context: Context): string {
  if (context.local === undefined) throw new Error(`cluster ${context.name} is not of this host`);
  return context.local.directory;
}

function report({ display, nowMs }: DemoOptions, table: string, watch: ClusterWatch): void {
  display.note('\nThe twenty commonest words:');
  for (const line of wordLines(commonestWords(table))) display.note(line);
  display.note('\nMetrics (infra/docs/glossary.md):');
  for (const line of metricLines(watch.measured(nowMs(), PLOT_COLUMNS))) display.note(line);
}

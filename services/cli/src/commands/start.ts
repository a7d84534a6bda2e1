// Owns `parley start`: a cluster on this host, two frameworks that share it, what they measured, and the end of it
// all. The parts are in local-cluster/; this file decides the order and what happens when something goes wrong.
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { ClusterName } from '@parley/protocol/ids';
import { EXIT } from '../command-failure.ts';
import { childEnvironment } from '../config.ts';
import type { Context } from '../context-store.ts';
import { monotonicMs, randomToken } from '../effects.ts';
import { SIGN_IN_FILE } from '../local-cluster/cluster-paths.ts';
import { awaitConsoleLink } from '../local-cluster/console-link.ts';
import { runDemo } from '../local-cluster/demo.ts';
import { chooseIsolation, type IsolationChoice } from '../local-cluster/isolation-choice.ts';
import { KeeperClient } from '../local-cluster/keeper-client.ts';
import { ProgressDisplay } from '../local-cluster/progress-display.ts';
import { allocatorArguments, masterArguments } from '../local-cluster/service-catalog.ts';
import { checkInput, checkOutput, checkRules } from '../local-cluster/start-input.ts';
import { commandsToTry, formatSeconds } from '../local-cluster/start-report.ts';
import type { ProgramPlace } from '../program.ts';
import { currentContext } from './context.ts';

export type StartOptions = {
  readonly input?: string;
  readonly output?: string;
  readonly exit?: boolean;
  readonly keep?: boolean;
  readonly killLeader?: boolean;
  readonly name?: ClusterName;
  readonly isolation: IsolationChoice;
  readonly authorization?: string;
  readonly offerTimeout?: number;
  readonly outstandingCap?: number;
  readonly allocationInterval?: number;
};

/** As shells report a Ctrl-C. */
const INTERRUPTED = 130;
const CONSOLE_TIMEOUT_MS = 90_000;

class Interrupted extends Error {}

/** Resolves with the exit code; everything that was started is gone then, unless it was to be kept. */
export async function startCommand(place: ProgramPlace, options: StartOptions): Promise<number> {
  const startedMs = monotonicMs();
  const { surroundings } = place;
  const display = new ProgressDisplay(process.stdout, surroundings.isTerminal);
  await checkInput(options.input);
  await checkOutput(options.output);
  await checkRules(options.authorization);
  await chooseIsolation(options.isolation);
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined);
  const onSignal = (): void => interrupted.reject(new Interrupted());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const keeper = new KeeperClient({
    mainFile: place.mainFile,
    environment: childEnvironment(),
    name: options.name,
    isolation: options.isolation,
    masterArguments: masterArguments({
      authorizationFile: options.authorization && path.resolve(options.authorization),
      offerTimeoutMs: options.offerTimeout,
      outstandingCapPercent: options.outstandingCap,
    }),
    allocatorArguments: allocatorArguments({ allocationIntervalMs: options.allocationInterval }),
    onNotice: (text) => display.note(text),
  });
  const run = { place, options, display, startedMs, keeper, interrupted: interrupted.promise };
  try {
    return await runToTheEnd(run);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    display.note('stopping: taking everything down');
    return INTERRUPTED;
  } finally {
    // A second Ctrl-C does not cut the cleaning up short.
    await keeper.stop();
  }
}

type Run = {
  readonly place: ProgramPlace;
  readonly options: StartOptions;
  readonly display: ProgressDisplay;
  readonly startedMs: number;
  readonly keeper: KeeperClient;
  readonly interrupted: Promise<never>;
};

async function runToTheEnd(run: Run): Promise<number> {
  const { place, options, display, keeper, interrupted } = run;
  const { surroundings } = place;
  const cluster = await Promise.race([keeper.up, interrupted]);
  const context = await currentContext(surroundings, cluster);
  const stopDemo = new AbortController();
  const demo = runDemo({
    context,
    surroundings,
    keeper,
    display,
    input: options.input,
    output: options.output,
    runId: randomToken(),
    nowMs: monotonicMs,
    signal: stopDemo.signal,
    killsLeader: options.killLeader === true,
    onReady: async () => {
      display.note(`started in ${formatSeconds(monotonicMs() - run.startedMs)}`);
      await tellConsole(run, context);
    },
  });
  try {
    await Promise.race([demo, keeper.failed, interrupted]);
  } finally {
    stopDemo.abort();
    await Promise.allSettled([demo]);
  }
  if (options.keep === true) return keepRunning(run, cluster);
  if (options.exit === true || !surroundings.isTerminal) return EXIT.ok;
  await waitForEnter(run, cluster);
  return EXIT.ok;
}

/** Before the first task starts, so that one can watch it. */
async function tellConsole({ display }: Run, { local }: Context): Promise<void> {
  if (local === undefined) return;
  const link = await awaitConsoleLink(path.join(local.directory, SIGN_IN_FILE), CONSOLE_TIMEOUT_MS);
  display.note(
    link === undefined
      ? 'console: the gateway does not answer; see "npx parley logs gateway-1"'
      : `console: ${link}`,
  );
}

async function keepRunning({ display, keeper }: Run, cluster: ClusterName): Promise<number> {
  await keeper.detach();
  display.note(`\nThe cluster ${cluster} goes on. To reach it and to stop it:`);
  for (const command of commandsToTry(cluster)) display.note(`  ${command}`);
  display.note(`  npx parley stop --name ${cluster}`);
  return EXIT.ok;
}

async function waitForEnter(
  { display, keeper, interrupted }: Run,
  cluster: ClusterName,
): Promise<void> {
  display.note('\nThe cluster is still there. To try in another terminal, in this folder:');
  for (const command of commandsToTry(cluster)) display.note(`  ${command}`);
  display.note('\nEnter or Ctrl-C ends it.');
  const lines = createInterface({ input: process.stdin });
  try {
    const enter = new Promise<void>((resolve) => {
      lines.once('line', () => resolve());
      lines.once('close', () => resolve());
    });
    await Promise.race([enter, keeper.failed, interrupted]);
  } catch (error) {
    // Here a Ctrl-C is the way out that was offered.
    if (!(error instanceof Interrupted)) throw error;
  } finally {
    lines.close();
  }
}
